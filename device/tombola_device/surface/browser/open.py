"""Opens the face in a browser: port, sound tap, server; and the page itself."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tombola_device.audio.ring import create_memory
from tombola_device.audio.tap import TAP_BYTES
from tombola_device.config import Config
from tombola_device.hal.midi.held import Sources
from tombola_device.hal.panel.open import on_a_pi
from tombola_device.surface.browser.child import Place, ServerProcess
from tombola_device.surface.browser.face import BrowserFace
from tombola_device.web.ports import PortTaken, listen

PORT: Final = 8662
"""TOMB on a telephone's keys."""
KEYS_FILE: Final = "browser.json"


@dataclass(frozen=True, slots=True)
class OpenPage:
    """A face in a browser, and what else of it the daemon passes on.

    Args:
        face: The face.
        tap: Descriptor of the shared memory that takes a copy of the sound.
        held: What its pages hold, and whatever else joins; see HeldKeys.
        take_line: Gives the line over which the page flashes; see ``flash.page_port``.
    """

    face: BrowserFace
    tap: int
    held: Sources
    take_line: Callable[[], socket.socket | None]


def open_page(config: Config, port: int, say: Callable[[str], None], *, show: bool) -> OpenPage:
    """Start the server of the page.

    Args:
        config: How the instrument is set up.
        port: The port; 0: PORT, or the next one that is free.
        say: Takes lines for the user: the address, and what is in the way.
        show: Whether to open the page in the user's browser too.

    Raises:
        PortTaken: Another program has the port that was asked for.
        DeviceUnavailable: The port cannot be opened.
    """
    listener = free_listener(port, say)
    tap = create_memory(TAP_BYTES)
    place = Place(
        listener,
        tap,
        config.state_path / KEYS_FILE,
        config.slots_path,
        config.factory_path,
        hands_here=config.panel == "none" or (config.panel == "auto" and not on_a_pi()),
    )
    server = ServerProcess(place)
    address = Address(say, show=show)
    held: Sources = []
    face = BrowserFace(server, address.say, hands_here=place.hands_here, sources=held)
    return OpenPage(face, tap, held, server.take_flash)


def browse_to(address: str) -> bool:
    """Open an address in the user's browser; False: there is none. Never one that takes over the terminal."""
    shown = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    return (sys.platform != "linux" or shown) and webbrowser.open(address)


class Address:
    """Tells the user the address of the page, and opens it the first time.

    Args:
        say: Takes lines for the user.
        show: Whether to open it.
        browse: Opens an address in a browser; False: it could not.
    """

    def __init__(self, say: Callable[[str], None], *, show: bool, browse: Callable[[str], bool] = browse_to) -> None:
        self._say, self._show, self._browse = say, show, browse
        self._said = ""

    def say(self, address: str) -> None:
        """Tell it, unless it was told before: a server that is started again has the same one."""
        if address == self._said:
            return
        self._said = address
        with contextlib.suppress(OSError):  # Nobody reads it.
            self._say(f"the panel is at {address}")
        if self._show:
            self._show = False
            threading.Thread(target=self._open, args=(address,), name="open", daemon=True).start()

    def _open(self, address: str) -> None:
        try:
            opened = self._browse(address)
        except (OSError, webbrowser.Error):
            opened = False
        if not opened:
            self._say("no browser could be opened here; open this address in one")


def free_listener(port: int, say: Callable[[str], None]) -> socket.socket:
    """Listen on a port; 0: PORT, or the next that is free, which is said.

    Raises:
        PortTaken: Another program has the port that was asked for.
        DeviceUnavailable: It cannot be opened.
    """
    if port:
        return listen(port)
    try:
        return listen(PORT)
    except PortTaken as taken:
        if not taken.free:
            raise
        say(f"{str(taken).partition(';')[0]}, so the panel is at port {taken.free}")
        return listen(taken.free)
