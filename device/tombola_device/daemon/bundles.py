"""The bundles: the lines that bring them, the slots that hold them, the owners who may sign them."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from tombola_device.config import Config
from tombola_device.contract.bundle import check_bundle
from tombola_device.contract.errors import BadBundle
from tombola_device.engine.board import this_board
from tombola_device.engine.probe_child import ChildProbe
from tombola_device.flash.page_port import PagePort
from tombola_device.flash.reception import RemotePanel
from tombola_device.flash.serve import Flashd, SerialPort, open_serial
from tombola_device.flash.turn import Turn
from tombola_device.slots.owner import OWNERS_FILE, Owner
from tombola_device.slots.store import Store
from tombola_device.surface.view import View

TakeLine = Callable[[], socket.socket | None]
COMING: Final = ("receiving", "checking")
"""What the serial line does while a bundle arrives; see ``Reception.doing``."""


class Bundles:
    """The slots, their owners, and each line in a thread of its own.

    Args:
        config: How the instrument is set up.
        playing: Answers a host that asks what plays; called in the lines' threads.
        page: Gives the line from the server of the page; None: there is no page.
        panel: Shows itself to a computer on the serial line.
    """

    def __init__(
        self,
        config: Config,
        playing: Callable[[], Mapping[str, object]],
        page: TakeLine | None = None,
        panel: RemotePanel | None = None,
    ) -> None:
        self.board = this_board()
        self._probe = ChildProbe(self.board)
        self.store = Store(config.slots_path, self._probe, config.factory_path)
        self.owner = Owner(config.state_path / OWNERS_FILE, config.unsigned)
        self.serial = config.serial
        """The port over which bundles are flashed; empty: none."""
        self._playing, self._page, self._panel = playing, page, panel
        self._installed: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self._lines: list[Flashd] = []
        self._threads: list[threading.Thread] = []
        self._ended = threading.Event()

    @property
    def ways_in(self) -> str:
        """Where a bundle can come from, in words; empty: from nowhere."""
        return " or ".join(way for way in (self.serial, "the page" if self._page is not None else "") if way)

    def factory_fault(self) -> str:
        """Why the factory bundle cannot play, in half a sentence; empty: it can."""
        path = self.store.path_of(None)
        if path is None:
            return "the shipped factory bundle is missing"
        try:
            check_bundle(path.read_bytes())
        except OSError as error:
            return f"the factory bundle {path} cannot be read ({error.strerror})"
        except BadBundle as error:
            return f"the factory bundle {path} is no bundle ({error})"
        return ""

    def start(self) -> None:
        """Serve the serial line, and that of the page."""
        turn, page = Turn(), self._page
        if self.serial:
            self._serve(self.serial, open_serial, turn, self._panel)
        if page is not None:
            self._serve("the page", lambda _: PagePort(page), turn)

    def _serve(
        self, name: str, open_port: Callable[[str], SerialPort], turn: Turn, panel: RemotePanel | None = None
    ) -> None:
        line = Flashd(
            name,
            self.store,
            self.install,
            self._playing,
            open_port=open_port,
            owner=self.owner,
            board=self.board,
            turn=turn,
            panel=panel,
        )
        thread = threading.Thread(target=line.run, args=(self._ended,), name=f"flashd {name}")
        self._lines.append(line)
        self._threads.append(thread)
        thread.start()

    def install(self, path: Path) -> None:
        """Let the control loop play a bundle that has become active. May be called by any thread."""
        self._installed.put(path)

    def installed(self) -> list[Path]:
        """The bundles that were installed since the last call, in order."""
        paths = []
        while not self._installed.empty():
            paths.append(self._installed.get())
        return paths

    def see(self, view: View) -> View:
        """Complete a view with the slots, the owners and the bundle that is arriving."""
        slots = self.store.slots
        coming = [line.progress for line in self._lines if line.doing in COMING]
        return replace(
            view,
            previous=slots.previous[:12] if slots.previous else "",
            confirmed=slots.confirmed,
            flashing=max(coming, default=-1.0),
            owners=len(self.owner.keys),
            pairing=self.owner.window_s > 0,
            asking_key=self.owner.asking_key,
            asking_bundle=self.owner.asking_bundle,
            allowed_bundle=self.owner.allowed_bundle,
        )

    def close(self) -> None:
        """End the lines' threads and the check of a bundle that has just come, and wait for both."""
        self._ended.set()
        self._probe.stop()
        for thread in self._threads:
            thread.join()
