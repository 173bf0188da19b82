"""MIDI from USB and from other programs. Ports may appear and vanish while the instrument plays."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.midi.bytes import PASSED_ON, MidiMessage
from tombola_device.hal.midi.held import HeldKeys, Sources
from tombola_device.hal.midi.rtmidi import RtmidiBackend

SCAN_S: Final = 0.2
"""Time between two readings of the list of ports; one reading takes 13 µs (measured). A port that vanishes and returns
under the same name between two readings would stay mute. USB needs at least this time to find a device again (USB 2.0,
7.1.7.3: 100 ms until the plug is stable, then two resets of 50 ms)."""
LOOP_PORTS: Final = ("Midi Through", "tombola")
"""Ports that are ignored: ALSA's loop-back, which returns what other programs send, and our own port."""
JACK: Final = "jack"
NO_PORT: Final = "no MIDI port"
"""Name of this source while no port is open."""
_FIRST_SYSTEM: Final = 0xF0
_LOG = logging.getLogger(__name__)


class MidiPort(Protocol):
    """An open input.

    >>> class Silence:
    ...     def poll(self): return []
    ...     def close(self): pass
    >>> port: MidiPort = Silence()
    >>> port.poll()
    []
    """

    def poll(self) -> list[MidiMessage]:
        """The messages since the last call, in order. Does not wait."""

    def close(self) -> None:
        """Close the port."""


class MidiBackend(Protocol):
    """Lists and opens ports. It may raise any Exception: rtmidi's exceptions differ between its versions.

    >>> class OneKeyboard:
    ...     def get_input_names(self): return ["keyboard"]
    ...     def open_input(self, name, /): return FakePort()
    ...     def close(self): pass
    >>> backend: MidiBackend = OneKeyboard()
    >>> PortsIn("key", backend).name
    'keyboard'
    """

    def get_input_names(self) -> list[str]:
        """Names of the ports that can be opened now."""

    def open_input(self, name: str, /) -> MidiPort:
        """Open a port by its name."""

    def close(self) -> None:
        """Close the back end."""


class PortsIn:
    """All hardware and software MIDI inputs, or those whose name contains ``name``.

    Every SCAN_S new ports are opened and vanished ports are closed. The held keys of a vanished port are released.

    Args:
        name: Part of the names; empty: all ports except LOOP_PORTS.
        backend: Lists and opens ports; None: the system's.
        clock: Returns seconds.
        sources: What else plays the instrument; see HeldKeys.

    Raises:
        DeviceUnavailable: rtmidi is missing or finds no MIDI interface, or no name contains ``name``.
    """

    def __init__(
        self,
        name: str = "",
        backend: MidiBackend | None = None,
        clock: Callable[[], float] = time.monotonic,
        sources: Sources | None = None,
    ) -> None:
        self._wanted, self._clock = name, clock
        self._sources: Sources = [] if sources is None else sources
        self._backend = backend if backend is not None else RtmidiBackend()
        self._ports: dict[str, MidiPort] = {}
        self._held: dict[str, HeldKeys] = {}
        self._refused: set[str] = set()
        self.done = False
        try:
            self._scan()
        except Exception as error:  # noqa: BLE001 - the next reading may succeed
            _LOG.warning("MIDI ports cannot be listed (%s); it is tried again", error)
        if name and not self._ports:
            raise DeviceUnavailable(f"no name of a MIDI input contains {name!r}; choose one from `aconnect -l`")

    @property
    def name(self) -> str:
        """See MidiIn."""
        return ", ".join(self._ports) or NO_PORT

    def poll(self) -> list[MidiMessage]:
        """See MidiIn."""
        if self.done:
            return []
        messages: list[MidiMessage] = []
        if self._clock() - self._scan_s >= SCAN_S:
            try:
                messages += self._scan()
            except Exception as error:  # noqa: BLE001 - the next reading may succeed
                _LOG.debug("MIDI ports cannot be listed: %s", error)
        for name, port in self._ports.items():
            try:
                messages += self._read(port, self._held[name])
            except Exception as error:  # noqa: BLE001 - of one port; the next reading of the list finds it gone
                _LOG.debug("the MIDI input %s cannot be read: %s", name, error)
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
        arrived = [message for message in port.poll() if message]  # Other programs may send empty messages.
        messages = [message for message in arrived if message[0] < _FIRST_SYSTEM or message[0] in PASSED_ON]
        for message in messages:
            held.follow(message)
        return messages

    def _scan(self) -> list[MidiMessage]:
        """Open new ports and close vanished ports; return the messages that release the keys of vanished ports."""
        self._scan_s = self._clock()
        names = [port for port in dict.fromkeys(self._backend.get_input_names()) if self._wanted in port]
        names = [port for port in names if self._wanted or not port.startswith(LOOP_PORTS)]
        messages: list[MidiMessage] = []
        for gone in [port for port in self._ports if port not in names]:
            _LOG.info("the MIDI input %s was unplugged", gone)
            port, held = self._ports.pop(gone), self._held.pop(gone)
            with contextlib.suppress(Exception):  # What it still holds may be lost with it.
                messages += self._read(port, held)
            messages += held.leave()
            with contextlib.suppress(Exception):
                port.close()
        for name in names:
            if name not in self._ports:
                try:
                    self._ports[name] = self._backend.open_input(name)
                except Exception as error:  # noqa: BLE001 - a busy port must not stop the others
                    if name not in self._refused:  # Log each refused port once.
                        self._refused.add(name)
                        _LOG.info("the MIDI input %s cannot be opened: %s", name, error)
                else:
                    self._refused.discard(name)
                    self._held[name] = HeldKeys(self._sources)
                    _LOG.info("listening to the MIDI input %s", name)
        return messages


def open_ports(midi: str, sources: Sources | None = None) -> PortsIn:
    """Open the ports that the configuration's ``midi`` names.

    Args:
        midi: ``auto`` (all inputs of the first interface that answers), ``jack`` (all inputs of a JACK server), a part
            of an input's name, or ``jack:`` and a part of the name.
        sources: See PortsIn.

    Raises:
        DeviceUnavailable: See PortsIn.
    """
    api, colon, name = midi.partition(":")
    if api == JACK:
        return PortsIn(name, RtmidiBackend(JACK), sources=sources)
    return PortsIn("" if midi == "auto" else f"{api}{colon}{name}", sources=sources)


class FakePort:
    """One input of a FakeBackend."""

    def __init__(self) -> None:
        self.closed = self.refuses = False
        self._messages: list[MidiMessage] = []

    def send(self, message: MidiMessage) -> None:
        """Let a message arrive at the port."""
        self._messages.append(message)

    def refuse(self) -> None:
        """Behave as if another program used the port."""
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
        """Plug in a keyboard; return its port."""
        self._plugged[name] = FakePort()
        return self._plugged[name]

    def unplug(self, name: str) -> None:
        """Unplug a keyboard."""
        del self._plugged[name]

    def get_input_names(self) -> list[str]:
        """See MidiBackend."""
        return list(self._plugged)

    def open_input(self, name: str, /) -> FakePort:
        """See MidiBackend."""
        port = self._plugged[name]
        if port.refuses:
            raise OSError(f"{name} is in use")
        return port

    def close(self) -> None:
        """See MidiBackend."""
        self.closed = True
