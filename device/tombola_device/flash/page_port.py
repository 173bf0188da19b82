"""The line from the server of the page, in the place of a serial port."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Final

READ_BYTES: Final = 65_536
WAIT_S: Final = 0.05


class PagePort:
    """A ``SerialPort`` over a socket, which may be replaced by another when the server is started again.

    Args:
        take: Gives a new socket, once; None: there is none.

    >>> ours, theirs = socket.socketpair()
    >>> port = PagePort([None, ours].pop)
    >>> theirs.send(b"frame"), port.read(port.in_waiting)
    (5, b'frame')
    >>> theirs.close(), port.close()
    (None, None)
    """

    in_waiting: Final = READ_BYTES

    def __init__(self, take: Callable[[], socket.socket | None]) -> None:
        self._take = take
        self._line: socket.socket | None = None

    def read(self, size: int, /) -> bytes:
        """See SerialPort; without a line, nothing after WAIT_S."""
        fresh = self._take()
        if fresh is not None:
            self.close()
            self._line = fresh
            fresh.settimeout(WAIT_S)
        if self._line is None:
            time.sleep(WAIT_S)
            return b""
        try:
            data = self._line.recv(size)
        except TimeoutError:
            return b""
        except OSError:
            data = b""
        if not data:  # The server has gone; another one brings another line.
            self.close()
        return data

    def write(self, data: bytes, /) -> int | None:
        """See SerialPort."""
        if self._line is not None:
            try:
                self._line.sendall(data)
            except OSError:
                self.close()
        return len(data)

    def close(self) -> None:
        """See SerialPort."""
        line, self._line = self._line, None
        if line is not None:
            line.close()
