"""What somebody prefers, learned from pairs: a Gaussian process over settings, seen through votes with errors.

    vote k compares settings a and b:  d_k = f(a) - f(b)
    P(a) = slip + (1 - 3 slip) Φ((d - τ) / s)    P(b): the same of -d    P(no difference): what is left

The latent utility f has variance 1. A slip is a vote that has nothing to do with what was heard.

Source: Chu & Ghahramani 2005, "Preference learning with Gaussian processes"; ties after Glenn & David 1960; expected
utility of the best option: Lin et al. 2022, "Preference exploration for efficient Bayesian optimization".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from scipy.special import ndtr

from tombola_host.study.sessions.setting import AXES, Points

NOISE: Final = 0.25
"""s, of a utility with variance 1."""
TIE: Final = 0.08
"""τ: smaller differences are mostly not heard."""
SLIP: Final = 0.03
SCALE: Final = 0.7
SPREAD: Final = 0.7
"""A length scale is about SCALE, give or take SPREAD (of its natural logarithm): the range of timbre X is 1."""
RATIO: Final = 1.5
"""Step in which length scales are fitted."""
SWEEPS: Final = 3
ITERATIONS: Final = 60
SETTLED: Final = 1e-6
LEAST_CURVATURE: Final = 1e-3
JITTER: Final = 1e-9


class Answer(Enum):
    """The answer to a pair."""

    A = "a"
    B = "b"
    SAME = "same"

    @property
    def sign(self) -> int:
        """1 for a, -1 for b, 0 for no difference."""
        return {"a": 1, "b": -1, "same": 0}[self.value]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Votes on K pairs.

    Args:
        a, b: Coordinates of what was compared. Shape (K, D).
        sign: 1: a was preferred, -1: b, 0: no difference. Shape (K,).
    """

    a: Points
    b: Points
    sign: Points

    @classmethod
    def none(cls, dimensions: int) -> Pairs:
        """No votes yet."""
        return cls(np.zeros((0, dimensions)), np.zeros((0, dimensions)), np.zeros(0))

    def with_vote(self, a: Points, b: Points, sign: int) -> Pairs:
        """These and one more; ``a`` and ``b`` have shape (D,)."""
        return Pairs(np.vstack([self.a, a]), np.vstack([self.b, b]), np.append(self.sign, sign))

    @property
    def settings(self) -> Points:
        """All that was heard, each once. Shape (N, D)."""
        return np.asarray(np.unique(np.vstack([self.a, self.b]), axis=0))


class Taste:
    """The utility of settings, given the votes.

    Args:
        pairs: The votes.
        scales: Length scales, shape (G,): one for each axis, and one for the weights of the modes. By default they are
            fitted: what does not matter to somebody gets a long one.

    >>> bright, dull = np.array([1.0, 0.5, 0.5, 1.0]), np.array([0.0, 0.5, 0.5, 1.0])
    >>> taste = Taste(Pairs.none(4).with_vote(bright, dull, 1))
    >>> mean, _ = taste.at(np.stack([bright, dull]))
    >>> bool(mean[0] > 0 > mean[1])
    True
    """

    def __init__(self, pairs: Pairs, scales: Points | None = None) -> None:
        self.pairs = pairs
        self._fit = _fitted(pairs) if scales is None else _Fit(pairs, scales)
        self.scales = self._fit.scales

    def at(self, points: Points) -> tuple[Points, Points]:
        """Mean and covariance of the utility. Shapes (N,), (N, N)."""
        return self._fit.at(points)

    def best(self, points: Points) -> int:
        """Which of some settings has the highest mean."""
        return int(np.argmax(self.at(points)[0]))

    def most_telling(self, points: Points) -> tuple[int, int]:
        """The two settings whose better one is expected to be the best: the next pair to ask for."""
        mean, covariance = self.at(points)
        value = best_of_two(mean, covariance)
        np.fill_diagonal(value, -np.inf)
        first, second = np.unravel_index(int(np.argmax(value)), value.shape)
        return int(first), int(second)


def best_of_two(mean: Points, covariance: Points) -> Points:
    """The expected utility of the better one of each two. Shape (N, N).

    Source: Clark 1961, "The greatest of a finite set of random variables".
    """
    variance = np.diag(covariance)
    spread = np.sqrt(np.maximum(variance[:, None] + variance[None] - 2 * covariance, 1e-12))
    z = (mean[:, None] - mean[None]) / spread
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    return np.asarray(mean[:, None] * ndtr(z) + mean[None] * ndtr(-z) + spread * density)


