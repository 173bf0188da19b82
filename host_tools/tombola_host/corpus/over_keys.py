"""How a figure of single notes differs over the keyboard: a line through a few keys, or one value.

How bent the line may be is chosen by leaving out one key after another: what predicts the key left out best. Recordings
that scatter more than they rise or fall are predicted best by their median, and so keep one value.

Source: penalised splines, as in Eilers & Marx 1996, "Flexible smoothing with B-splines and penalties", of degree 1; the
absolute error by iteratively reweighted least squares.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from tombola_device.contract.envelope_keys import MAX_KEYS

Array = npt.NDArray[np.float64]
SEMITONES = 6.0
"""Between two keys of the line."""
FEWEST_KEYS = 8
"""With fewer, leaving one out says little."""
STIFFNESSES = (4.0, 1.0, 1 / 4, 1 / 16, 1 / 32)
"""What a bend costs. The last is the softest: below it a line swings where no note holds it (vibraphone, note 83)."""
LEAST_GAIN = 0.2
"""A line must predict keys left out better than the median by this share. Of sets of 9, 14 and 25 keys of pure chance,
25, 11 and 6 % do."""
LEAST_OFF = 0.1
"""Octaves. Notes that are nearer to their median, on average, are alike."""
ROUNDS, NEAR = 12, 0.05


def keys_of(notes: Sequence[float] | Array) -> Array:
    """The keys of a line over these notes. Shape (K,), K ≤ MAX_KEYS."""
    low, high = min(notes), max(notes)
    return np.linspace(low, high, int(np.clip(round((high - low) / SEMITONES) + 1, 2, MAX_KEYS)))


def level(notes: Array, values: Array) -> float:
    """The slope of what does not rise or fall with the note."""
    del notes, values
    return 0.0


def over_keys(
    notes: Sequence[float] | Array, values: Sequence[float] | Array, slope: Callable[[Array, Array], float] = level
) -> Array | None:
    """How values differ from their median at each of ``keys_of(notes)``; None: they do not.

    Args:
        notes: MIDI note number of each. Shape (N,).
        values: In octaves. Shape (N,).
        slope: Octaves for each semitone that the median has anyway, from any of the notes and values.
    """
    at, given = np.asarray(notes, np.float64), np.asarray(values, np.float64)
    struck = np.round(at)
    present, place, counts = np.unique(struck, return_inverse=True, return_counts=True)
    if len(present) < FEWEST_KEYS:
        return None
    keys, weights = keys_of(notes), 1.0 / counts[place]
    spread = np.array([np.interp(at, keys, one) for one in np.eye(len(keys))]).T
    flat = [(struck == key, given - slope(at[struck != key], given[struck != key]) * at) for key in present]

    def predicted(stiffness: float) -> float:
        off = 0.0
        for out, found in flat:
            line = _line(keys, spread[~out], found[~out], weights[~out], stiffness)
            off += float(weights[out] @ np.abs(found[out] - spread[out] @ line))
        return off

    by_median = predicted(math.inf)
    if by_median < LEAST_OFF * len(present):
        return None
    errors = {stiffness: predicted(stiffness) for stiffness in STIFFNESSES}
    best = min(errors, key=lambda stiffness: errors[stiffness])
    if errors[best] >= (1.0 - LEAST_GAIN) * by_median:
        return None
    found = given - slope(at, given) * at
    return _line(keys, spread, found, weights, best) - float(np.median(found))


def _line(keys: Array, spread: Array, values: Array, weights: Array, stiffness: float) -> Array:
    """The values at the keys whose line has the least absolute error and bends; stiff without end: the median."""
    if math.isinf(stiffness):
        rising = np.argsort(values)
        share = np.cumsum(weights[rising])
        return np.full(len(keys), values[rising][np.searchsorted(share, share[-1] / 2)])
    steps = np.diff(np.eye(len(keys)), axis=0)
    octaves = (keys[-1] - keys[0]) / (len(keys) - 1) / 12
    penalty = stiffness * weights.sum() / octaves * steps.T @ steps + 1e-9 * np.eye(len(keys))
    line, counted = np.zeros(len(keys)), weights
    for _ in range(ROUNDS):
        weighted = (spread * counted[:, None]).T
        line = np.linalg.solve(weighted @ spread + penalty, weighted @ values)
        counted = weights / np.maximum(np.abs(values - spread @ line), NEAR)
    return line
