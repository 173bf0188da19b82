"""The server's process: ``python -m tombola_device.surface.browser.process``, started by ``child.ServerProcess``.

It has a low priority, and ends with the control process: when the other end of its link has gone, whatever its
threads are at.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import signal
import socket
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from tombola_device.audio.limits import limit_memory
from tombola_device.audio.ring import map_memory
from tombola_device.audio.tap import TAP_BYTES, TapReader
from tombola_device.contract.foreign import log_plainly
from tombola_device.disk.files import DiskFiles
from tombola_device.disk.sealed import read_sealed, write_sealed
from tombola_device.surface.browser.child import BELL_BYTES, Bell, ServerStart
from tombola_device.surface.browser.hub import Hub
from tombola_device.surface.browser.shelf import BundleShelf
from tombola_device.surface.browser.site import build_site
from tombola_device.surface.browser.sound import Ear
from tombola_device.web.keys import KeptKeys, Keys, new_keys

NICE: Final = 10
LINE_BYTES: Final = 1 << 20
"""Longest line of the instrument: a view has 10 kB, a backup within it 20."""
_LOG = logging.getLogger(__name__)


async def serve(start: ServerStart) -> None:
    """Serve until the control process has gone."""
    link = socket.socket(fileno=start.link)
    line = socket.socket(fileno=start.flash) if start.flashes else None
    reader, writer = await asyncio.open_connection(sock=link, limit=LINE_BYTES)
    tap = TapReader(map_memory(start.tap, TAP_BYTES)) if start.tap >= 0 else None
    ear = Ear(tap)
    shelf = BundleShelf(Path(start.slots), Path(start.factory) if start.factory else None)
    bell = Bell(map_memory(start.bell, BELL_BYTES))

    def write(line: bytes) -> None:
        writer.write(line)
        bell.ring()

    hub = Hub(write, ear, shelf, hands_here=start.hands_here)
    server = build_site(socket.socket(fileno=start.listener), open_keys(Path(start.keys)), hub, ear, line)

    def say_address() -> None:
        hub.send({"kind": "address", "address": server.address})

    server.logged_out = say_address
    async with server:
        say_address()
        complaint = ""
        while data := await reader.readline():
            try:
                hub.take(data)
            except (msgspec.DecodeError, ValueError) as error:
                if str(error) != complaint:  # A view comes twenty times a second.
                    complaint = str(error)
                    _LOG.warning("the instrument says what the server of the page does not know: %s", error)


def open_keys(path: Path) -> Keys:
    """Token and cookies as they were kept, or new ones. A disk that refuses makes them hold for this run only."""
    files = DiskFiles()
    kept = read_sealed(files, path, KeptKeys)

    def keep(keys: KeptKeys) -> None:
        with contextlib.suppress(OSError):
            write_sealed(files, path, keys)

    if kept is None:
        kept = new_keys()
        keep(kept)
    return Keys(kept, keep)


def follow_parent(link: int) -> None:
    """End when the control process has closed its end of the link."""
    poller = select.poll()
    poller.register(link, 0)  # A hang-up is reported without being asked for.
    poller.poll()
    os._exit(0)


def main() -> int:
    """Entry point; the only argument is a ``ServerStart`` as JSON."""
    log_plainly()
    start = msgspec.json.decode(sys.argv[1].encode(), type=ServerStart)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the control process handles it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.umask(0o077)  # Only the user may read the token and the cookies.
    os.nice(NICE)
    limit_memory()  # The maps run a foreign graph.
    threading.Thread(target=partial(follow_parent, start.link), daemon=True).start()
    with contextlib.suppress(ConnectionError):
        asyncio.run(serve(start))
    return 0


if __name__ == "__main__":
    sys.exit(main())
