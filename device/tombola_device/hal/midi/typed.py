"""Letter keys as a source of MIDI: two octaves and a third, arrows for the blend and for dials.

    2 3   5 6 7   9 0          black keys of the upper row
   q w e r t y u i o p         C D E F G A B C D E
    s d   g h j                black keys of the lower row
   z x c v b n m               C D E F G A B

Most terminals do not say when a key goes up. There a note rings for RING_S, and for as long as its key repeats by
itself. The first repeat comes after a pause, which looks like a second strike; the pause is always the same, so it is
learned from the first key that is held.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tombola_device.contract.errors import BadConfig
from tombola_device.hal.keyboard.port import Keyboard, KeyPress, Stroke
from tombola_device.hal.midi.bytes import MidiMessage
from tombola_device.hal.midi.held import HeldKeys, Sources

ROWS: Final = {
    "qwerty": ("zsxdcvgbhnjm", "q2w3er5t6y7ui9o0p"),
    "qwertz": ("ysxdcvgbhnjm", "q2w3er5t6z7ui9o0p"),
    "azerty": ("wsxdcvgbhnj,", 'aéz"er(t-yèuiçoàp'),
}
"""Keys of the lower and of the upper row, a semitone each, by layout."""
OCTAVES: Final = {"qwerty": (",", "."), "qwertz": (",", "."), "azerty": (";", ":")}
"""Keys that go an octave down and up."""
LOWEST_NOTE: Final = 48
LEAST_OCTAVE, MOST_OCTAVE = -3, 3
SOFT, HARD = 90, 127
RING_S: Final = 0.8
"""Longer than the pause before a key repeats: 0.25 to 0.66 s in the usual settings."""
REPEAT_S: Final = 0.12
"""Two presses of a key within it come from the keyboard's own repeat, at 11 Hz and more; no finger is as fast."""
KEPT_S: Final = 0.25
SAME_S: Final = 0.02
"""How well a pause is known: a program that waits for keys is woken late."""
STEP: Final = 4


@dataclass(frozen=True, slots=True)
class TypedDial:
    """A controller that the arrows move.

    Args:
        name: Name for the user.
        controller: Its number.
        start: Where it stands at first, 0 … 127.
    """

    name: str
    controller: int
    start: int


BLEND: Final = TypedDial("blend", 1, 0)
LEVEL: Final = TypedDial("level", 7, 127)
DIALS: Final = (
    TypedDial("timbre x", 74, 64),
    TypedDial("timbre y", 71, 64),
    TypedDial("life", 18, 64),
    LEVEL,
)
"""Tab chooses one of them for the arrows up and down; the knobs of the bundle's words come after them."""
WORD_CONTROLLERS: Final = (12, 13, 14, 15)
_SUSTAIN, _SOUND_OFF = 64, 120


def check_layout(layout: str) -> None:
    """Raise BadConfig unless ``layout`` is one of ROWS."""
    if layout not in ROWS:
        raise BadConfig(f"the keyboard layout {layout!r} is unknown; give {', '.join(ROWS)}")


