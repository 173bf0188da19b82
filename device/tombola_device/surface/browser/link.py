"""Lines of JSON over a socket pair, without ever waiting: the control process's end."""

from __future__ import annotations

import socket
from typing import Any, Final

import msgspec

READ_BYTES: Final = 65_536
MOST_PENDING_BYTES: Final = 1 << 20
"""Of a line that does not end; the server sends no such line."""


class LinkLost(Exception):
    """The other end has gone."""


class Link:
    r"""One end.

    >>> ours, theirs = socket.socketpair()
    >>> link = Link(ours)
    >>> link.send({"view": 1}), theirs.recv(64)
    (True, b'{"view":1}\n')
    >>> theirs.send(b'{"kind": "panic"}\n{"kind": ')
    27
    >>> link.receive()
    [{'kind': 'panic'}]
    >>> theirs.close(), link.close()
    (None, None)
    """

    def __init__(self, end: socket.socket) -> None:
        end.settimeout(0)
        self._end = end
        self._incoming = b""
        self._outgoing = b""

    @property
    def idle(self) -> bool:
        """Whether all that was sent is on its way. What comes again soon need not be sent before."""
        return not self._outgoing or self._flush()

    def send(self, message: object) -> bool:
        """Send one message; False if it waits for the other end to read.

        Raises:
            LinkLost: There is no other end.
        """
        self._outgoing += msgspec.json.encode(message) + b"\n"
        return self._flush()

    def receive(self) -> list[Any]:
        """The messages that have arrived since the last call, at most READ_BYTES at a time.

        Raises:
            LinkLost: There is no other end, or it sends what is no message.
        """
        try:
            data = self._end.recv(READ_BYTES)
        except BlockingIOError:
            return []
        except OSError as error:
            raise LinkLost from error
        if not data or len(self._incoming) > MOST_PENDING_BYTES:
            raise LinkLost
        *lines, self._incoming = (self._incoming + data).split(b"\n")
        try:
            return [msgspec.json.decode(line) for line in lines]
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise LinkLost from error

    def close(self) -> None:
        """Hang up."""
        self._end.close()

    def _flush(self) -> bool:
        while self._outgoing:
            try:
                sent = self._end.send(self._outgoing)
            except BlockingIOError:
                return False
            except OSError as error:
                raise LinkLost from error
            self._outgoing = self._outgoing[sent:]
        return True
