"""Where notes come from. Messages are tuples of bytes, status first; the player knows what they mean."""

from __future__ import annotations

import contextlib
import importlib
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Protocol

from tombola_device.contract.errors import BadConfig, DeviceUnavailable
from tombola_device.hal.midi_bytes import Message, MidiBytes


class MidiIn(Protocol):
    """A source of MIDI."""

    @property
    def name(self) -> str:
        """What a user would call it."""

    @property
    def done(self) -> bool:
        """Whether nothing will ever come any more."""

    def poll(self) -> list[Message]:
        """What came since the last call, in order. Does not wait."""

    def close(self) -> None:
        """Give the source back. May be called twice."""


class FakeMidi:
    """Plays what a test tells it to: ``press``, ``release``, ``turn``, ``select``."""

    name = "a fake"

    def __init__(self) -> None:
        self.done = False
        self._messages: list[Message] = []

    def press(self, note: int, velocity: int = 100) -> None:
        """Push a key down."""
        self._messages.append((0x90, note, velocity))

    def release(self, note: int) -> None:
        """Let a key go."""
        self._messages.append((0x80, note, 0))

    def turn(self, controller: int, value: int) -> None:
        """Move a controller."""
        self._messages.append((0xB0, controller, value))

    def select(self, program: int) -> None:
        """Change the program."""
        self._messages.append((0xC0, program))

    def finish(self) -> None:
        """Say that nothing more will come."""
        self.done = True

    def poll(self) -> list[Message]:
        """See MidiIn."""
        messages, self._messages = self._messages, []
        return messages

    def close(self) -> None:
        """See MidiIn."""
        self.done = True


def _mido() -> ModuleType:
    try:
        # By name, and so without types: mido has none.
        return importlib.import_module("mido")
    except ImportError as error:
        raise DeviceUnavailable(
            "MIDI needs the Python package mido, which is not installed; install tombola-device[midi]"
        ) from error


class PortsIn:
    """All hardware and software MIDI inputs, or those whose name contains ``name``.

    Raises:
        DeviceUnavailable: The library is missing, or a port that was named is not there.
    """

    def __init__(self, name: str = "") -> None:
        mido = _mido()
        self.done = False
        try:
            backend = mido.Backend("mido.backends.rtmidi", load=True)
            found = [port for port in dict.fromkeys(backend.get_input_names()) if name in port]
            # An own port of ours, as ALSA calls the way through, would be a loop.
            self._ports = [backend.open_input(port) for port in found if not port.startswith("Midi Through")]
        except ImportError as error:
            raise DeviceUnavailable(
                "MIDI ports need the Python package python-rtmidi, which is not installed; install tombola-device[midi]"
            ) from error
        except Exception as error:  # rtmidi's errors differ between its versions and share no base but Exception.
            raise DeviceUnavailable(f"MIDI ports cannot be opened ({error}); set midi to none") from error
        if name and not self._ports:
            raise DeviceUnavailable(f"there is no MIDI input whose name contains {name!r}; see `aconnect -l`")
        self.name = ", ".join(port.name for port in self._ports) or "no MIDI port"

    def poll(self) -> list[Message]:
        """See MidiIn."""
        return [tuple(message.bytes()) for port in self._ports for message in port.iter_pending()]

    def close(self) -> None:
        """See MidiIn."""
        ports, self._ports = self._ports, []
        for port in ports:
            port.close()
        self.done = True


class SocketIn:
    """MIDI over TCP, plain bytes as ``mido.sockets`` sends them; any number of clients.

    Args:
        address: HOST:PORT to listen on.

    Raises:
        BadConfig: The address is not HOST:PORT.
        DeviceUnavailable: It cannot be listened on.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        if not port.isdecimal() or not 0 < int(port) < 65_536:
            raise BadConfig(f"the MIDI socket {address!r} is not HOST:PORT; give for instance localhost:9080")
        self.name, self.done = f"socket {address}", False
        try:
            self._server = socket.create_server((host, int(port)))
        except OSError as error:
            raise DeviceUnavailable(f"nobody can listen on {address} ({error.strerror}); give another port") from error
        self._server.settimeout(0)
        self._clients: dict[socket.socket, MidiBytes] = {}

    def poll(self) -> list[Message]:
        """See MidiIn."""
        with contextlib.suppress(OSError):  # Nobody calls.
            client, _ = self._server.accept()
            client.settimeout(0)
            self._clients[client] = MidiBytes()
        return [message for client in list(self._clients) for message in self._read(client)]

    def close(self) -> None:
        """See MidiIn."""
        self.done = True
        for client in (*self._clients, self._server):
            client.close()
        self._clients.clear()

    def _read(self, client: socket.socket) -> list[Message]:
        try:
            data = client.recv(4096)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            del self._clients[client]
            client.close()
            return []
        return self._clients[client].feed(data)


def read_midi_file(path: Path) -> list[tuple[float, Message]]:
    """All channel messages of a standard MIDI file with their times in seconds.

    Raises:
        DeviceUnavailable: mido is missing.
        BadConfig: It cannot be read or is no MIDI file.
    """
    mido = _mido()
    time_s, messages = 0.0, []
    try:
        for message in mido.MidiFile(path):
            time_s += message.time
            if not message.is_meta and message.type != "sysex":
                messages.append((time_s, tuple(message.bytes())))
    except OSError as error:
        raise BadConfig(f"the MIDI file {path} cannot be read ({error.strerror or error}); name another") from error
    except Exception as error:  # mido raises whatever its parser stumbles over.
        raise BadConfig(f"{path} is no MIDI file ({error}); name another") from error
    return messages


class FileIn:
    """Plays timed messages against the clock.

    Args:
        name: Where they are from.
        messages: (seconds, message), rising.
        clock: Seconds; the first call of ``poll`` is time 0.
    """

    def __init__(
        self, name: str, messages: Sequence[tuple[float, Message]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self._messages, self._clock = list(messages), clock
        self._next, self._start_s = 0, -1.0

    @property
    def done(self) -> bool:
        """See MidiIn."""
        return self._next >= len(self._messages)

    def poll(self) -> list[Message]:
        """See MidiIn."""
        if self._start_s < 0:
            self._start_s = self._clock()
        first, now_s = self._next, self._clock() - self._start_s
        while self._next < len(self._messages) and self._messages[self._next][0] <= now_s:
            self._next += 1
        return [message for _, message in self._messages[first : self._next]]

    def close(self) -> None:
        """See MidiIn."""
        self._next = len(self._messages)
