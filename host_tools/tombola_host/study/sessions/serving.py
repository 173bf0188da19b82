"""Serves a session to browsers on this computer, behind the same guard as the instrument's own page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec
from tombola_device.contract.errors import BadConfig, StoreError, TombolaError
from tombola_device.web.files import read_files
from tombola_device.web.keys import Keys, new_keys
from tombola_device.web.ports import listen
from tombola_device.web.server import Answer, Asked, WebServer

from tombola_host.study.sessions.desk import Desk, read_asking, read_said

PORT: Final = 8663
"""Beside the instrument's page."""
PAGE: Final = Path(__file__).parent / "page"
MOST_BYTES: Final = 16_384
FULL: Final = 507
"""Insufficient Storage."""


class SoundAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which sound a page wants."""

    listener: str
    trial: int
    letter: str


async def serve(desk: Desk, port: int, ready: Callable[[str], None], stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set.

    Args:
        desk: The session.
        port: Of 127.0.0.1.
        ready: Told the address, token included.

    Raises:
        PortTaken: Another program has the port.
    """
    listener = listen(port)
    server = WebServer(listener, Keys(new_keys(), lambda _: None), read_files(PAGE))
    server.post("/state", _answering(lambda body: desk.state(read_asking(body))), MOST_BYTES)
    server.post("/vote", _answering(lambda body: desk.vote(read_said(body))), MOST_BYTES)
    server.post("/undo", _answering(lambda body: desk.undo(read_asking(body))), MOST_BYTES)
    server.post("/sound", _sounding(desk), MOST_BYTES)
    async with server:
        ready(server.address)
        await stop.wait()


def _answering(work: Callable[[bytes], dict[str, object]]) -> Callable[[Asked], Awaitable[Answer]]:
    async def handle(asked: Asked) -> Answer:
        # In a thread: a tuning session thinks for a moment, and a disk may make a vote wait.
        try:
            async with lock:
                return Answer.of(await asyncio.to_thread(work, asked.body))
        except TombolaError as error:
            return _refused(error)

    lock = asyncio.Lock()
    return handle


def _sounding(desk: Desk) -> Callable[[Asked], Awaitable[Answer]]:
    async def handle(asked: Asked) -> Answer:
        try:
            wanted = msgspec.json.decode(asked.body, type=SoundAsked)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _refused(BadConfig("the page has asked for what is not understood; load it again"))
        try:
            async with lock:
                data = await asyncio.to_thread(desk.sound, wanted.listener, wanted.trial, wanted.letter)
        except (TombolaError, OSError) as error:
            return _refused(error)
        return Answer(data, headers=(("Content-Type", "audio/flac"), ("Cache-Control", "no-store")))

    lock = asyncio.Lock()
    return handle


def _refused(error: Exception) -> Answer:
    return Answer.of({"error": str(error)}, FULL if isinstance(error, StoreError) else 400)
