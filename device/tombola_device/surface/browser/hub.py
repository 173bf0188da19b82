"""What all pages share: the newest view, the display, the maps, and the line to the instrument."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from tombola_device.hal.midi.held import HeldKeys, Sources
from tombola_device.surface.actions import Action
from tombola_device.surface.browser.cartographer import Cartographer
from tombola_device.surface.browser.page import Page, Picture
from tombola_device.surface.browser.scope import Spectrum, map_message, scope_message, scope_of
from tombola_device.surface.browser.screen import Screen
from tombola_device.surface.browser.shelf import BundleShelf
from tombola_device.surface.browser.shown import Shown
from tombola_device.surface.browser.sound import Ear
from tombola_device.surface.browser.state import facts_of, state_of
from tombola_device.surface.view import Said, View
from tombola_device.surface.wire import fields_of, view_of
from tombola_device.web.guard import Refusal
from tombola_device.web.socket import Socket

ANSWER_S: Final = 15.0
MOST_PAGES: Final = 16
SEE_S: Final = 1 / 60
"""While several hands move, 100 views come in a second; pages are sent 30."""
_LOG = logging.getLogger(__name__)


class Hub:
    """The middle of the server. All of it runs in one thread but the maps.

    Args:
        write: Takes the lines for the instrument.
        ear: Hears the sound.
        shelf: Finds bundles.
        hands_here: See ``ServerStart``.
    """

    def __init__(self, write: Callable[[bytes], None], ear: Ear, shelf: BundleShelf, *, hands_here: bool) -> None:
        self._write, self._ear, self._shelf = write, ear, shelf
        own = {"hands_here": hands_here, "bundle": None, "log": (), "oled": "", "clients": 0}
        self._shown = Shown(state_of(View(), 0.0) | own)
        self._screen, self._spectrum = Screen(), Spectrum()
        self._sources: Sources = []
        self._pages: list[Page] = []
        self._asks: dict[str, asyncio.Future[Said]] = {}
        self._view = View()
        self._seen_s = float("-inf")
        self._seeing: asyncio.TimerHandle | None = None
        self._looks = 0
        self._scope: tuple[int, bytes] = (0, b"")
        self._loading: asyncio.Task[None] | None = None
        self._maps = Cartographer(self._tell)

    # From the instrument

    def take(self, line: bytes) -> None:
        """Take one line of the instrument.

        Raises:
            BadConfig: It is of another version.
        """
        message = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
        if "log" in message:
            self._show({"log": msgspec.json.decode(message["log"], type=tuple[str, ...])})
        if "view" in message:
            self._view = view_of(bytes(message["view"]))
            self._answered(self._view.answer)
            self._see_soon()

    def _answered(self, said: Said | None) -> None:
        if said is not None and (waiting := self._asks.pop(said.ticket, None)) is not None:
            waiting.set_result(said)

    def _see_soon(self) -> None:
        """At once, unless another view was worked out just before."""
        wait_s = self._seen_s + SEE_S - time.monotonic()
        if wait_s <= 0:
            self._see()
        elif self._seeing is None:
            self._seeing = asyncio.get_running_loop().call_later(wait_s, self._see)

    def _see(self) -> None:
        """Work out what pages show of the newest view."""
        if self._seeing is not None:
            self._seeing.cancel()
            self._seeing = None
        view, now_s = self._view, time.monotonic()
        self._seen_s = now_s
        self._draw(now_s)
        self._show(state_of(view, now_s))
        known = self._shown["bundle"]
        if view.sha256 != (known["sha256"] if known else "") and self._loading is None:
            self._loading = asyncio.create_task(self._load(view.sha256))
        self._maps.follow(view.blend, view.timbre)

    def _draw(self, now_s: float) -> None:
        for action in self._screen.poll(self._view, now_s):
            self._send_action(action)
        self._show({"oled": self._screen.picture})

    async def _load(self, sha256: str) -> None:
        """Look into the bundle that plays now."""
        try:
            bundle = await asyncio.to_thread(self._shelf.find, sha256) if sha256 else None
            self._show({"bundle": facts_of(bundle, sha256) if bundle is not None else None})
            self._maps.turn_to(bundle)
            if bundle is None and sha256:
                await asyncio.sleep(1.0)  # Its file may come; until then ask once a second.
        finally:
            self._loading = None

    # From the pages

    async def serve_page(self, socket: Socket) -> None:
        """Serve one page until it has gone."""
        if len(self._pages) >= MOST_PAGES:
            await socket.send('{"error": "too many pages are open; close one of them"}')
            return
        page = Page(socket, self, HeldKeys(self._sources))
        self._pages.append(page)
        self._count()
        try:
            await page.run()
        finally:
            self._pages.remove(page)
            self.wants_changed()
            self._count()

    def send(self, message: object) -> None:
        """See page.Hub."""
        self._write(msgspec.json.encode(message) + b"\n")

    def press(self, name: str, *, high: bool) -> None:
        """See page.Hub."""
        self._screen.press(name, high=high, now_s=time.monotonic())
        self._draw(time.monotonic())

    def turn(self, clicks: int) -> None:
        """See page.Hub."""
        self._screen.turn(clicks)
        self._draw(time.monotonic())

    def wants_changed(self) -> None:
        """See page.Hub."""
        if any(page.wants_scope for page in self._pages):
            self._ear.watch(self._look)
        else:
            self._ear.watch(None)
        self._maps.want([any(page.wants_maps[which] for page in self._pages) for which in (0, 1)])

    def news(self, known: int) -> tuple[int, str] | None:
        """See page.Hub."""
        return self._shown.news(known)

    def scope(self, known: int) -> Picture | None:
        """See page.Hub."""
        if self._looks == known:
            return None
        if self._scope[0] != self._looks:
            self._scope = self._looks, scope_of(self._ear.window, self._spectrum)
        number, scope = self._scope
        return number, lambda seq: scope_message(seq, scope)

    def map(self, which: int, known: int) -> Picture | None:
        """See page.Hub."""
        number, cells = self._maps.newest(which)
        if cells is None or number == known:
            return None
        return number, lambda seq: map_message(seq, which, cells)

    async def ask(self, make: Callable[[str], Action]) -> str:
        """Ask the instrument for something; give its text.

        Args:
            make: Makes the action from a ticket.

        Raises:
            Refusal: The instrument refuses, or does not answer.
        """
        ticket = secrets.token_hex(8)
        waiting: asyncio.Future[Said] = asyncio.get_running_loop().create_future()
        self._asks[ticket] = waiting
        self._count()
        try:
            self._send_action(make(ticket))
            said = await asyncio.wait_for(waiting, ANSWER_S)
        except TimeoutError as error:
            raise Refusal(503, "the instrument does not answer; look at its log") from error
        finally:
            self._asks.pop(ticket, None)
            self._count()
        if not said.good:
            raise Refusal(409, said.text)
        return said.text

    def _send_action(self, action: Action) -> None:
        self.send(fields_of(action))

    def _count(self) -> None:
        """Say how many are there: views come only while somebody is."""
        self.send({"kind": "pages", "count": len(self._pages) + len(self._asks)})
        self._show({"clients": len(self._pages)})

    def _show(self, fields: dict[str, Any]) -> None:
        if self._shown.put(fields):
            self._tell()

    def _look(self) -> None:
        """There is a new scope."""
        self._looks += 1
        self._tell()

    def _tell(self) -> None:
        for page in self._pages:
            page.tell()
