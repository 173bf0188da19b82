"""MIDI over TCP."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
from typing import Final

from tombola_device.contract.errors import BadConfig, DeviceUnavailable
from tombola_device.hal.midi.bytes import MidiBytes, MidiMessage
from tombola_device.hal.midi.held import HeldKeys, Sources

MOST_CLIENTS: Final = 16
"""One for each MIDI channel. 1100 idle clients, each read in each poll, took 63 % of the control process (measured)."""
MOST_BYTES: Final = 256
"""Most bytes of one client per read: eighty times what a MIDI cable carries."""
_LOG = logging.getLogger(__name__)


class SocketIn:
    """MIDI over TCP from up to MOST_CLIENTS clients, as plain bytes like those of ``mido.sockets``.

    The held keys of a client are released when it disconnects.

    Args:
        address: HOST:PORT to listen on.
        sources: What else plays the instrument; see HeldKeys.

    Raises:
        BadConfig: The address is not HOST:PORT.
        DeviceUnavailable: The address cannot be opened.
    """

    def __init__(self, address: str, sources: Sources | None = None) -> None:
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
        self._sources: Sources = [] if sources is None else sources
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._server, selectors.EVENT_READ)
        self._clients: dict[socket.socket, tuple[MidiBytes, HeldKeys]] = {}
        self._full_said = False

    def poll(self) -> list[MidiMessage]:
        """See MidiIn."""
        if self.done:
            return []
        messages: list[MidiMessage] = []
        for key, _ in self._selector.select(0):
            if key.fileobj is self._server:
                self._accept()
            elif isinstance(key.fileobj, socket.socket):
                messages += self._read(key.fileobj)
        return messages

    def close(self) -> None:
        """See MidiIn."""
        self.done = True
        for client in (*self._clients, self._server):
            client.close()
        self._clients.clear()
        self._selector.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # The client has gone again.
            client, _ = self._server.accept()
            if len(self._clients) >= MOST_CLIENTS:
                client.close()
                if not self._full_said:
                    self._full_said = True
                    _LOG.warning(
                        "the MIDI %s has %d clients and takes no more; end one of them first", self.name, MOST_CLIENTS
                    )
                return
            client.settimeout(0)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # One that vanished frees its place.
            self._selector.register(client, selectors.EVENT_READ)
            self._clients[client] = MidiBytes(), HeldKeys(self._sources)

    def _read(self, client: socket.socket) -> list[MidiMessage]:
        try:
            data = client.recv(MOST_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        reader, held = self._clients[client]
        if not data:
            self._selector.unregister(client)
            client.close()
            del self._clients[client]
            self._full_said = False
            return held.leave()
        messages = reader.feed(data)
        for message in messages:
            held.follow(message)
        return messages