def kernel(a: Points, b: Points, scales: Points) -> Points:
    """Squared exponential. Shape (N, M)."""
    each = np.concatenate([scales[: len(AXES)], np.repeat(scales[len(AXES)], a.shape[1] - len(AXES))])
    difference = (a[:, None] - b[None]) / each
    return np.asarray(np.exp(-0.5 * np.square(difference).sum(axis=2)))


def _fitted(pairs: Pairs) -> _Fit:
    """Climb the evidence one length scale at a time."""
    best = _Fit(pairs, np.full(len(AXES) + 1, SCALE))
    for _ in range(SWEEPS):
        before = best
        for group in range(len(best.scales)):
            for ratio in (RATIO, 1 / RATIO):
                tried = best.scales.copy()
                tried[group] *= ratio
                best = max(best, _Fit(pairs, tried), key=lambda fit: fit.evidence)
        if best is before:
            break
    return best


class _Fit:
    """Laplace's approximation in the space of the K differences."""

    def __init__(self, pairs: Pairs, scales: Points) -> None:
        self._pairs, self.scales = pairs, scales
        count = len(pairs.sign)
        both = np.vstack([pairs.a, pairs.b])
        whole = kernel(both, both, scales)
        prior = whole[:count, :count] - whole[:count, count:] - whole[count:, :count] + whole[count:, count:]
        prior += JITTER * np.eye(count)
        self._push, difference, curvature = _mode(prior, pairs.sign)
        self._root = np.sqrt(curvature)
        self._inner = np.linalg.cholesky(np.eye(count) + self._root[:, None] * prior * self._root)
        likelihood = float(np.log(_likelihood(difference, pairs.sign)[0]).sum())
        fits = likelihood - 0.5 * float(self._push @ difference) - float(np.log(np.diag(self._inner)).sum())
        self.evidence = fits - 0.5 * float(np.square(np.log(scales / SCALE) / SPREAD).sum())

    def at(self, points: Points) -> tuple[Points, Points]:
        across = kernel(points, self._pairs.a, self.scales) - kernel(points, self._pairs.b, self.scales)
        explained = np.linalg.solve(self._inner, (across * self._root).T)
        return across @ self._push, kernel(points, points, self.scales) - explained.T @ explained


def _mode(prior: Points, sign: Points) -> tuple[Points, Points, Points]:
    """Newton's method with halved steps: α, the differences d = prior α at the mode, and the curvature. Shape (K,)."""
    push = np.zeros(len(sign))
    curvature = np.full(len(sign), LEAST_CURVATURE)

    def height(alpha: Points) -> float:
        d = prior @ alpha
        return float(np.log(_likelihood(d, sign)[0]).sum() - 0.5 * alpha @ d)

    now = height(push)
    for _ in range(ITERATIONS):
        difference = prior @ push
        chance, slope, bend = _likelihood(difference, sign)
        gradient = slope / chance
        # A slip makes the likelihood not log-concave; where it is not, a small curvature keeps the step uphill.
        curvature = np.maximum(gradient**2 - bend / chance, LEAST_CURVATURE)
        root = np.sqrt(curvature)
        target = curvature * difference + gradient
        inner = np.eye(len(sign)) + root[:, None] * prior * root
        step = target - root * np.linalg.solve(inner, root * (prior @ target)) - push
        length = 1.0
        while length > 1e-4 and height(push + length * step) < now:
            length /= 2
        push = push + length * step
        before, now = now, height(push)
        if now - before < SETTLED:
            break
    return push, prior @ push, curvature


def _likelihood(difference: Points, sign: Points) -> tuple[Points, Points, Points]:
    """The chance of each vote, and its first and second derivative by the difference. Shape (K,) each."""
    right, left = (difference - TIE) / NOISE, (-difference - TIE) / NOISE

    def parts(z: Points, way: float) -> tuple[Points, Points, Points]:
        density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
        return ndtr(z), way * density / NOISE, -z * density / NOISE**2

    a, b = parts(right, 1.0), parts(left, -1.0)
    same = (1 - a[0] - b[0], -a[1] - b[1], -a[2] - b[2])
    chosen = [np.where(sign > 0, x, np.where(sign < 0, y, z)) for x, y, z in zip(a, b, same, strict=True)]
    sure = 1 - 3 * SLIP
    return SLIP + sure * chosen[0], sure * chosen[1], sure * chosen[2]


def answers_as_signs(answers: Sequence[Answer]) -> Points:
    """Shape (K,)."""
    return np.array([answer.sign for answer in answers], float)
