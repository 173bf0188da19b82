"""Phase, pace and amplitude of each voice: the engine computes them for graphs that have these inputs.

The phase is summed here in double precision. A few plain floats per voice cost less than one node of a graph.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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
        self.voices = [MovedVoice(numbers(row)) for row in self.places]
        self._amplitude = numbers(self.amplitude)
        # Loops over lists made once: a range costs 700 instructions on a Raspberry Pi.
        self._first = [self.voices[:count] for count in range(voices + 1)]

    def reset(self, voice: int) -> None:
        """Put one voice to rest."""
        self.voices[voice].rest()

    def step(self, notes: Sequence[float], levels_db: Sequence[float], voices: int) -> None:
        """Advance the first voices by one period, at whose end each reaches its note and level.

        Real time: audio thread.
        """
        index = 0
        for voice in self._first[voices]:
            note, level_db, gain, places = notes[index], levels_db[index], voice.gain, voice.places
            places[0] = turns = voice.turns
            if note != voice.note:
                voice.note = note
                played = note if note < HIGHEST else HIGHEST  # noqa: FURB136 - min() would let NaN through
                voice.straight = math.exp(played * _SEMITONE + _TUNING)
            pace, before = voice.straight * voice.bend, voice.pace
            if pace != before or voice.moving:
                voice.moving = pace != before
                least = LEAST_START * pace
                start = before if before > least else least  # noqa: FURB136 - max() costs 300 more
                places[1], places[2] = start, pace
                voice.pace, voice.advance = pace, (start + pace) * (PERIOD_SAMPLES / 2)
            voice.turns = (turns + voice.advance) % 1.0
            if level_db != voice.level_db or gain != voice.played_gain:
                voice.level_db, voice.played_gain = level_db, gain
                amplitude = (math.exp(level_db * _NEPER) - SILENCE_AMPLITUDE) * gain
                if not 0.0 < amplitude < 1.0:
                    amplitude = 1.0 if amplitude >= 1.0 else 0.0
                self._amplitude[index] = amplitude
            index += 1  # noqa: SIM113 - enumerate() costs 700 more


class MovedVoice:
    """State of one voice. A voice at rest accepts any note and level at once.

    Args:
        places: Its row of ``Motion.places``. Shape (3,).
    """

    __slots__ = (
        "advance",
        "bend",
        "gain",
        "level_db",
        "moving",
        "note",
        "pace",
        "places",
        "played_gain",
        "straight",
        "turns",
    )

    def __init__(self, places: memoryview[float]) -> None:
        self.places = places
        self.straight = 0.0
        """The note's pace, not bent."""
        self.rest()

    def rest(self) -> None:
        """Put the voice to rest."""
        self.bend = self.gain = 1.0
        """Factors of pace and amplitude, to be set from outside; an amplitude above 1 is cut to 1."""
        self.turns = self.pace = 0.0
        self.advance = 0.0
        """Turns per period."""
        self.moving = True
        """Whether the pace changed in the last period."""
        self.note = self.level_db = self.played_gain = math.nan
