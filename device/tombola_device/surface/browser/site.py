"""The addresses of the page: files, sockets, backup, restore, and bundles that are dropped on it."""

from __future__ import annotations

import asyncio
import re
import socket as sockets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tombola_device.contract.bundle import MAX_BUNDLE_BYTES
from tombola_device.contract.errors import BadConfig, TombolaError
from tombola_device.contract.signing import KEY_BYTES, SIGNATURE_BYTES
from tombola_device.surface.actions import MakeBackup, Restore
from tombola_device.surface.backup import read_backup
from tombola_device.surface.browser.hub import Hub
from tombola_device.surface.browser.sound import Ear
from tombola_device.surface.browser.upload import flash
from tombola_device.web.files import StaticFile, read_files
from tombola_device.web.guard import Refusal
from tombola_device.web.keys import Keys
from tombola_device.web.server import Answer, Asked, WebServer

STATIC: Final = Path(__file__).parent / "static"
MESSAGE_BYTES: Final = 4096
HEARD_BYTES: Final = 64
BACKUP_BYTES: Final = 256 * 1024
SIGNATURE: Final = "Tombola-Signature"


def page_files() -> Mapping[str, StaticFile]:
    """The files of the page."""
    return read_files(STATIC)


def build_site(listener: sockets.socket, keys: Keys, hub: Hub, ear: Ear, line: sockets.socket | None) -> WebServer:
    """The server with all addresses.

    Args:
        listener: Listens on the server's port.
        keys: Who may come in.
        hub: What all pages share.
        ear: Hears the sound.
        line: The line over which bundles are flashed; None: the instrument is not on this computer.
    """
    server = WebServer(listener, keys, page_files())
    flashing = asyncio.Lock()

    async def backup(_: Asked) -> Answer:
        text = await hub.ask(MakeBackup)
        kept = (("Content-Disposition", 'attachment; filename="tombola-backup.json"'), ("Cache-Control", "no-store"))
        return Answer(text.encode(), headers=(("Content-Type", "application/json"), *kept))

    async def restore(asked: Asked) -> Answer:
        try:
            content = read_backup(asked.body)
        except BadConfig as error:
            raise Refusal(400, str(error)) from error
        return Answer.of({"said": await hub.ask(lambda ticket: Restore(content, ticket))})

    async def bundle(asked: Asked) -> Answer:
        signed = _signature(asked.headers.get(SIGNATURE, ""))
        if line is None:
            raise Refusal(409, "this instrument is on a cable; end `tombolad panel`, and use `tombola flash`")
        if not asked.body:
            raise Refusal(400, "the bundle is empty; choose another file")
        if flashing.locked():
            raise Refusal(409, "another bundle is arriving; wait until it plays")
        async with flashing:
            try:
                return Answer.of({"said": await asyncio.to_thread(flash, line, asked.body, signed)})
            except TombolaError as error:
                raise Refusal(409, str(error)) from error

    server.get("/backup", backup)
    server.post("/restore", restore, BACKUP_BYTES)
    server.post("/bundle", bundle, MAX_BUNDLE_BYTES)
    server.socket("/socket", hub.serve_page, MESSAGE_BYTES)
    server.socket("/sound", ear.serve, HEARD_BYTES)
    return server


def _signature(text: str) -> bytes:
    if text and not re.fullmatch(f"[0-9a-fA-F]{{{2 * (KEY_BYTES + SIGNATURE_BYTES)}}}", text):
        raise Refusal(400, "the signature is damaged; make it again with `tombola key sign`")
    return bytes.fromhex(text)
