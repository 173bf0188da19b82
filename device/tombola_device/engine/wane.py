"""Moves the spectrum of a plucked or struck note while it dies away; see ``Mode.wane``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from tombola_device.contract.controls import FRAME_RATE_HZ, Float32Array
from tombola_device.contract.graph import SHADES
from tombola_device.contract.life import LONGEST_WANE_S
from tombola_device.contract.manifest import KEYTRACK_NOTE, Mode
from tombola_device.engine.life import PERIODS
from tombola_device.engine.numbers import numbers

_SECONDS: Final = PERIODS / FRAME_RATE_HZ


class WaneFeed:
    """Writes the last direction of each mode that dies away, after ``LifeFeed`` has written all of them.

    Args:
        modes: The M modes that the graph renders.
        shade: The graph's input. Shape (V, M * 3 + M * L): the wane of a mode is the last of its L directions.
        controls: The graph's columns; the blend of the M modes stands at their end. Shape (V, C + M).
    """

    def __init__(self, modes: Sequence[Mode], shade: Float32Array, controls: Float32Array) -> None:
        count, self._width, self._columns = len(modes), shade.shape[1], controls.shape[1]
        living = self._width // count - len(SHADES)
        first, blend = count * len(SHADES) + living - 1, self._columns - count
        self._places = [
            (first + index * living, blend + index, mode.wane)
            for index, mode in enumerate(modes)
            if mode.wane is not None and living > 0
        ]
        self._shade, self._controls = numbers(shade), numbers(controls)
        self._since_s = [0.0] * len(shade)
        self._turn = 0

    @property
    def moves(self) -> bool:
        """Whether any mode dies away."""
        return bool(self._places)

    def begin(self, voice: int) -> None:
        """Begin a note. Audio thread."""
        self._since_s[voice] = 0.0
        for place, _, _ in self._places:
            self._shade[voice * self._width + place] = 0.0

    def advance(self, voices: int, notes: Sequence[float], *, placed: bool) -> None:
        """Advance the first voices by one period, those whose turn it is in ``LifeFeed``.

        Args:
            notes: MIDI note number of each voice.
            placed: Whether ``LifeFeed.place`` has cleared the directions of all voices.

        Real time: audio thread.
        """
        for voice in range(self._turn, voices, PERIODS):
            self._since_s[voice] += _SECONDS
            self._write(voice, notes[voice])
        self._turn = self._turn + 1 if self._turn + 1 < PERIODS else 0
        if placed:
            for voice in range(self._turn, voices, PERIODS):
                self._write(voice, notes[voice])

    def _write(self, voice: int, note: float) -> None:
        since_s, at, row = self._since_s[voice], voice * self._width, voice * self._columns
        for place, blend, keytrack in self._places:
            weight = self._controls[row + blend]
            if weight:
                self._shade[at + place] = weight * waned_s(since_s, note, keytrack)


def waned_s(since_s: float, note: float, keytrack: float) -> float:
    """How far a note has gone along its wane, as seconds at KEYTRACK_NOTE."""
    if since_s >= LONGEST_WANE_S and note >= KEYTRACK_NOTE:
        return LONGEST_WANE_S
    return min(since_s * math.exp2(keytrack * (note - KEYTRACK_NOTE) / 12.0), LONGEST_WANE_S)
