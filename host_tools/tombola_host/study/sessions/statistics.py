"""What votes say about what was compared: strengths of pairs, ABX, ratings; always resampled over listeners."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from scipy.stats import binomtest

from tombola_host.study.sessions.setting import Points

RESAMPLES: Final = 1000
LEVEL: Final = 0.95
PULL: Final = 0.02
"""Of a weak prior around equal strengths: one that won always has a finite strength."""
ITERATIONS: Final = 100
SETTLED: Final = 1e-9
HIDDEN_AT_LEAST: Final = 90.0
HIDDEN_MISSED: Final = 0.15
"""Who rates the hidden reference below 90 in more than 15 % of the trials is left out. Source: ITU-R BS.1534-3."""
Votes = TypeVar("Votes")


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and where it lies with 95 % confidence.

    Args:
        low, high: NaN: one listener gives none.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Strengths:
    """How often each is preferred.

    Args:
        names: What was compared. N.
        strength: Natural logarithm, mean 0. Shape (N,).
        tie: Log of ν: how readily "no difference" is said; 0 gives a third of the answers between equals.
    """

    names: tuple[str, ...]
    strength: Points
    tie: float

    def wins(self) -> Points:
        """The chance that each is preferred to each, ties shared. Shape (N, N)."""
        return np.asarray(1 / (1 + np.exp(self.strength[None] - self.strength[:, None])))


Pair = tuple[str, str, int]
"""Two names, and 1: the first was preferred, -1: the second, 0: no difference."""


def bradley_terry(names: Sequence[str], pairs: Sequence[Pair]) -> Strengths:
    """Fit strengths, with ties, by Newton's method.

        P(i) : P(j) : P(tie) = e^{s_i} : e^{s_j} : ν e^{(s_i + s_j) / 2}

    Source: Davidson 1970, "On extending the Bradley-Terry model to accommodate ties in paired comparison experiments".

    >>> found = bradley_terry(["a", "b"], [("a", "b", 1)] * 3 + [("a", "b", -1)])
    >>> round(float(found.strength[0] - found.strength[1]), 1)
    1.1
    """
    place = {name: index for index, name in enumerate(names)}
    count = len(names)
    counted: dict[tuple[int, int], list[int]] = {}
    for a, b, sign in pairs:
        first, second, way = (place[a], place[b], sign) if place[a] < place[b] else (place[b], place[a], -sign)
        counted.setdefault((first, second), [0, 0, 0])[way + 1] += 1
    # Columns of each outcome's features: a strength or half of two, and the tie.
    features = []
    for first, second in counted:
        rows = np.zeros((3, count + 1))
        rows[0, second] = rows[2, first] = 1
        rows[1, [first, second]], rows[1, count] = 0.5, 1
        features.append(rows)
    at = np.zeros(count + 1)
    for _ in range(ITERATIONS if features else 0):
        gradient, curvature = -PULL * at, PULL * np.eye(count + 1)
        for rows, outcomes in zip(features, counted.values(), strict=True):
            chance = np.exp(rows @ at - np.logaddexp.reduce(rows @ at))
            mean, votes = chance @ rows, sum(outcomes)
            gradient = gradient + np.array(outcomes) @ rows - votes * mean
            curvature = curvature + votes * ((chance[:, None] * rows).T @ rows - np.outer(mean, mean))
        step = np.linalg.solve(curvature, gradient)
        at = at + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < SETTLED:
            break
    return Strengths(tuple(names), at[:count] - at[:count].mean(), float(at[count]))


@dataclass(frozen=True, slots=True)
class Abx:
    """Right answers of an ABX test.

    Args:
        right, trials: Counts.
        p: The chance of at least so many by guessing, exact.
        share: Of right answers, with the interval of Clopper & Pearson.
    """

    right: int
    trials: int
    p: float
    share: Interval


def abx(right: int, trials: int) -> Abx:
    """Test against guessing.

    Source: Clopper & Pearson 1934, "The use of confidence or fiducial limits illustrated in the case of the binomial".

    >>> [round(abx(right, trials).p, 3) for right, trials in ((12, 16), (11, 16))]
    [0.038, 0.105]
    """
    found = binomtest(right, trials, 0.5, "greater")
    interval = binomtest(right, trials, 0.5).proportion_ci(LEVEL, "exact")
    return Abx(right, trials, float(found.pvalue), Interval(right / trials, float(interval.low), float(interval.high)))


def resampled(
    by_listener: Mapping[str, Votes], figure: Callable[[Sequence[Votes]], Points], seed: int = 0
) -> list[Interval]:
    """Figures with intervals from drawing listeners again and again, with all that each of them said.

    Args:
        by_listener: The votes of each.
        figure: Gives figures of several listeners' votes. Shape (N,).
        seed: Of the draws.

    Source: Efron & Tibshirani 1993, "An introduction to the bootstrap"; percentiles.
    """
    everybody = list(by_listener.values())
    value = figure(everybody)
    if len(everybody) < 2:
        return [Interval(float(each), float("nan"), float("nan")) for each in value]
    rng = np.random.default_rng(seed)
    drawn = np.array(
        [
            figure([everybody[int(index)] for index in rng.integers(len(everybody), size=len(everybody))])
            for _ in range(RESAMPLES)
        ]
    )
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return [Interval(float(v), float(a), float(b)) for v, a, b in zip(value, low, high, strict=True)]


def misses_reference(hidden: Sequence[float]) -> bool:
    """Whether somebody who rated the hidden reference so is left out."""
    missed = sum(score < HIDDEN_AT_LEAST for score in hidden)
    return bool(hidden) and missed > HIDDEN_MISSED * len(hidden)
