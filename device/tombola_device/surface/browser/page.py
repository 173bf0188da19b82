"""One open page: what it asks for, and what it is sent, never more than it has acknowledged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from tombola_device.contract.errors import BadConfig, TombolaError
from tombola_device.hal.midi.held import HeldKeys
from tombola_device.surface.actions import Gate
from tombola_device.surface.browser.face import checked_midi
from tombola_device.surface.wire import action_of, fields_of
from tombola_device.web.socket import Closed, Socket

FRAME_S: Final = 1 / 30
ACK_S: Final = 15.0
MOST_ERRORS: Final = 100
NOT_FROM_A_PAGE: Final = ("make_backup", "restore")
"""These have addresses of their own, where a file of any size is taken."""


Picture = tuple[int, Callable[[int], bytes]]
"""A number, and what makes the message from the message's number."""


class Hub(Protocol):
    """What all pages share: ``hub.Hub``.

    >>> class Silent:
    ...     def send(self, message): print(message)
    ...     def press(self, name, *, high): pass
    ...     def turn(self, clicks): pass
    ...     def wants_changed(self): pass
    ...     def news(self, known): return (1, '{"notice":"nothing is connected"}') if known == 0 else None
    ...     def scope(self, known): return None
    ...     def map(self, which, known): return None
    >>> hub: Hub = Silent()
    >>> hub.send({"kind": "panic"})
    {'kind': 'panic'}
    """

    def send(self, message: object) -> None:
        """Send a message to the instrument."""

    def press(self, name: str, *, high: bool) -> None:
        """Press a button of the page's display."""

    def turn(self, clicks: int) -> None:
        """Turn its encoder."""

    def wants_changed(self) -> None:
        """A page wants something else than before."""

    def news(self, known: int) -> tuple[int, str] | None:
        """What has changed in the state since the version ``known``; see ``Shown.news``."""

    def scope(self, known: int) -> Picture | None:
        """A scope that is newer than the ``known`` one; None: there is none."""

    def map(self, which: int, known: int) -> Picture | None:
        """A map that is newer than the ``known`` one; None: there is none."""


class Page:
    """One page.

    Args:
        socket: Its socket.
        hub: What all pages share.
        held: Follows its keys.
    """

    def __init__(self, socket: Socket, hub: Hub, held: HeldKeys) -> None:
        self._socket, self._hub, self._held = socket, hub, held
        self.wants_scope = False
        self.wants_maps = [False, False]
        self._known_state = self._known_scope = 0
        self._known_maps = [0, 0]
        self._pressed: set[str] = set()
        """Buttons that it holds."""
        self._gates: set[str] = set()
        """Those that it holds high."""
        self._news, self._acknowledged = asyncio.Event(), asyncio.Event()
        self._seq = self._errors = 0

    def tell(self) -> None:
        """There is something new to show."""
        self._news.set()

    async def run(self) -> None:
        """Serve the page until it has gone."""
        sending = asyncio.create_task(self._send())
        try:
            while not sending.done():
                message = await self._socket.receive()
                try:
                    await self._take(message)
                except TombolaError as error:
                    await self._refuse(str(error))
        finally:
            sending.cancel()
            for rest in self._held.leave():
                self._hub.send({"kind": "midi", "bytes": rest, "gone": True})
            for name in sorted(self._pressed):
                self._hub.press(name, high=False)
            for jack in self._gates:
                self._hub.send(fields_of(Gate(jack, high=False)))

    async def _refuse(self, sentence: str) -> None:
        self._errors += 1
        if self._errors > MOST_ERRORS:
            raise Closed
        await self._socket.send(msgspec.json.encode({"error": sentence[:500]}).decode())

    async def _take(self, message: str | bytes) -> None:
        """Take one message of the page.

        Raises:
            BadConfig: It cannot be understood.
        """
        try:
            fields = msgspec.json.decode(message)
            kind = fields["kind"]
        except (msgspec.DecodeError, UnicodeError, KeyError, TypeError, RecursionError) as error:
            raise BadConfig("the page sent what is no message; reload it") from error
        try:
            await self._act(kind, fields)
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, TombolaError):
                raise
            raise BadConfig(f"the page sent a {str(kind)[:40]!r} that lacks something; reload it") from error

    async def _act(self, kind: object, fields: dict[str, Any]) -> None:
        match kind:
            case "ack":
                if fields["seq"] == self._seq:
                    self._acknowledged.set()
            case "ping":
                pong = {"pong": fields["t"], "clock_us": int(time.monotonic() * 1e6) & 0xFFFFFFFF}
                await self._socket.send(msgspec.json.encode(pong).decode())
            case "want":
                self.wants_scope = fields.get("scope") is True
                self.wants_maps = [fields.get("blend_map") is True, fields.get("timbre_map") is True]
                self._hub.wants_changed()
                self._news.set()
            case "midi":
                midi = checked_midi(fields["bytes"])
                self._held.follow(midi)
                self._hub.send({"kind": "midi", "bytes": midi})
            case "button":
                self._press(str(fields["name"]), high=fields["high"] is True)
            case "turn":
                self._hub.turn(int(fields["clicks"]))
            case _:
                if kind in NOT_FROM_A_PAGE:
                    raise BadConfig("backups have an address of their own; reload the page")
                action = action_of(fields)
                if isinstance(action, Gate):
                    (self._gates.add if action.high else self._gates.discard)(action.jack)
                self._hub.send(fields_of(action))

    def _press(self, name: str, *, high: bool) -> None:
        self._hub.press(name, high=high)
        (self._pressed.add if high else self._pressed.discard)(name)

    async def _send(self) -> None:
        """Send the newest, one message at a time, each after the one before was acknowledged.

        After one that is late, because the computer was busy, the next one comes sooner: so 30 a second stay 30.
        """
        due_s = float("-inf")
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                due_s = max(due_s, time.monotonic())
                while (message := self._due()) is not None:
                    self._acknowledged.clear()
                    await self._socket.send(message)
                    async with asyncio.timeout(ACK_S):
                        await self._acknowledged.wait()
                    now_s = time.monotonic()
                    due_s = max(due_s + FRAME_S, now_s - FRAME_S / 2)
                    await asyncio.sleep(max(due_s - now_s, 0.0))
        except (Closed, TimeoutError):
            self._socket.abort()

    def _due(self) -> str | bytes | None:
        """The next message; None: the page knows everything."""
        message = self._picture(self._seq + 1) or self._changes(self._seq + 1)
        if message is not None:
            self._seq += 1
        return message

    def _picture(self, seq: int) -> bytes | None:
        if self.wants_scope and (newer := self._hub.scope(self._known_scope)) is not None:
            self._known_scope, make = newer
            return make(seq)
        for which in (0, 1):
            if self.wants_maps[which] and (newer := self._hub.map(which, self._known_maps[which])) is not None:
                self._known_maps[which], make = newer
                return make(seq)
        return None

    def _changes(self, seq: int) -> str | None:
        news = self._hub.news(self._known_state)
        if news is None:
            return None
        self._known_state, changes = news
        return f'{{"seq":{seq},"state":{changes}}}'
