"""How much one client may send, and how long it may take."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

HEAD_BYTES: Final = 16_384
"""Longest request line with all headers; a browser's have one or two thousand."""
SLOW_S: Final = 15.0
"""Who has not read what was written for so long is hung up on."""
LINGER_S: Final = 1.0
"""For so long, what a refused client still sends is read and discarded."""
LINGER_PIECES: Final = 64
PIECE_BYTES: Final = 65_536


class Bucket:
    """Allows ``rate`` a second in the long run, and ``burst`` at once.

    >>> now_s = [0.0]
    >>> bucket = Bucket(rate=2.0, burst=2.0, clock=lambda: now_s[0])
    >>> [bucket.take() for _ in range(4)], bucket.spend()
    ([0.0, 0.0, 0.5, 1.0], False)
    >>> now_s[0] = 1.5
    >>> [bucket.spend() for _ in range(3)]
    [True, False, False]
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left, self._then_s = burst, clock()

    def take(self, amount: float = 1.0) -> float:
        """Take an amount; return the seconds that the taker must wait."""
        self._refill()
        self._left -= amount
        return -self._left / self._rate if self._left < 0 else 0.0

    def spend(self) -> bool:
        """Take one if there is one: who is refused owes nothing, so a flood makes nobody wait longer afterwards."""
        self._refill()
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True

    def _refill(self) -> None:
        now_s = self._clock()
        self._left = min(self._left + (now_s - self._then_s) * self._rate, self._burst)
        self._then_s = now_s


class TooMuch(ValueError):
    """A head is longer than any that is meant well."""


class Reader:
    """What the server reads of one client: a head of at most HEAD_BYTES, then at most ``rate`` bytes a second.

    Args:
        stream: The client's bytes.
    """

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._stream = stream
        self._head_bytes = 0
        self.bucket: Bucket | None = None
        """From when it is set, reading is slowed down to its rate."""

    async def readline(self) -> bytes:
        """One line of the head.

        Raises:
            TooMuch: The line or the head is too long.
        """
        try:
            line = await self._stream.readline()
        except ValueError as error:
            raise TooMuch from error
        self._head_bytes += len(line)
        if self._head_bytes > HEAD_BYTES:
            raise TooMuch
        return line

    async def read(self, size: int) -> bytes:
        """At most ``size`` bytes; none at the end."""
        await self._slow_down(size)
        return await self._stream.read(size)

    async def readexactly(self, size: int) -> bytes:
        """``size`` bytes.

        Raises:
            asyncio.IncompleteReadError: The client has hung up.
        """
        await self._slow_down(size)
        return await self._stream.readexactly(size)

    async def _slow_down(self, size: int) -> None:
        if self.bucket is not None and (wait_s := self.bucket.take(size)):
            await asyncio.sleep(wait_s)


class Writer:
    """What the server writes to one client, which must read it within SLOW_S.

    Args:
        stream: The client.
        slow_s: How long it may take.
    """

    def __init__(self, stream: asyncio.StreamWriter, slow_s: float = SLOW_S) -> None:
        self._stream, self._slow_s = stream, slow_s
        self._lock = asyncio.Lock()

    async def awrite(self, data: bytes) -> None:
        """Write, and wait until most of it is on its way.

        Raises:
            ConnectionError: The client reads too slowly, or has hung up.
        """
        async with self._lock:
            self._stream.write(data)
            try:
                async with asyncio.timeout(self._slow_s):  # ``wait_for`` would make a task for each message.
                    await self._stream.drain()
            except TimeoutError as error:
                self.abort()
                raise ConnectionAbortedError("the client does not read") from error

    async def linger(self, reader: Reader) -> None:
        """Say that no more comes, and discard what the client still sends, for a while.

        A system that closes on bytes which nobody has read discards the answer as well (RFC 9112, section 9.6).
        """
        self._stream.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                for _ in range(LINGER_PIECES):
                    if not await reader.read(PIECE_BYTES):
                        return

    def abort(self) -> None:
        """Hang up at once; what was not sent is lost."""
        self._stream.transport.abort()

    async def aclose(self) -> None:
        """Hang up when all is sent, or after a second."""
        try:
            self._stream.close()
            await asyncio.wait_for(self._stream.wait_closed(), 1.0)
        except (OSError, TimeoutError):
            self.abort()
