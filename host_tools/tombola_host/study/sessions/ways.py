"""The way of a word: from the middle of what was rated, up and down the slope of the scores; it need not be straight.

    score = of its block + direction · setting + what bends + noise          a Gaussian process
    way   = steepest ascent and descent, in stops between which the score grows by equal steps

Straight ways lose the word at an end more often (docs/notebook/0015-preferences.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from tombola_host.study.sessions.setting import AXES, Points, Space

STOPS: Final = 5
REACH: Final = 0.5
"""How far a way goes from the middle, in its longest coordinate."""
STEP: Final = 0.05
LEAST: Final = 1e-3
"""A step that gains less ends the way."""
BEND: Final = 0.6
"""Variance of what is not straight; the direction has 1."""
BEND_SCALE: Final = 0.5
NOISE: Final = 0.9
BLOCKS: Final = 100.0
"""Variance of what is particular to a block: as good as unknown."""
_TINY: Final = 1e-3


def way(space: Space, points: Points, scores: Points, blocks: npt.NDArray[np.int64]) -> Points:
    """The stops of a word, from the least of it to the most. Shape (STOPS, D).

    Args:
        space: The settings.
        points: What was rated. Shape (N, D).
        scores: Of spread 1 in each block. Shape (N,).
        blocks: Number of the block of each. Shape (N,).
    """
    middle = points.mean(axis=0)
    score = _score(points, scores, blocks, middle)
    walked = np.array([*_walk(space, score, middle, -1.0)[:0:-1], *_walk(space, score, middle, 1.0)])
    heights = score(walked)
    wanted = np.linspace(heights[0], heights[-1], STOPS)
    return np.stack([np.interp(wanted, heights, column) for column in walked.T], axis=1)


def _score(points: Points, scores: Points, blocks: npt.NDArray[np.int64], middle: Points) -> Callable[[Points], Points]:
    def kernel(a: Points, b: Points) -> Points:
        away = np.square((a[:, None] - b[None]) / BEND_SCALE).sum(axis=2)
        return np.asarray((a - middle) @ (b - middle).T + BEND * np.exp(-0.5 * away))

    same = blocks[:, None] == blocks[None]
    pull = np.linalg.solve(kernel(points, points) + BLOCKS * same + NOISE * np.eye(len(points)), scores)
    return lambda where: np.asarray(kernel(where, points) @ pull)


def _walk(space: Space, score: Callable[[Points], Points], middle: Points, sign: float) -> list[Points]:
    """Settings on the way up (1) or down (-1), the middle first."""
    walked = [middle]
    around = _TINY * np.eye(len(middle))
    while True:
        here = walked[-1]
        slope = sign * (score(here + around) - score(here - around))
        slope[len(AXES) :] -= slope[len(AXES) :].mean()  # What one mode gains, others lose.
        steep = float(np.linalg.norm(slope))
        if steep == 0:
            return walked
        there = space.inside((here + STEP * slope / steep)[None])[0]
        gain = sign * float(np.subtract(*score(np.array([there, here]))))
        if gain < LEAST or np.abs(there - middle).max() > REACH + _TINY:
            return walked
        walked.append(there)
