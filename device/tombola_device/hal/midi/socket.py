"""MIDI over TCP."""

from __future__ import annotations

import contextlib
import socket

from tombola_device.contract.errors import BadConfig, DeviceUnavailable
from tombola_device.hal.midi.bytes import MidiBytes, MidiMessage
from tombola_device.hal.midi.held import HeldKeys


class SocketIn:
    """MIDI over TCP from any number of clients, as plain bytes like those of ``mido.sockets``.

    The held keys of a client are released when it disconnects.

    Args:
        address: HOST:PORT to listen on.

    Raises:
        BadConfig: The address is not HOST:PORT.
        DeviceUnavailable: The address cannot be opened.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        if not port.isdecimal() or not 0 < int(port) < 65_536:
            raise BadConfig(f"the MIDI socket {address!r} is not HOST:PORT; give for example localhost:9080")
        self.name, self.done = f"socket {address}", False
        try:
            self._server = socket.create_server((host, int(port)))
        except OSError as error:
            raise DeviceUnavailable(
                f"the MIDI socket {address} cannot be opened ({error.strerror}); give another port"
            ) from error
        self._server.settimeout(0)
        self._clients: dict[socket.socket, tuple[MidiBytes, HeldKeys]] = {}

    def poll(self) -> list[MidiMessage]:
        """See MidiIn."""
        with contextlib.suppress(OSError):  # No client is waiting.
            client, _ = self._server.accept()
            client.settimeout(0)
            self._clients[client] = MidiBytes(), HeldKeys()
        return [message for client in list(self._clients) for message in self._read(client)]

    def close(self) -> None:
        """See MidiIn."""
        self.done = True
        for client in (*self._clients, self._server):
            client.close()
        self._clients.clear()

    def _read(self, client: socket.socket) -> list[MidiMessage]:
        try:
            data = client.recv(4096)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            client.close()
            return self._clients.pop(client)[1].release()
        reader, held = self._clients[client]
        messages = reader.feed(data)
        for message in messages:
            held.follow(message)
        return messages
