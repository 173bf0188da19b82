"""What somebody prefers, when it is not known how much each coordinate matters to them.

    several Gaussian processes, each with length scales of its own ──► weighted by how probable they make the votes

One set of scales, fitted by the evidence, fits the errors of so few votes; their mean does not, and finds better
settings than scales that are the same for everybody (docs/notebook/0015-preferences.md).

Source: expected utility of the best option: Lin et al. 2022, "Preference exploration for efficient Bayesian
optimization"; for more than two options: Astudillo et al. 2023, "qEUBO".
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import ndtr

from tombola_host.study.sessions.preference import JITTER, SCALE, Taste, Votes
from tombola_host.study.sessions.setting import Points

TASTES: Final = 16
KEPT: Final = 6
"""The most probable ones; the others weigh next to nothing."""
EACH: Final = 0.5
"""Spread of the logarithm of a scale, from coordinate to coordinate."""
ALL: Final = 0.3
"""The same of all coordinates together."""
DRAWS: Final = 256
PAIR: Final = 2


class Tastes:
    """The utility of settings, given the votes, over several length scales.

    Args:
        votes: The votes, one at least.

    >>> bright, dull = np.array([1.0, 0.5, 0.5, 1.0]), np.array([0.0, 0.5, 0.5, 1.0])
    >>> tastes = Tastes(Votes(4).with_vote([bright, dull], 0))
    >>> tastes.best(np.stack([dull, bright]))
    1
    """

    def __init__(self, votes: Votes) -> None:
        found = [Taste(votes, scales) for scales in _scales(votes.dimensions)]
        evidence = np.array([taste.evidence for taste in found])
        likely = np.argsort(-evidence)[:KEPT]
        weights = np.exp(evidence[likely] - evidence.max())
        self._tastes = [found[place] for place in likely]
        self._weights = weights / weights.sum()

    def mean(self, points: Points) -> Points:
        """Mean of the utility. Shape (N,)."""
        means = [taste.mean(points) for taste in self._tastes]
        return np.asarray(self._weights @ np.array(means))

    def best(self, points: Points) -> int:
        """Which of some settings has the highest mean."""
        return int(np.argmax(self.mean(points)))

    def most_telling(self, points: Points, count: int, rng: np.random.Generator) -> list[int]:
        """The settings whose best one is expected to be the best: what to ask for next.

        Of two, all pairs are compared. Of more, the first is the one thought best, and each further one raises the
        expected best most, over draws of the utility.
        """
        known = [taste.at(points) for taste in self._tastes]
        if count == PAIR:
            expected = sum(weight * _best_of_pairs(*at) for weight, at in zip(self._weights, known, strict=True))
            return [int(place) for place in np.unravel_index(np.argmax(expected), np.shape(expected))]
        draws = rng.multinomial(DRAWS, self._weights)
        drawn = np.hstack([_drawn(mean, spread, each, rng) for (mean, spread), each in zip(known, draws, strict=True)])
        chosen = [int(np.argmax(self.mean(points)))]
        while len(chosen) < count:
            gain = np.maximum(drawn - drawn[chosen].max(axis=0), 0.0).mean(axis=1)
            gain[chosen] = -1.0
            chosen.append(int(np.argmax(gain)))
        return chosen


def _scales(dimensions: int) -> list[Points]:
    """Length scales, the same for all votes; the first are those of nobody in particular. Shape (D,) each."""
    rng = np.random.default_rng(dimensions)
    moved = EACH * rng.standard_normal((TASTES, dimensions)) + ALL * rng.standard_normal((TASTES, 1))
    moved[0] = 0.0
    return list(SCALE * np.exp(moved))


def _best_of_pairs(mean: Points, covariance: Points) -> Points:
    """Expected utility of the better one of each pair. Shape (N, N).

    Source: Clark 1961, "The greatest of a finite set of random variables".
    """
    own = np.diag(covariance)
    spread = np.sqrt(np.maximum(own[:, None] + own - 2 * covariance, JITTER))
    apart = (mean[:, None] - mean) / spread
    dense = np.exp(-0.5 * np.square(apart)) / np.sqrt(2 * np.pi)
    return np.asarray(mean[:, None] * ndtr(apart) + mean * ndtr(-apart) + spread * dense)


def _drawn(mean: Points, covariance: Points, count: int, rng: np.random.Generator) -> Points:
    """Draws of the utility. Shape (N, count)."""
    root = np.linalg.cholesky(covariance + JITTER * np.eye(len(mean)))
    return np.asarray(mean[:, None] + root @ rng.standard_normal((len(mean), count)))
