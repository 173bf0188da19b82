"""MIDI from USB and from other programs, by mido and python-rtmidi; ports come and go while the instrument plays."""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Final, Protocol

from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.midi_bytes import PASSED_ON, Message

SCAN_S: Final = 1.0
"""How often the list of ports is read: a keyboard that is plugged in plays after a second at the latest."""
LOOP_PORTS: Final = ("Midi Through", "tombola")
"""ALSA's way through would bring back what other programs send out; our own port is no source either."""
_FIRST_SYSTEM: Final = 0xF0
_LOG = logging.getLogger(__name__)


class _Message(Protocol):
    def bytes(self) -> list[int]: ...


class _Port(Protocol):
    def iter_pending(self) -> Iterable[_Message]: ...
    def close(self) -> None: ...


class Backend(Protocol):
    """The part of mido's backends that is used; it has no annotations."""

    def get_input_names(self) -> list[str]:
        """Ports that can be opened now."""

    def open_input(self, name: str, /) -> _Port:
        """Open one of them."""


def load_mido() -> ModuleType:
    """mido, which has no types.

    Raises:
        DeviceUnavailable: It is not installed.
    """
    try:
        return importlib.import_module("mido")
    except ImportError as error:
        raise DeviceUnavailable(
            "MIDI needs the Python package mido, which is not installed; install tombola-device[midi]"
        ) from error


def load_backend(api: str = "") -> Backend:
    """Rtmidi behind mido.

    Args:
        api: rtmidi's name of an interface, such as ``UNIX_JACK``; by default the system's own.

    Raises:
        DeviceUnavailable: A library is missing.
    """
    mido = load_mido()
    try:
        backend: Backend = mido.Backend(f"mido.backends.rtmidi{'/' if api else ''}{api}", load=True)
    except ImportError as error:
        raise DeviceUnavailable(
            "MIDI ports need the Python package python-rtmidi, which is not installed; install tombola-device[midi]"
        ) from error
    return backend


class PortsIn:
    """All hardware and software MIDI inputs, or those whose name contains ``name``.

    Ports that appear are opened and ports that vanish are closed, looked for every SCAN_S.

    Args:
        name: Part of a name; empty: all but LOOP_PORTS.
        backend: Where ports are found.
        clock: Seconds.

    Raises:
        DeviceUnavailable: The library is missing, it finds no MIDI at all, or a port that was named is not there.
    """

    def __init__(
        self, name: str = "", backend: Backend | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._wanted, self._clock = name, clock
        self._backend = backend if backend is not None else load_backend()
        self._ports: dict[str, _Port] = {}
        self.done = False
        try:
            self._scan()
        except Exception as error:  # rtmidi's errors differ between its versions and share no base but Exception.
            raise DeviceUnavailable(f"MIDI ports cannot be opened ({error}); set midi to none") from error
        if name and not self._ports:
            raise DeviceUnavailable(f"there is no MIDI input whose name contains {name!r}; see `aconnect -l`")

    @property
    def name(self) -> str:
        """See MidiIn."""
        return ", ".join(self._ports) or "no MIDI port"

    def poll(self) -> list[Message]:
        """See MidiIn."""
        if self.done:
            return []
        if self._clock() - self._scan_s >= SCAN_S:
            try:
                self._scan()
            except Exception as error:  # noqa: BLE001 - as above: what cannot be listed now may be in a second
                _LOG.debug("MIDI ports cannot be listed: %s", error)
        messages = [tuple(message.bytes()) for port in self._ports.values() for message in port.iter_pending()]
        return [message for message in messages if message[0] < _FIRST_SYSTEM or message[0] in PASSED_ON]

    def close(self) -> None:
        """See MidiIn."""
        ports, self._ports = self._ports, {}
        for port in ports.values():
            port.close()
        self.done = True

    def _scan(self) -> None:
        self._scan_s = self._clock()
        names = [port for port in dict.fromkeys(self._backend.get_input_names()) if self._wanted in port]
        names = [port for port in names if self._wanted or not port.startswith(LOOP_PORTS)]
        for gone in [port for port in self._ports if port not in names]:
            _LOG.info("the MIDI input %s was unplugged", gone)
            self._ports.pop(gone).close()
        for name in names:
            if name not in self._ports:
                try:
                    self._ports[name] = self._backend.open_input(name)
                except Exception as error:  # noqa: BLE001 - one port that somebody else holds must not cost the others
                    _LOG.info("the MIDI input %s cannot be opened: %s", name, error)
                else:
                    _LOG.info("listening to the MIDI input %s", name)


class FakePort:
    """One input of a FakeBackend."""

    def __init__(self) -> None:
        self.closed = self.refuses = False
        self._messages: list[FakeMessage] = []

    def send(self, message: Message) -> None:
        """Let a message come."""
        self._messages.append(FakeMessage(message))

    def refuse(self) -> None:
        """Behave as if another program had it."""
        self.refuses = True

    def iter_pending(self) -> Iterable[_Message]:
        """What came, once."""
        messages, self._messages = self._messages, []
        return messages

    def close(self) -> None:
        """Give it back."""
        self.closed = True


class FakeMessage:
    """A message as mido gives it."""

    def __init__(self, message: Message) -> None:
        self._message = message

    def bytes(self) -> list[int]:
        """Status first."""
        return list(self._message)


class FakeBackend:
    """Ports that a test plugs in and pulls out."""

    def __init__(self) -> None:
        self._plugged: dict[str, FakePort] = {}

    def plug(self, name: str) -> FakePort:
        """A keyboard comes."""
        self._plugged[name] = FakePort()
        return self._plugged[name]

    def unplug(self, name: str) -> None:
        """And goes."""
        del self._plugged[name]

    def get_input_names(self) -> list[str]:
        """See Backend."""
        return list(self._plugged)

    def open_input(self, name: str, /) -> FakePort:
        """See Backend."""
        port = self._plugged[name]
        if port.refuses:
            raise OSError(f"{name} is taken")
        return port
