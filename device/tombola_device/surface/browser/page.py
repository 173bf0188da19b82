"""One open page: what it asks for, and what it is sent, never more than it has acknowledged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from tombola_device.contract.errors import BadConfig, TombolaError
from tombola_device.hal.midi.held import HeldKeys
from tombola_device.surface.browser.face import checked_midi
from tombola_device.surface.wire import action_of, fields_of
from tombola_device.web.socket import Closed, Socket

FRAME_S: Final = 1 / 30
SCOPE_S: Final = 0.1
ACK_S: Final = 15.0
MOST_ERRORS: Final = 100
NOT_FROM_A_PAGE: Final = ("make_backup", "restore")
"""These have addresses of their own, where a file of any size is taken."""
_MISSING: Final = object()


class Hub(Protocol):
    """What all pages share: ``hub.Hub``.

    >>> class Silent:
    ...     state = {"notice": "nothing is connected"}
    ...     def send(self, message): print(message)
    ...     def press(self, name, *, high): pass
    ...     def turn(self, clicks): pass
    ...     def wants_changed(self): pass
    ...     def scope(self, seq): return None
    ...     def map(self, which, known): return None
    >>> hub: Hub = Silent()
    >>> hub.send({"kind": "panic"})
    {'kind': 'panic'}
    """

    state: dict[str, Any]
    """The fields of the page's state."""

    def send(self, message: object) -> None:
        """Send a message to the instrument."""

    def press(self, name: str, *, high: bool) -> None:
        """Press a button of the page's display."""

    def turn(self, clicks: int) -> None:
        """Turn its encoder."""

    def wants_changed(self) -> None:
        """A page wants something else than before."""

    def scope(self, seq: int) -> bytes | None:
        """The scope's message; None: there is no sound yet."""

    def map(self, which: int, known: int) -> tuple[int, Callable[[int], bytes]] | None:
        """A map that is newer than the ``known`` one: its number, and what makes its message; None: there is none."""


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
        self._known_maps = [0, 0]
        self._sent: dict[str, Any] = {}
        self._news, self._acknowledged = asyncio.Event(), asyncio.Event()
        self._seq = self._errors = 0
        self._scope_s = 0.0

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
                self._hub.send({"kind": "midi", "bytes": rest})

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
                pong = {"pong": fields["t"], "clock_us": time.monotonic_ns() // 1000 & 0xFFFFFFFF}
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
                self._hub.press(str(fields["name"]), high=fields["high"] is True)
            case "turn":
                self._hub.turn(int(fields["clicks"]))
            case _:
                if kind in NOT_FROM_A_PAGE:
                    raise BadConfig("backups have an address of their own; reload the page")
                self._hub.send(fields_of(action_of(fields)))

    async def _send(self) -> None:
        """Send the newest, one message at a time, each after the one before was acknowledged."""
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                while (message := self._due()) is not None:
                    begun_s = time.monotonic()
                    self._acknowledged.clear()
                    await self._socket.send(message)
                    await asyncio.wait_for(self._acknowledged.wait(), ACK_S)
                    await asyncio.sleep(max(begun_s + FRAME_S - time.monotonic(), 0.0))
        except (Closed, TimeoutError):
            self._socket.abort()

    def _due(self) -> str | bytes | None:
        """The next message; None: the page knows everything."""
        now_s, seq = time.monotonic(), self._seq + 1
        message: str | bytes | None = None
        if self.wants_scope and now_s - self._scope_s >= SCOPE_S:
            self._scope_s = now_s
            message = self._hub.scope(seq)
        for which in (0, 1):
            if message is None and self.wants_maps[which]:
                newer = self._hub.map(which, self._known_maps[which])
                if newer is not None:
                    self._known_maps[which], make = newer
                    message = make(seq)
        if message is None:
            message = self._changes(seq)
        if message is not None:
            self._seq = seq
        return message

    def _changes(self, seq: int) -> str | None:
        state, sent = self._hub.state, self._sent
        changes = {name: value for name, value in state.items() if sent.get(name, _MISSING) != value}
        if not changes:
            return None
        self._sent = dict(state)
        return msgspec.json.encode({"seq": seq, "state": changes}).decode()
