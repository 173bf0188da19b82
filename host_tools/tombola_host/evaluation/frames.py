"""Recordings and played notes as the same analysis sees them: pitch, level and the first partials, frame by frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d
from tombola_device.contract.controls import FRAME_RATE_HZ, Float32Array

from tombola_host.corpus.analysis import analyse
from tombola_host.corpus.windows import LEVEL, LOWEST_RELATIVE_DB, NOTE, Note

Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

PARTIALS = 10
DB_PER_NEPER = 20 / math.log(10)
SMOOTH_S = 0.05
SETTLED_S = 0.25
"""After the level has come near its highest: attack and its overshoot are over."""
NEAR_DB = 10.0
HELD_DB = 15.0
"""A sustained note that has fallen by more than this has ended."""
DECAYED_DB = 40.0
"""A decaying note that has fallen by more than this is not heard beside the next."""
MARGIN_S = 0.15
"""Before the end: a release begins softly."""
LONGEST_S = 4.0
SHORTEST_S = 1.0
"""Less than two turns of what moves at 0.5 … 3 Hz says nothing."""


@dataclass(frozen=True, slots=True)
class Frames:
    """F frames at 375 Hz of one note.

    Args:
        note: MIDI note number, fractional. Shape (F,).
        level_db: dB re full-scale RMS 1.0. Shape (F,).
        partials_db: Partials 1 … 10, relative to the level. Shape (F, 10).
    """

    note: Float64Array
    level_db: Float64Array
    partials_db: Float64Array


@dataclass(frozen=True, slots=True)
class Span:
    """Frames ``first`` … ``last`` (past the last one)."""

    first: int
    last: int

    @property
    def seconds(self) -> float:
        """Its length, s."""
        return (self.last - self.first) / FRAME_RATE_HZ


def recorded(note: Note) -> Frames:
    """The analysis that a recording comes with."""
    scalars = note.scalars.numpy().astype(np.float64)
    partials_db = note.relative[:, :PARTIALS].numpy().astype(np.float64) * DB_PER_NEPER
    return Frames(scalars[:, NOTE], scalars[:, LEVEL], partials_db)


def measured(audio: Float32Array, note: float) -> Frames:
    """The same analysis of a played note.

    Args:
        audio: 48 kHz. Shape (F * 128,).
        note: What was played, as a MIDI note number, fractional.
    """
    found = analyse(audio, note)
    level = 10 ** (found.level_db.astype(np.float64) / 20)
    share = found.partials[:, :PARTIALS].astype(np.float64) / level[:, None]
    partials_db = np.maximum(20 * np.log10(share + 1e-12), LOWEST_RELATIVE_DB)
    pitch = 69 + 12 * np.log2(found.f0_hz.astype(np.float64) / 440.0)
    return Frames(pitch, found.level_db.astype(np.float64), partials_db)


def steady(frames: Frames, *, sustained: bool) -> Span:
    """The part between attack and end, at most LONGEST_S; for a decaying note, as long as it is well heard."""
    level = smooth(frames.level_db)
    top = float(np.max(level[: round(2 * LONGEST_S * FRAME_RATE_HZ)]))
    first = int(np.argmax(level >= top - NEAR_DB)) + round(SETTLED_S * FRAME_RATE_HZ)
    heard = np.flatnonzero(level >= top - (HELD_DB if sustained else DECAYED_DB))
    last = int(heard[-1]) + 1 - round(MARGIN_S * FRAME_RATE_HZ)
    return Span(first, max(min(last, first + round(LONGEST_S * FRAME_RATE_HZ)), first))


def common(first: Span, second: Span) -> Span:
    """What two spans share; empty where they share nothing."""
    start = max(first.first, second.first)
    return Span(start, max(min(first.last, second.last), start))


def smooth(series: Float64Array, seconds: float = SMOOTH_S) -> Float64Array:
    """Mean over a window about each frame. Shape as given."""
    return np.asarray(uniform_filter1d(series, max(round(seconds * FRAME_RATE_HZ), 1), axis=0, mode="nearest"))


def middle_note(note: Note) -> float:
    """The pitch that a recording rests at, as a MIDI note number, fractional."""
    return float(note.scalars[:, NOTE].median())
