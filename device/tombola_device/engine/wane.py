"""Moves the spectrum of a plucked or struck note while it dies away; see ``Mode.wane``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from tombola_device.contract.controls import FRAME_RATE_HZ, Float32Array
from tombola_device.contract.graph import SHADES
from tombola_device.contract.life import LONGEST_WANE_S
from tombola_device.contract.manifest import KEYTRACK_NOTE, Mode
from tombola_device.engine.numbers import numbers

MOST_OCTAVES: Final = 100.0
"""No note of a keyboard comes near; what is no note must not raise in the audio thread."""


class WaneFeed:
    """Writes the last direction of each mode that dies away, after ``LifeFeed`` has written all of them.

    Args:
        modes: The M modes that the graph renders.
        shade: The graph's input. Shape (V, M * 3 + M * L + S): the wane of a mode is the last of its L directions.
        controls: The graph's columns; the blend of the M modes stands at their end. Shape (V, C + M).
        strikes: S.
    """

    def __init__(self, modes: Sequence[Mode], shade: Float32Array, controls: Float32Array, strikes: int = 0) -> None:
        count, self._width, self._columns = len(modes), shade.shape[1], controls.shape[1]
        living = (self._width - strikes) // count - len(SHADES)
        first, blend = count * len(SHADES) + living - 1, self._columns - count
        self._places = [
            (first + index * living, blend + index, mode.wane)
            for index, mode in enumerate(modes)
            if mode.wane is not None and living > 0
        ]
        self._shade, self._controls = numbers(shade), numbers(controls)
        self._now, self._begun = 0, [0] * len(shade)
        self._moving: list[tuple[int, int, float, float]] = []
        """What moves: voice, place in the shade, how far in each period, how far at most."""

    @property
    def moves(self) -> bool:
        """Whether any mode dies away."""
        return bool(self._places)

    def begin(self, voice: int) -> None:
        """Begin a note. Audio thread."""
        self._begun[voice] = self._now
        for place, _, _ in self._places:
            self._shade[voice * self._width + place] = 0.0

    def place(self, notes: Sequence[float]) -> None:
        """Controls have moved: which modes a voice plays decides what moves, and its note how fast.

        Args:
            notes: MIDI note number of each voice.

        Real time: audio thread.
        """
        self._moving = []
        for voice, note in enumerate(notes):
            for place, blend, keytrack in self._places:
                weight, at = self._controls[voice * self._columns + blend], voice * self._width + place
                if weight:
                    rate = weight * speed_of(note, keytrack) / FRAME_RATE_HZ
                    self._moving.append((voice, at, rate, weight * LONGEST_WANE_S))
                else:
                    self._shade[at] = 0.0

    def advance(self) -> None:
        """Advance by one period.

        Real time: audio thread.
        """
        shade, begun = self._shade, self._begun
        now = self._now = self._now + 1
        for voice, at, rate, most in self._moving:
            gone = rate * (now - begun[voice])
            shade[at] = gone if gone < most else most  # noqa: FURB136 - a call costs as much as the rest of this line


def speed_of(note: float, keytrack: float) -> float:
    """How much faster than KEYTRACK_NOTE a note goes along its wane."""
    return math.exp2(min(keytrack * (note - KEYTRACK_NOTE) / 12.0, MOST_OCTAVES))


def waned_s(since_s: float, note: float, keytrack: float) -> float:
    """How far a note has gone along its wane, as seconds at KEYTRACK_NOTE."""
    return min(since_s * speed_of(note, keytrack), LONGEST_WANE_S)
