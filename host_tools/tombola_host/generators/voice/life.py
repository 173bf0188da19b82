"""Fits the life of a mode to its notes: noise latents with the spectra of single recordings."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from tombola_device.contract.controls import FRAME_RATE_HZ
from tombola_device.contract.life import BANDS, LEVEL, Life, band_edges_hz
from torch import Tensor

from tombola_host.corpus.windows import NOTE, ModeData
from tombola_host.generators.voice.shades import Array, life_coefficients
from tombola_host.generators.voice.wane import fit_wane

SHORTEST_S = 1.0
MOST_TAKES = 8
ONSET_S = 0.3
SCALE_CENTS, SCALE_DB = 5.0, 1.0
DYING_BELOW_HZ = 3.0
KEPT_SHARE = 0.99
"""Latents that move less than the rest of this are left out."""


def fit_life(mode: ModeData, directions: Tensor) -> Life | None:
    """The life of a mode; None if no note is long enough to show it.

    Args:
        directions: Those of ``shades.fit_directions``. Shape (K, H + B).
    """
    courses = []
    for note in sorted(mode.notes, key=lambda note: float(note.scalars[:, NOTE].median())):
        found = life_coefficients(note, directions)
        if found is not None and len(found[0]) >= SHORTEST_S * FRAME_RATE_HZ:
            courses.append(np.column_stack(found))
    if not courses:
        return None
    chosen = [courses[round(index)] for index in np.linspace(0, len(courses) - 1, min(MOST_TAKES, len(courses)))]
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
    takes = np.array([[_spreads(latent) for latent in ((course / scale) @ vectors[:, order]).T] for course in chosen])
    if fit_wane(mode) is not None:  # What is slower is how the note dies away, which envelope and wane say.
        takes[:, :, np.array(band_edges_hz()[:-1]) < DYING_BELOW_HZ] = 0.0
    return Life(
        mixing=[[round(float(value), 3) for value in row] for row in mixing],
        takes=takes.round(3).tolist(),
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
