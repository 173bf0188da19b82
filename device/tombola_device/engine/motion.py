"""Phase, pace and amplitude of each voice: the engine computes them for graphs that have these inputs.

The phase is summed here in double precision. A few plain floats per voice cost less than one node of a graph.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ, SILENCE_DB, Float32Array
from tombola_device.engine.numbers import numbers

COLUMNS: Final = 3
"""Phase at the period's start in turns, pace there, pace at the period's end."""
LEAST_START: Final = 2 ** (-1 / 12)
"""A voice that starts from rest begins at most one semitone below its note."""
SILENCE_AMPLITUDE: Final = 10 ** (SILENCE_DB / 20)
"""Subtracted from the amplitude, so that silence is exactly zero."""
_SEMITONE: Final = math.log(2) / 12
_TUNING: Final = math.log(440.0 / SAMPLE_RATE_HZ) - 69 * _SEMITONE
_NEPER: Final = math.log(10) / 20
HIGHEST: Final = 135.0
"""19.9 kHz; NaN is replaced by it, too."""


class Motion:
    """Phase, pace and amplitude of V voices, one step per period.

    Pace is cycles per sample; it changes linearly over a period. Amplitude is RMS.

    Args:
        voices: V.
    """

    def __init__(self, voices: int) -> None:
        self.places: Float32Array = np.zeros((voices, COLUMNS), np.float32)
        """Input ``motion`` of the graph. Shape (V, 3)."""
        self.amplitude: Float32Array = np.zeros((voices, 1), np.float32)
        """Input ``level`` of the graph. Shape (V, 1)."""
        self._places, self._amplitude = numbers(self.places), numbers(self.amplitude)
        self._voices = [_Voice() for _ in range(voices)]

    def reset(self, voice: int) -> None:
        """Put one voice to rest."""
        self._voices[voice] = _Voice()

    def step(self, notes: Sequence[float], levels_db: Sequence[float], voices: int) -> None:
        """Advance the first voices by one period, at whose end each reaches its note and level.

        Real time: audio thread.
        """
        places, at = self._places, 0
        for index in range(voices):
            voice, note, level_db = self._voices[index], notes[index], levels_db[index]
            places[at] = turns = voice.turns
            if voice.moving or note != voice.note:
                voice.moving = note != voice.note
                voice.note = note
                played = note if note < HIGHEST else HIGHEST  # noqa: FURB136 - min() would let NaN through
                pace = math.exp(played * _SEMITONE + _TUNING)
                start = max(voice.pace, LEAST_START * pace)
                places[at + 1], places[at + 2] = start, pace
                voice.pace, voice.advance = pace, (start + pace) * (PERIOD_SAMPLES / 2)
            voice.turns = (turns + voice.advance) % 1.0
            if level_db != voice.level_db:
                voice.level_db = level_db
                amplitude = math.exp(level_db * _NEPER) - SILENCE_AMPLITUDE
                self._amplitude[index] = 0.0 if amplitude < 0.0 else amplitude  # noqa: FURB136 - max() costs 300 more
            at += COLUMNS


@dataclass(slots=True)
class _Voice:
    """State of one voice. A new voice accepts any note and level at once."""

    turns: float = 0.0
    pace: float = 0.0
    advance: float = 0.0
    """Turns per period."""
    note: float = math.nan
    moving: bool = True
    """Whether the pace changed in the last period."""
    level_db: float = math.nan
