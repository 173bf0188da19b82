"""Fits the life of a mode: latents that move slowly as single recordings do (``courses``), and fast as noise does."""

from __future__ import annotations

from collections.abc import Sequence
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
from tombola_host.corpus.windows import NOTE, ModeData
from tombola_host.generators.voice.shades import Array, life_coefficients
from tombola_host.generators.voice.wane import fit_wane

SHORTEST_S = 1.0
MOST_TAKES, TAKES_OF_NOISE = 8, 2
"""Of noise alone; of noise beside courses."""
MOST_STEPS = 127
ONSET_S = 0.25
SCALE_CENTS, SCALE_DB = 2.5, 0.5
STEP_SHARE, FINEST, COARSEST = 0.14, 0.2, 1.2
"""A step of a course, as a share of how far the mode's notes move: finer ones would only take space. A step of 0.2 is
half a cent, 0.1 dB of level, 0.2 dB in a direction."""
FAST_SHARE = 0.5
"""Of the fast motion: noise beside the partials is read as flutter, and all of it makes notes less like the recordings
(docs/notebook/0022-recorded-courses.md)."""
MOST_FLUTTER = 1.5
"""Motion faster than SLOW_HZ is at most so many times as far as in the mode's usual recording."""
LEAST = 1e-3
"""A smaller number is written as 0."""
KEPT_SHARE = 0.99
"""Latents that move less than the rest of this are left out."""


def fit_life(mode: ModeData, directions: Tensor, courses: Sequence[Array] = ()) -> Life | None:
    """The life of a mode; None if it has no courses and no note is long enough to show it.

    Args:
        directions: In which it moves. Shape (L, H + B).
        courses: Those that notes will follow, whose slow motion is then no noise: they decide how far a latent reaches.
            Shape (COURSE_FRAMES, 2 + L) each.
    """
    moved = _motions(mode, directions)
    scale = _scale(len(directions))
    spread = [(one / scale).T @ (one / scale) / len(one) for one in [*moved, *courses]]
    if not spread or not np.trace(np.sum(spread, axis=0)) > 0:
        return None
    values, vectors = np.linalg.eigh(np.mean(spread, axis=0))
    order = np.argsort(values)[::-1]
    share = np.cumsum(values[order]) / values.sum()
    order = order[: int(np.searchsorted(share, KEPT_SHARE)) + 1]
    # The sign of a vector is arbitrary. Pitch, or level, goes up with each: else those of two modes cancel in a blend.
    heard = vectors[: LEVEL + 1, order]
    sign = np.where(heard[np.abs(heard).argmax(axis=0), range(len(order))] < 0, -1.0, 1.0)
    kept = vectors[:, order] * sign
    far = np.sqrt(np.trace(np.mean(spread[: len(moved)], axis=0))) if moved else 0.0
    step = float(np.clip(STEP_SHARE * far, FINEST, COARSEST))
    reach = _reach([course / scale @ kept for course in courses], len(order), step)
    latents = [(one / scale) @ kept / reach for one in moved] or [np.zeros((2, len(order)))]
    spreads = np.array([[_spreads(latent) for latent in one.T] for one in latents])
    if len(courses):
        # Where a single recording flutters far more than the others, the analysis is at odds with it.
        spreads = FAST_SHARE * np.minimum(spreads, MOST_FLUTTER * np.median(spreads, axis=0))
        spreads[..., np.array(band_edges_hz()[1:]) < SLOW_HZ] = 0.0
    places = np.linspace(0, len(spreads) - 1, min(TAKES_OF_NOISE if len(courses) else MOST_TAKES, len(spreads)))
    return Life(
        mixing=[_short(row, 3) for row in (kept * reach).T * scale],
        takes=[[_short(bands, 2) for bands in take] for take in spreads[places.round().astype(int)]],
        onset_s=ONSET_S,
    )


def _scale(directions: int) -> Array:
    """What counts as much as a step of 1 in a direction: cents, dB, each of L directions. Shape (2 + L,)."""
    return np.array([SCALE_CENTS, SCALE_DB, *[1.0] * directions])


def _short(values: Array, digits: int) -> list[float]:
    """To so many significant digits: a manifest is text."""
    return [float(f"{value:.{digits}g}") if abs(value) > LEAST else 0.0 for value in values]


def _reach(courses: Sequence[Array], latents: int, step: float) -> Array:
    """How far a latent of 1 goes: signed bytes hold its furthest point, in steps that are not finer than this."""
    if not len(courses):
        return np.ones(latents)
    furthest = np.max([np.abs(course).max(axis=0) for course in courses], axis=0)
    return np.asarray(np.maximum(furthest / MOST_STEPS, step) / COURSE_STEP)


def steps_of(course: Array, life: Life) -> bytes:
    """A course as a manifest has it: what is slower than SLOW_HZ, in latents, in signed bytes."""
    scale = _scale(life.directions)
    # Scaled: of what the latents do not hold, a cent counts as much as where they were found.
    waves = np.fft.rfft(course / scale @ np.linalg.pinv(np.array(life.mixing) / scale), axis=0)[: COURSE_POINTS // 2]
    points = np.fft.irfft(waves, COURSE_POINTS, axis=0) * (COURSE_POINTS / COURSE_FRAMES)
    return np.clip(np.rint(points.T / COURSE_STEP), -MOST_STEPS, MOST_STEPS).astype(np.int8).tobytes()


def _motions(mode: ModeData, directions: Tensor) -> list[Array]:
    """How notes move around their trends, the lowest first: cents, dB, directions. Shape (F, 2 + L) each."""
    # How a note dies away is no motion: envelope, wane and courses say it.
    held, moved = fit_wane(mode) is None, []
    for note in sorted(mode.notes, key=lambda note: float(note.scalars[:, NOTE].median())):
        found = life_coefficients(note, directions)
        if found is not None and len(found[0]) >= SHORTEST_S * FRAME_RATE_HZ:
            motion = np.column_stack(found)
            moved.append(motion if held else detrended(motion, sustained=False))
    return moved


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
