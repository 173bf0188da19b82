"""Fits the life of a mode to its notes: noise latents with the spectra of single recordings."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from tombola_device.contract.controls import FRAME_RATE_HZ
from tombola_device.contract.life import BANDS, LEVEL, Life, band_edges_hz
from torch import Tensor

from tombola_host.corpus.trend import detrended
from tombola_host.corpus.windows import NOTE, ModeData
from tombola_host.generators.voice.shades import Array, life_coefficients
from tombola_host.generators.voice.wane import fit_wane

SHORTEST_S = 1.0
MOST_TAKES = 8
ONSET_S = 0.3
SCALE_CENTS, SCALE_DB = 5.0, 1.0
FAST_HZ, MOST_FLUTTER = 9.0, 1.5
"""Motion faster than this is at most so many times as far as in the mode's usual recording."""
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
    for note in mode.notes:
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
    mixing = (vectors[:, order] * sign).T * scale
    spreads = np.array(
        [[_spreads(latent) for latent in ((course / scale) @ vectors[:, order]).T] for course in courses]
    )
    # Where a single recording flutters far more than the others, the analysis is at odds with it.
    fast = np.array(band_edges_hz()[:-1]) >= FAST_HZ
    usual = MOST_FLUTTER * np.median(spreads, axis=0)
    spreads[..., fast] = np.minimum(spreads, usual)[..., fast]
    return Life(
        mixing=[[round(float(value), 3) for value in row] for row in mixing],
        takes=spreads[nearest].round(3).tolist(),
        onset_s=ONSET_S,
    )


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
