"""The face on a computer at the other end of the serial line: closed until the player opens it at the panel.

    control loop ── poll(view) ──► newest view ◄── look(number, code, touched) ── thread of the serial line
                 ◄── actions ──── what was touched, MIDI ◄──┘

Opened, it shows a code of six digits for OPEN_S; three wrong ones close it. What only hands may do stays with them.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import msgspec

from tombola_device.contract.errors import BadConfig
from tombola_device.contract.protocol import Look
from tombola_device.contract.refusals import ErrorCode, Refused
from tombola_device.hal.midi.bytes import MidiMessage
from tombola_device.hal.midi.held import HeldKeys, Sources
from tombola_device.surface.actions import Action
from tombola_device.surface.browser.face import FaceMidi, checked_midi, heard, is_for_hands
from tombola_device.surface.view import View
from tombola_device.surface.wire import action_of

OPEN_S: Final = 600.0
MOST_WRONG: Final = 3
GONE_S: Final = 2.0
"""Who has not looked for so long has gone: its keys are released."""
DIGITS: Final = 6
_LOG = logging.getLogger(__name__)


class RemoteFace:
    """The panel as a computer sees it. ``look`` may be called by another thread.

    Args:
        clock: Seconds.
        draw: Makes a code.
        sources: What else plays the instrument; see HeldKeys. Only ``receive`` touches them, in the control loop.

    >>> face = RemoteFace(draw=lambda: 7)
    >>> face.open(), face.code
    ('code 000007, for ten minutes', '000007')
    >>> face.look(1, 7, b'[{"kind": "panic"}]')[:12], face.poll(View(), now_s=0.0)
    (b'{"bundle":""', [Panic()])
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], int] = lambda: secrets.randbelow(10**DIGITS),
        sources: Sources | None = None,
    ) -> None:
        self._clock, self._draw = clock, draw
        self._lock = threading.Lock()
        self._code, self._end_s, self._wrong = -1, float("-inf"), 0
        self._view = View()
        self._number, self._looked_s, self._here = -1, float("-inf"), False
        self._actions: list[Action] = []
        self._midi: list[dict[str, Any]] = []
        self._held = HeldKeys(sources)
        self.midi = FaceMidi("a computer on the serial line", self.receive)
        """Its keys, as a source of MIDI."""

    @property
    def code(self) -> str:
        """The code that the display shows; empty: the panel is closed."""
        return f"{self._code:0{DIGITS}}" if self._end_s > self._clock() else ""

    @property
    def touched(self) -> bool:
        """See Face."""
        return bool(self._actions)

    def open(self) -> str:
        """Let who knows the code look. Gives a notice. Only the panel may call this."""
        with self._lock:
            self._code, self._end_s, self._wrong = self._draw(), self._clock() + OPEN_S, 0
        return f"code {self.code}, for ten minutes"

    def shut(self) -> str:
        """Let nobody look. Gives a notice."""
        with self._lock:
            self._end_s = float("-inf")
        return "closed"

    def poll(self, view: View, now_s: float) -> list[Action]:  # noqa: ARG002 - it has a clock of its own
        """See Face."""
        with self._lock:
            self._view = view
            actions, self._actions = self._actions, []
        return actions

    def receive(self) -> list[MidiMessage]:
        """The computer's MIDI messages since the last call; what it held, if it has gone."""
        if not self._here:  # Asked in each tick.
            return []
        with self._lock:
            midi, self._midi = self._midi, []
            gone = self._clock() - self._looked_s >= GONE_S
            self._here = not gone
        messages = [message for each in midi for message in heard(each, self._held)]
        return messages + self._held.release() if gone else messages

    def look(self, number: int, code: int, touched: bytes) -> bytes:
        """See RemotePanel."""
        with self._lock:
            self._check(code)
            if number != self._number:
                self._number = number
                self._take(touched)
            self._looked_s, self._here = self._clock(), True
            return msgspec.json.encode(replace(self._view, page_code=None))

    def close(self) -> None:
        """See Face."""
        self.shut()

    def _check(self, code: int) -> None:
        if self._end_s <= self._clock():
            raise Refused(ErrorCode.NOT_OPEN)
        if code != self._code:
            self._wrong += 1
            if self._wrong >= MOST_WRONG:
                self._end_s = float("-inf")
            raise Refused(ErrorCode.NOT_OPEN)

    def _take(self, touched: bytes) -> None:
        try:
            messages = msgspec.json.decode(touched, type=list[dict[str, Any]])
        except (msgspec.DecodeError, UnicodeError) as error:
            raise Refused(ErrorCode.BAD_REQUEST, Look.kind) from error
        for message in messages:
            try:
                self._take_one(message)
            except BadConfig as error:
                _LOG.warning("a computer asked for what cannot be: %s", error)

    def _take_one(self, message: dict[str, Any]) -> None:
        if message.get("kind") == "midi":
            checked_midi(message.get("bytes"))
            self._midi.append(message)
            return
        action = action_of(message)
        if is_for_hands(action):
            raise BadConfig("only hands at the panel may do this")
        self._actions.append(action)
