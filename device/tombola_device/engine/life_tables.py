"""Life in tables: what the modes of a graph recorded and what is drawn at random, played once, when a bundle is loaded.

Source of the noise: Theiler et al. 1992, "Testing for nonlinearity in time series: the method of surrogate data".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from tombola_device.contract.controls import FRAME_RATE_HZ, Float64Array
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
"""Of a mode whose notes do not follow the recording whose attack they draw."""
SEED: Final = 20_261_130
MOST_CENTS, MOST_DB = 300.0, 12.0
"""Motion beyond these is cut: a bundle must not sing a wrong note."""


class Table(NamedTuple):
    """The takes of one mode.

    Args:
        rows: Of each take the L directions in each of TAKE_FRAMES periods, float32.
        bent, gained: Of each take the factors of pace and of amplitude in each period.
    """

    rows: list[list[bytes]]
    bent: list[list[float]]
    gained: list[list[float]]


def tables(modes: Sequence[Mode], directions: int) -> list[Table]:
    """Play the life of M modes, of L directions each, into tables."""
    return [_table(mode, index, directions) for index, mode in enumerate(modes)]


def _table(mode: Mode, index: int, directions: int) -> Table:
    rows = np.zeros((TAKES * TAKE_FRAMES, 2 + directions)) if mode.life is None else played(mode.life, index)
    takes = rows.astype(np.float32).reshape(-1, TAKE_FRAMES, 2 + directions)
    cents = np.clip(takes[..., CENTS], -MOST_CENTS, MOST_CENTS)
    levels_db = np.clip(takes[..., LEVEL], -MOST_DB, MOST_DB)
    # Lists: reading a number takes a tenth of the instructions that a view of an array takes. One take at a time: while
    # thirty are made, a millisecond on a PC, the audio thread would wait.
    bent: list[list[float]] = [take.tolist() for take in np.exp2(cents / 1200.0)]
    gained: list[list[float]] = [take.tolist() for take in 10.0 ** (levels_db / 20.0)]
    return Table([[row.tobytes() for row in take[:, 2:]] for take in takes], bent, gained)


def furthest(table: Table) -> list[tuple[int, int]]:
    """The take and the period in which each direction is moved furthest, to one side and to the other."""
    rows = np.frombuffer(b"".join(chain.from_iterable(table.rows)), np.float32).reshape(
        len(table.rows) * TAKE_FRAMES, -1
    )
    found = np.unique(np.concatenate([rows.argmin(axis=0), rows.argmax(axis=0)])).tolist()
    return [divmod(place, TAKE_FRAMES) for place in found]


def played(life: Life, mode: int = 0) -> Float64Array:
    """The takes of one mode, one after another: noise, and the courses.

    Args:
        life: Of the mode.
        mode: Its number. Noise beside courses has phases of its own in each mode, as the courses have.

    Returns:
        Shape (P * TAKE_FRAMES, 2 + L); P recordings are followed, or there are TAKES takes.
    """
    mixing, courses, count = np.array(life.mixing), b"".join(life.courses), TAKES
    if life.attacks is not None and life.attacks.courses:
        courses, count = life.attacks.followed(len(mixing)), len(life.attacks.notes)
    takes = np.array(life.takes)[_spread(len(life.takes), count)]
    rng = np.random.default_rng(SEED + mode if courses else SEED)
    bins = TAKE_FRAMES // 2 + 1
    shares = _shares()
    latents = np.zeros((count, takes.shape[1], TAKE_FRAMES))
    # One latent after another, so that latent q of two modes has the same phases however many latents they have.
    for latent in range(takes.shape[1]):
        turns = rng.uniform(0.0, 2 * np.pi, (count, bins))
        variance = takes[:, latent] ** 2 @ shares
        latents[:, latent] = np.fft.irfft(TAKE_FRAMES * np.sqrt(variance / 2) * np.exp(1j * turns), axis=1)
    if courses:
        loops = _loops(courses, len(mixing))
        latents += loops[_spread(len(loops), count)]
    mixed = latents.transpose(0, 2, 1) @ mixing
    return np.asarray(mixed.reshape(count * TAKE_FRAMES, -1))


def _loops(courses: bytes, latents: int) -> Float64Array:
    """Each course as a loop without a seam, a value for each period. Shape (P, Q, TAKE_FRAMES)."""
    points = np.frombuffer(courses, np.int8).reshape(-1, latents, COURSE_POINTS)
    waves = np.fft.rfft(COURSE_STEP * points)[..., :-1]  # Without the highest, whose phase is not known.
    return np.asarray(np.fft.irfft(waves, TAKE_FRAMES) * (TAKE_FRAMES / COURSE_POINTS))


def _spread(count: int, takes: int) -> npt.NDArray[np.intp]:
    """Which of a few recordings each take follows. Shape (takes,)."""
    return np.arange(takes) * count // takes


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