class TypedIn:
    """Turns keys into MIDI messages on the first channel.

    A controller starts from where it rests, not from where another source has moved it.

    Args:
        keyboard: The keyboard.
        layout: One of ROWS.
        clock: Returns seconds.
        sources: What else plays the instrument; see HeldKeys.
        words: Names of the bundle's knobs that bear a word, if it is known which bundle plays.

    Raises:
        BadConfig: The layout is unknown.

    >>> from tombola_device.hal.keyboard.port import FakeKeyboard
    >>> keyboard = FakeKeyboard()
    >>> typed = TypedIn(keyboard)
    >>> keyboard.press("q", "right")
    >>> typed.poll()
    [(144, 60, 90), (176, 1, 4)]
    """

    name = "the letter keys"

    def __init__(
        self,
        keyboard: Keyboard,
        layout: str = "qwerty",
        clock: Callable[[], float] = time.monotonic,
        sources: Sources | None = None,
        words: Sequence[str] = (),
    ) -> None:
        check_layout(layout)
        self._keyboard, self._layout, self._clock = keyboard, layout, clock
        self._held = HeldKeys(sources)
        self._notes = {key: step for step, key in enumerate("".join(ROWS[layout]))}
        self._places = {key: step for step, key in enumerate("".join(ROWS["qwerty"]))}
        named = zip(words, WORD_CONTROLLERS, strict=False)
        self.dials = (*DIALS, *(TypedDial(word, controller, 0) for word, controller in named))
        self._values = {dial: dial.start for dial in (BLEND, *self.dials)}
        self._rings: dict[int, _Ring] = {}
        self._pause_s = 0.0
        self.done = False
        self.octave, self.holding, self.dial = 0, False, DIALS[0]
        """Octaves up; whether notes are held; the dial that the arrows up and down move."""

    @property
    def releases(self) -> bool:
        """Whether a note ends when its key goes up."""
        return self._keyboard.releases

    def value(self, dial: TypedDial) -> int:
        """Where the keys have moved a dial, 0 … 127."""
        return self._values[dial]

    def poll(self) -> list[MidiMessage]:
        """See MidiIn."""
        if self.done:
            return []
        now_s = self._clock()
        messages = [message for press in self._keyboard.poll() for message in self._press(press, now_s)]
        messages += [off for note in [*self._rings] for off in self._end(note, now_s)]
        for message in messages:
            self._held.follow(message)
        return messages

    def close(self) -> None:
        """See MidiIn."""
        if not self.done:
            self.done = True
            self._held.leave()
            self._keyboard.close()

    def _press(self, press: KeyPress, now_s: float) -> list[MidiMessage]:
        step = self._places.get(press.place) if press.place else self._notes.get(press.key)
        if step is not None:
            return self._note(step, press, now_s)
        if press.stroke is Stroke.UP:
            return []
        down, up = OCTAVES[self._layout]
        if press.key in (down, up):
            self.octave = min(max(self.octave + (1 if press.key == up else -1), LEAST_OCTAVE), MOST_OCTAVE)
        elif press.key == "tab" and press.stroke is Stroke.DOWN:
            self.dial = self.dials[(self.dials.index(self.dial) + 1) % len(self.dials)]
        elif press.key in ("left", "right"):
            return self._turn(BLEND, up=press.key == "right")
        elif press.key in ("down", "up"):
            return self._turn(self.dial, up=press.key == "up")
        elif press.key == "space" and press.stroke is Stroke.DOWN:
            self.holding = not self.holding
            return [(0xB0, _SUSTAIN, 127 * self.holding)]
        elif press.key == "backspace":
            self._rings.clear()
            self.holding = False
            return [(0xB0, _SUSTAIN, 0), (0xB0, _SOUND_OFF, 0)]
        return []

    def _turn(self, dial: TypedDial, *, up: bool) -> list[MidiMessage]:
        before = self._values[dial]
        self._values[dial] = min(max(before + (STEP if up else -STEP), 0), 127)
        return [(0xB0, dial.controller, self._values[dial])]

    def _note(self, step: int, press: KeyPress, now_s: float) -> list[MidiMessage]:
        """A key that plays; it ends the note that it began, whatever the octave is by then."""
        ring = self._rings.get(step)
        if press.stroke is Stroke.UP:
            return self._off(step) if ring is not None else []
        if press.stroke is Stroke.AGAIN:
            return []
        if ring is not None and not self.releases:
            gap_s = now_s - ring.pressed_s
            if gap_s < REPEAT_S and ring.gap_s >= REPEAT_S:
                self._pause_s = ring.gap_s  # The press before was the first repeat.
            if gap_s < REPEAT_S or abs(gap_s - self._pause_s) < SAME_S:
                self._rings[step] = _Ring(ring.note, now_s, gap_s, now_s + KEPT_S)
                return []
        note = LOWEST_NOTE + step + 12 * self.octave
        if not 0 <= note <= 127:
            return []
        gap_s = now_s - ring.pressed_s if ring is not None else 0.0
        self._rings[step] = _Ring(note, now_s, gap_s, now_s + RING_S)
        return [*self._stop(ring), (0x90, note, HARD if press.shift else SOFT)]

    def _end(self, step: int, now_s: float) -> list[MidiMessage]:
        over = not self.releases and now_s >= self._rings[step].until_s
        return self._off(step) if over else []

    def _off(self, step: int) -> list[MidiMessage]:
        return self._stop(self._rings.pop(step))

    @staticmethod
    def _stop(ring: _Ring | None) -> list[MidiMessage]:
        return [] if ring is None else [(0x80, ring.note, 64)]


@dataclass(frozen=True, slots=True)
class _Ring:
    """A note that sounds: when its key was last pressed, how long after the press before, and until when it rings."""

    note: int
    pressed_s: float
    gap_s: float
    until_s: float


WHAT_TO_PRESS: Final = (
    "z to m and q to p play (SHIFT: harder), left and right blend, tab chooses what up and down move, "
    "comma and full stop change the octave, space holds, backspace silences, Ctrl-C ends"
)
