"""Life in tables: what the modes of a graph recorded and what is drawn at random, played once, when a bundle is loaded.

Source of the noise: Theiler et al. 1992, "Testing for nonlinearity in time series: the method of surrogate data".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from tombola_device.contract.controls import FRAME_RATE_HZ, Float32Array, Float64Array
from tombola_device.contract.life import (
    BANDS,
    CENTS,
    COURSE_FRAMES,
    COURSE_POINTS,
    COURSE_STEP,
    LEVEL,
    Life,
    band_edges_hz,
)
from tombola_device.contract.manifest import Mode

TAKE_FRAMES: Final = COURSE_FRAMES
"""5.5 s; a take continues at its start without a seam."""
TAKES: Final = 8
SEED: Final = 20_261_130
MOST_CENTS, MOST_DB = 300.0, 12.0
"""Motion beyond these is cut: a bundle must not sing a wrong note."""


def tables(modes: Sequence[Mode], directions: int) -> tuple[Float32Array, list[list[float]], list[list[float]]]:
    """Play the life of M modes into tables of T = TAKES * TAKE_FRAMES rows.

    Returns:
        The L directions, shape (T, M, L); factors of pace and of amplitude, shape (M, T) each.
    """
    rows = np.zeros((len(modes), TAKES * TAKE_FRAMES, 2 + directions), np.float32)
    for index, (table, mode) in enumerate(zip(rows, modes, strict=True)):
        if mode.life is not None:
            table[:] = played(mode.life, index)
    cents = np.clip(rows[:, :, CENTS], -MOST_CENTS, MOST_CENTS)
    levels_db = np.clip(rows[:, :, LEVEL], -MOST_DB, MOST_DB)
    # Lists: reading a number takes a tenth of the instructions that a view of an array takes.
    bent: list[list[float]] = np.exp2(cents / 1200.0).tolist()
    gained: list[list[float]] = (10.0 ** (levels_db / 20.0)).tolist()
    return np.ascontiguousarray(rows[:, :, 2:].transpose(1, 0, 2)), bent, gained


def played(life: Life, mode: int = 0) -> Float64Array:
    """TAKES takes of one mode, one after another: noise, and the courses. Shape (TAKES * TAKE_FRAMES, 2 + L).

    Args:
        life: Of the mode.
        mode: Its number. Noise beside courses has phases of its own in each mode, as the courses have.
    """
    mixing = np.array(life.mixing)
    takes = np.array(life.takes)[_spread(len(life.takes))]
    rng = np.random.default_rng(SEED + mode if life.courses else SEED)
    bins = TAKE_FRAMES // 2 + 1
    shares = _shares()
    latents = np.zeros((TAKES, takes.shape[1], TAKE_FRAMES))
    # One latent after another, so that latent q of two modes has the same phases however many latents they have.
    for latent in range(takes.shape[1]):
        turns = rng.uniform(0.0, 2 * np.pi, (TAKES, bins))
        variance = takes[:, latent] ** 2 @ shares
        latents[:, latent] = np.fft.irfft(TAKE_FRAMES * np.sqrt(variance / 2) * np.exp(1j * turns), axis=1)
    if life.courses:
        latents += _courses(life)[_spread(len(life.courses))]
    mixed = latents.transpose(0, 2, 1) @ mixing
    return np.asarray(mixed.reshape(TAKES * TAKE_FRAMES, -1))


def _courses(life: Life) -> Float64Array:
    """Each course as a loop without a seam, a value for each period. Shape (P, Q, TAKE_FRAMES)."""
    points = np.frombuffer(b"".join(life.courses), np.int8).reshape(len(life.courses), -1, COURSE_POINTS)
    waves = np.fft.rfft(COURSE_STEP * points)[..., :-1]  # Without the highest, whose phase is not known.
    return np.asarray(np.fft.irfft(waves, TAKE_FRAMES) * (TAKE_FRAMES / COURSE_POINTS))


def _spread(count: int) -> npt.NDArray[np.intp]:
    """Which of a few recordings each take follows. Shape (TAKES,)."""
    return np.arange(TAKES) * count // TAKES


def _shares() -> Float64Array:
    """How the variance of each band is spread over the frequencies of a take. Shape (BANDS, TAKE_FRAMES // 2 + 1)."""
    edges_hz = np.array(band_edges_hz())
    hz = np.arange(TAKE_FRAMES // 2 + 1) * (FRAME_RATE_HZ / TAKE_FRAMES)
    shares = np.zeros((BANDS, len(hz)))
    for band, (low, high) in enumerate(pairwise(edges_hz)):
        inside = np.flatnonzero((hz >= low) & (hz < high))
        if not inside.size:  # A band may be narrower than the distance of two frequencies.
            inside = np.array([np.abs(hz - math.sqrt(low * high)).argmin()])
        shares[band, inside] = 1.0 / len(inside)
    return shares
