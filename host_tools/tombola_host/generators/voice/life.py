"""Fits the life of a mode to its notes: latents that move slowly as in single recordings, and fast as noise does."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from tombola_device.contract.controls import FRAME_RATE_HZ
from tombola_device.contract.life import (
    BANDS,
    COURSE_FRAMES,
    COURSE_POINTS,
    COURSE_STEP,
    LEVEL,
    SLOW_HZ,
    Life,
    band_edges_hz,
)
from torch import Tensor

from tombola_host.corpus.trend import detrended
from tombola_host.corpus.windows import LEVEL as LEVEL_COLUMN
from tombola_host.corpus.windows import NOTE, ModeData, Note
from tombola_host.generators.voice.shades import Array, life_coefficients
from tombola_host.generators.voice.wane import fit_wane

SHORTEST_S = 1.0
MOST_TAKES = 8
TAKES_OF_NOISE = 4
JOINT_S = 0.2
"""A course that goes on at its start, or is too short for a loop and begins anew, fades into itself in this time."""
MOST_STEPS = 127
HELD_DB, LET_GO_DB = 20.0, 3.0
"""A note holds the median level of what is no further below its peak, and is let go when it last is so far below."""
ONSET_S = 0.3
SCALE_CENTS, SCALE_DB = 5.0, 1.0
FAST_SHARE = 0.5
"""Of the fast motion: noise beside the partials is read as flutter, and all of it makes notes less like the recordings
(docs/notebook/0022-recorded-courses.md)."""
MOST_FLUTTER = 1.5
"""Motion faster than SLOW_HZ is at most so many times as far as in the mode's usual recording."""
KEPT_SHARE = 0.9999
"""Latents that move less than the rest of this are left out."""


def fit_life(mode: ModeData, directions: Tensor) -> Life | None:
    """The life of a mode; None if no note is long enough to show it.

    Args:
        directions: Those of ``shades.fit_directions``. Shape (K, H + B).
    """
    # How a note dies away is no motion: envelope and wane say it.
    held = fit_wane(mode) is None
    courses, pitches = [], []
    for note in map(_held, mode.notes) if held else mode.notes:
        found = life_coefficients(note, directions)
        if found is not None and len(found[0]) >= SHORTEST_S * FRAME_RATE_HZ:
            course = np.column_stack(found)
            courses.append(course if held else detrended(course, sustained=False))
            pitches.append(float(note.scalars[:, NOTE].median()))
    if not courses:
        return None
    # The engine spreads the takes evenly over the range, whatever notes were recorded.
    places = np.linspace(min(pitches), max(pitches), min(MOST_TAKES, len(courses)))
    nearest = [int(np.abs(np.array(pitches) - place).argmin()) for place in places]
    scale = np.array([SCALE_CENTS, SCALE_DB] + [1.0] * (courses[0].shape[1] - 2))
    covariance = np.mean([(course / scale).T @ (course / scale) / len(course) for course in courses], axis=0)
    values, vectors = np.linalg.eigh(covariance)
    order = np.argsort(values)[::-1]
    share = np.cumsum(values[order]) / max(values.sum(), 1e-12)
    order = order[: int(np.searchsorted(share, KEPT_SHARE)) + 1]
    if not values[order[0]] > 0:
        return None
    # The sign of a vector is arbitrary. Pitch, or level, goes up with each: else those of two modes cancel in a blend.
    heard = vectors[: LEVEL + 1, order]
    sign = np.where(heard[np.abs(heard).argmax(axis=0), range(len(order))] < 0, -1.0, 1.0)
    kept = vectors[:, order] * sign
    latents = [(course / scale) @ kept for course in courses]
    points = np.array([_points(latents[one]) for one in nearest])
    # Signed bytes: the furthest point of each latent is the last step.
    reach = np.maximum(np.abs(points).max(axis=(0, 1)), 1e-6) / (COURSE_STEP * MOST_STEPS)
    spreads = np.array([[_spreads(latent) for latent in (each / reach).T] for each in latents])
    # Where a single recording flutters far more than the others, the analysis is at odds with it.
    spreads = FAST_SHARE * np.minimum(spreads, MOST_FLUTTER * np.median(spreads, axis=0))
    spreads[..., np.array(band_edges_hz()[1:]) < SLOW_HZ] = 0.0  # The courses hold it.
    steps = np.rint(points / (COURSE_STEP * reach)).astype(np.int8)
    return Life(
        mixing=[[round(float(value), 5) for value in row] for row in (kept * reach).T * scale],
        takes=spreads[nearest][:: -(-len(nearest) // TAKES_OF_NOISE)].round(3).tolist(),
        onset_s=ONSET_S,
        courses=[course.T.tobytes() for course in steps],
    )


def _held(note: Note) -> Note:
    """A note without its end, to where it last has the level that it held: a loop would let it go again and again."""
    level_db = note.scalars[:, LEVEL_COLUMN].numpy()
    held_db = float(np.median(level_db[level_db >= level_db.max() - HELD_DB]))
    stop = int(np.flatnonzero(level_db >= held_db - LET_GO_DB)[-1]) + 1
    return replace(note, scalars=note.scalars[:stop], relative=note.relative[:stop])


def _points(course: Array) -> Array:
    """A loop of what is slower than SLOW_HZ. (F, Q) → (COURSE_POINTS, Q)."""
    waves = np.fft.rfft(_looped(course), axis=0)[: COURSE_POINTS // 2]
    waves[0] = 0.0  # What does not move is not life's.
    points = np.fft.irfft(waves, COURSE_POINTS, axis=0) * (COURSE_POINTS / COURSE_FRAMES)
    return np.asarray(points)


def _looped(course: Array) -> Array:
    """A course of any length as a loop; joints are faded, with equal power. (F, Q) → (COURSE_FRAMES, Q)."""
    joint = min(round(JOINT_S * FRAME_RATE_HZ), len(course) // 3)
    rise = np.sqrt(np.linspace(0.0, 1.0, joint))[:, None]
    fall, size = rise[::-1], COURSE_FRAMES + joint
    long = course[:size]
    while len(long) < size:
        long = np.concatenate([long[:-joint], long[-joint:] * fall + course[:joint] * rise, course[joint:]])[:size]
    begun = long[:joint] * rise + long[COURSE_FRAMES:size] * fall
    return np.concatenate([begun, long[joint:COURSE_FRAMES]])


def _spreads(course: Array) -> Array:
    """Standard deviation in each band of modulation frequencies. (F,) → (BANDS,)."""
    window = np.hanning(len(course) + 2)[1:-1]
    power = np.abs(np.fft.rfft(course * window)) ** 2 / (len(course) * np.sum(window**2))
    power[1:] *= 2
    hz = np.fft.rfftfreq(len(course), 1 / FRAME_RATE_HZ)
    edges = np.array(band_edges_hz())
    # A band narrower than the distance of two frequencies takes its share of the nearest density.
    density = power / hz[1]
    centres = np.sqrt(edges[:-1] * edges[1:])
    inside = [(hz >= low) & (hz < high) for low, high in pairwise(edges)]
    variance = [
        power[band].sum() if band.sum() >= 2 else float(np.interp(centre, hz, density)) * (high - low)
        for band, centre, low, high in zip(inside, centres, edges[:-1], edges[1:], strict=True)
    ]
    assert len(variance) == BANDS
    return np.asarray(np.sqrt(variance))
