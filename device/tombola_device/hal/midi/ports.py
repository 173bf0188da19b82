"""MIDI from USB and from other programs; ports come and go while the instrument plays."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.midi.bytes import PASSED_ON, MidiMessage
from tombola_device.hal.midi.held import HeldKeys
from tombola_device.hal.midi.rtmidi import RtmidiBackend

SCAN_S: Final = 0.2
"""How often the list of ports is read, 13 µs each (measured). A port that goes and comes back under its name between
two readings would stay mute; USB needs longer than this to find a device again (USB 2.0, 7.1.7.3: 100 ms until a plug
rests, then two resets of 50 ms)."""
LOOP_PORTS: Final = ("Midi Through", "tombola")
"""ALSA's way through would bring back what other programs send out; our own port is no source either."""
JACK: Final = "jack"
_FIRST_SYSTEM: Final = 0xF0
_LOG = logging.getLogger(__name__)


class MidiPort(Protocol):
    """An input that is open."""

    def poll(self) -> list[MidiMessage]:
        """What came since the last call, in order. Does not wait."""

    def close(self) -> None:
        """Give it back."""


class MidiBackend(Protocol):
    """Where ports are. Its errors may be any Exception: rtmidi's differ between its versions."""

    def get_input_names(self) -> list[str]:
        """Ports that can be opened now."""

    def open_input(self, name: str, /) -> MidiPort:
        """Open one of them."""

    def close(self) -> None:
        """Give it back."""


class PortsIn:
    """All hardware and software MIDI inputs, or those whose name contains ``name``.

    Ports that appear are opened and ports that vanish are closed, looked for every SCAN_S; the keys that one held when
    it vanished are let go.

    Args:
        name: Part of a name; empty: all but LOOP_PORTS.
        backend: Where ports are found; by default the system's.
        clock: Seconds.

    Raises:
        DeviceUnavailable: The library is missing, it finds no MIDI at all, or a port that was named is not there.
    """

    def __init__(
        self, name: str = "", backend: MidiBackend | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._wanted, self._clock = name, clock
        self._backend = backend if backend is not None else RtmidiBackend()
        self._ports: dict[str, MidiPort] = {}
        self._held: dict[str, HeldKeys] = {}
        self._refused: set[str] = set()
        self.done = False
        try:
            self._scan()
        except Exception as error:
            raise DeviceUnavailable(f"MIDI ports cannot be opened ({error}); set midi to none") from error
        if name and not self._ports:
            raise DeviceUnavailable(f"there is no MIDI input whose name contains {name!r}; see `aconnect -l`")

    @property
    def name(self) -> str:
        """See MidiIn."""
        return ", ".join(self._ports) or "no MIDI port"

    def poll(self) -> list[MidiMessage]:
        """See MidiIn."""
        if self.done:
            return []
        messages: list[MidiMessage] = []
        if self._clock() - self._scan_s >= SCAN_S:
            try:
                messages += self._scan()
            except Exception as error:  # noqa: BLE001 - what cannot be listed now may be the next time
                _LOG.debug("MIDI ports cannot be listed: %s", error)
        for name, port in self._ports.items():
            messages += self._read(port, self._held[name])
        return messages

    def close(self) -> None:
        """See MidiIn."""
        if self.done:
            return
        self.done = True
        for port in self._ports.values():
            port.close()
        self._ports.clear()
        self._backend.close()

    def _read(self, port: MidiPort, held: HeldKeys) -> list[MidiMessage]:
        came = [message for message in port.poll() if message]  # Other programs send what they like.
        messages = [message for message in came if message[0] < _FIRST_SYSTEM or message[0] in PASSED_ON]
        for message in messages:
            held.follow(message)
        return messages

    def _scan(self) -> list[MidiMessage]:
        """Open what has come and close what has gone; what lets its keys go."""
        self._scan_s = self._clock()
        names = [port for port in dict.fromkeys(self._backend.get_input_names()) if self._wanted in port]
        names = [port for port in names if self._wanted or not port.startswith(LOOP_PORTS)]
        messages: list[MidiMessage] = []
        for gone in [port for port in self._ports if port not in names]:
            _LOG.info("the MIDI input %s was unplugged", gone)
            port, held = self._ports.pop(gone), self._held.pop(gone)
            messages += [*self._read(port, held), *held.release()]
            port.close()
        for name in names:
            if name not in self._ports:
                try:
                    self._ports[name] = self._backend.open_input(name)
                except Exception as error:  # noqa: BLE001 - one port that somebody else holds must not cost the others
                    if name not in self._refused:  # Once is enough to read.
                        self._refused.add(name)
                        _LOG.info("the MIDI input %s cannot be opened: %s", name, error)
                else:
                    self._refused.discard(name)
                    self._held[name] = HeldKeys()
                    _LOG.info("listening to the MIDI input %s", name)
        return messages


def open_ports(midi: str) -> PortsIn:
    """Open what the configuration's ``midi`` names.

    Args:
        midi: ``auto`` (all inputs of the first interface that answers), ``jack`` (all of a JACK server), a part of an
            input's name, or ``jack:`` and a part.

    Raises:
        DeviceUnavailable: See PortsIn.
    """
    api, colon, name = midi.partition(":")
    if api == JACK:
        return PortsIn(name, RtmidiBackend(JACK))
    return PortsIn("" if midi == "auto" else f"{api}{colon}{name}")


class FakePort:
    """One input of a FakeBackend."""

    def __init__(self) -> None:
        self.closed = self.refuses = False
        self._messages: list[MidiMessage] = []

    def send(self, message: MidiMessage) -> None:
        """Let a message come."""
        self._messages.append(message)

    def refuse(self) -> None:
        """Behave as if another program had it."""
        self.refuses = True

    def poll(self) -> list[MidiMessage]:
        """See MidiPort."""
        messages, self._messages = self._messages, []
        return messages

    def close(self) -> None:
        """See MidiPort."""
        self.closed = True


class FakeBackend:
    """Ports that a test plugs in and pulls out."""

    def __init__(self) -> None:
        self._plugged: dict[str, FakePort] = {}
        self.closed = False

    def plug(self, name: str) -> FakePort:
        """A keyboard comes."""
        self._plugged[name] = FakePort()
        return self._plugged[name]

    def unplug(self, name: str) -> None:
        """And goes."""
        del self._plugged[name]

    def get_input_names(self) -> list[str]:
        """See MidiBackend."""
        return list(self._plugged)

    def open_input(self, name: str, /) -> FakePort:
        """See MidiBackend."""
        port = self._plugged[name]
        if port.refuses:
            raise OSError(f"{name} is taken")
        return port

    def close(self) -> None:
        """See MidiBackend."""
        self.closed = True
