"""One WebSocket: whole messages in and out, each of limited length, at a limited rate."""

from __future__ import annotations

import asyncio
from typing import Final

from microdot.microdot import Request
from microdot.websocket import WebSocket, WebSocketError

from tombola_device.web.limits import Bucket, Reader, Writer

MESSAGES_PER_S: Final = 500.0
"""A hand on a pad sends 60 a second, a keyboard's wheels some hundred; more are read later."""
BYTES_PER_S: Final = 128_000.0


class Closed(Exception):
    """The other end has hung up, or must be hung up on."""


class Socket:
    """A WebSocket of a client that was let in.

    Args:
        request: The request that opens it.
        reader: Its bytes.
        writer: Takes ours.
        most_bytes: Longest message that is taken.
    """

    def __init__(self, request: Request, reader: Reader, writer: Writer, most_bytes: int) -> None:
        self._inner, self._writer, self._reader = WebSocket(request), writer, reader
        self._inner.max_message_length = most_bytes
        self._messages = Bucket(MESSAGES_PER_S, 2 * MESSAGES_PER_S)

    async def shake_hands(self) -> None:
        """Answer the request for a WebSocket.

        Raises:
            ValueError: It was none.
        """
        upgrade = self._inner.request.headers.get("Upgrade", "")
        if upgrade.lower() != "websocket" or not self._inner.request.headers.get("Sec-WebSocket-Key"):
            raise ValueError(upgrade)
        await self._inner.handshake()
        self._reader.bucket = Bucket(BYTES_PER_S, 2 * BYTES_PER_S)

    async def receive(self) -> str | bytes:
        """The next message.

        Raises:
            Closed: The client has hung up, or sent what is no message or too long a one.
        """
        if wait_s := self._messages.take():
            await asyncio.sleep(wait_s)
        try:
            return await self._inner.receive()
        except (WebSocketError, OSError, EOFError, ValueError, IndexError) as error:
            raise Closed from error

    async def send(self, message: str | bytes) -> None:
        """Send a message.

        Raises:
            Closed: The client has hung up, or does not read.
        """
        try:
            await self._inner.send(message)
        except OSError as error:
            raise Closed from error

    async def close(self) -> None:
        """Say goodbye, and hang up."""
        try:
            await self._inner.close()
        except OSError:
            self.abort()

    def abort(self) -> None:
        """Hang up at once."""
        self._writer.abort()
