"""How the spectrum of a plucked or struck note changes while it dies away: high partials faster than low ones.

A trunk of bounded units cannot follow it: the fall of a partial in dB is its own rate times the time since the onset,
without end. So it is a straight direction as those of ``shades``: how much faster than the level each amplitude falls,
one for each mode, at a speed that rises with the note.

Source: damping that grows with frequency, as in Fletcher & Rossing 1998, "The physics of musical instruments", § 2.13.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression
from tombola_device.contract.controls import FRAME_RATE_HZ
from tombola_device.contract.life import LONGEST_WANE_S
from tombola_device.contract.manifest import KEYTRACK_NOTE

from tombola_host.corpus.clip import PARTIALS
from tombola_host.corpus.envelope import SUSTAINED_DB
from tombola_host.corpus.windows import LEVEL, NOTE, ModeData, Note

Array = npt.NDArray[np.float64]
NEPER = np.log(10) / 20
SETTLED_S = 0.05
FALL_DB, HEARD_DB = 30.0, 50.0
"""A slope is read until an amplitude has fallen this far, or lies this far below the loudest moment."""
LEAST_FRAMES = 30
SPEEDS = np.arange(0.0, 3.01, 0.125)
STEEPEST_DB_PER_S, RISING_DB_PER_S = -300.0, 60.0
LEAST_NOTES = 3


@dataclass(frozen=True, slots=True)
class Wane:
    """How a mode dies away.

    Args:
        rates: What each log amplitude gains over the level in a second, at KEYTRACK_NOTE, nepers. Shape (H + B,).
        keytrack: How much faster a higher note changes, octaves of speed per octave of pitch.
    """

    rates: Array
    keytrack: float


def fit_wane(mode: ModeData) -> Wane | None:
    """Fit one direction and one speed to the slopes of all notes; None for a mode that is held, or of few notes."""
    courses = [note.scalars[:, LEVEL].numpy() for note in mode.notes]
    drops = [float(course.max() - course[len(course) // 2]) for course in courses]
    if len(mode.notes) < LEAST_NOTES or np.median(drops) < SUSTAINED_DB:
        return None
    octaves = np.array([float(note.scalars[:, NOTE].median()) - KEYTRACK_NOTE for note in mode.notes]) / 12
    slopes, weights = (np.stack(rows) for rows in zip(*map(_slopes, mode.notes), strict=True))
    counted = weights.sum(0) >= LEAST_NOTES
    if not counted.any():
        return None
    weights = weights * counted
    best: tuple[float, float, Array] | None = None
    partials = slice(0, PARTIALS)
    for keytrack in SPEEDS:
        speed = np.exp2(keytrack * octaves)[:, None]
        normal = np.maximum((weights * speed).sum(0), 1e-9)
        rates = (weights * slopes).sum(0) / normal
        # Damping grows with frequency. Without this, partials near the noise would seem to last.
        rates[partials] = isotonic_regression(rates[partials], weights=normal[partials], increasing=False).x
        # In proportion to the slope itself: else the fastest notes alone decide.
        off = weights * np.abs(slopes - speed * rates) / (np.abs(slopes) + np.abs(speed * rates) + 1.0)
        error = float(off.sum())
        if best is None or error < best[0]:
            best = error, float(keytrack), rates
    assert best is not None
    return Wane(np.clip(best[2], STEEPEST_DB_PER_S * NEPER, RISING_DB_PER_S * NEPER), best[1])


def _slopes(note: Note) -> tuple[Array, Array]:
    """Slope of each log amplitude, nepers per second, and how much it counts. Shapes (H + B,)."""
    level_db = note.scalars[:, LEVEL].numpy().astype(np.float64)
    relative = note.relative.numpy().astype(np.float64)
    start = int(level_db[: round(FRAME_RATE_HZ / 2)].argmax()) + round(SETTLED_S * FRAME_RATE_HZ)
    stop = min(start + round(LONGEST_WANE_S * FRAME_RATE_HZ), len(level_db))
    relative, level_db = relative[start:stop], level_db[start:stop]
    width = relative.shape[1]
    if stop - start < LEAST_FRAMES:
        return np.zeros(width), np.zeros(width)
    absolute_db = relative / NEPER + level_db[:, None]
    lowest = np.maximum(absolute_db[:LEAST_FRAMES].max(0) - FALL_DB, level_db.max() - HEARD_DB)
    below = absolute_db < lowest
    frames = np.where(below.any(0), below.argmax(0), len(relative))
    seconds = np.arange(len(relative)) / FRAME_RATE_HZ
    slopes, weights = np.zeros(width), np.zeros(width)
    for place in np.flatnonzero(frames >= LEAST_FRAMES):
        part = slice(0, frames[place])
        slopes[place] = np.polyfit(seconds[part], relative[part, place], 1)[0]
        weights[place] = 1.0
    return slopes, weights
