"""What somebody prefers, learned from choices: a Gaussian process over settings, seen through votes with errors.

    a vote picks one of Q settings, or says "no difference":
    P(pick i) = slip + (1 - (Q + 1) slip) e^{f_i / s} / (Σ_k e^{f_k / s} + ν e^{mean f / s})
    "no difference" has ν e^{mean f / s} instead of e^{f_i / s}

The latent utility f has variance 1. A slip is a vote that has nothing to do with what was heard: a vote that all others
speak against counts little, instead of moving everything. ``tastes`` has several of these at once.

Source: Chu & Ghahramani 2005, "Preference learning with Gaussian processes", here with the logistic choice of Luce 1959
and the ties of Davidson 1970.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tombola_host.study.sessions.setting import Points

SCALE: Final = 0.7
"""Length scale of the utility: the range of timbre X is 1, two pure modes are √2 apart."""
SHARPNESS: Final = 0.25
"""s: settings whose utilities differ by s are told apart three times of four."""
TIE: Final = 0.5
"""ν: two equal settings are called equal once in five times."""
SLIPS: Final = 0.15
"""Share of votes that slip."""
ITERATIONS: Final = 50
SETTLED: Final = 1e-6
JITTER: Final = 1e-6
SAME: Final = -1
"""Instead of a choice: no difference."""


@dataclass(frozen=True, slots=True)
class Votes:
    """Choices among settings.

    Args:
        dimensions: D.
        options: What was heard in each vote. Shape (Q, D) each.
        chosen: Which of them was picked, or SAME.
    """

    dimensions: int
    options: tuple[Points, ...] = ()
    chosen: tuple[int, ...] = ()

    def __len__(self) -> int:
        """How many."""
        return len(self.chosen)

    def with_vote(self, options: Points | Sequence[Points], chosen: int) -> Votes:
        """These and one more; ``options`` has shape (Q, D)."""
        return Votes(self.dimensions, (*self.options, np.array(options)), (*self.chosen, chosen))

    @property
    def heard(self) -> Points:
        """All settings that were heard, vote by vote. Shape (N, D)."""
        return np.vstack([np.zeros((0, self.dimensions)), *self.options])

    def pairs(self) -> tuple[Points, Points]:
        """Differences between settings, and whether the first was picked: 1, or neither: 0. Shapes (K, D), (K,)."""
        moved: list[Points] = []
        signs: list[float] = []
        for options, chosen in zip(self.options, self.chosen, strict=True):
            best = max(chosen, 0)
            others = [place for place in range(len(options)) if place != best]
            moved += [options[best] - options[place] for place in others]
            signs += [float(chosen != SAME)] * len(others)
        return np.array(moved).reshape(-1, self.dimensions), np.array(signs)


class Taste:
    """The utility of settings, given the votes, by Laplace's approximation.

    Args:
        votes: The votes.
        scales: Length scale of each coordinate. Shape (D,); or one of all.

    >>> bright, dull = np.array([1.0, 0.5, 0.5, 1.0]), np.array([0.0, 0.5, 0.5, 1.0])
    >>> taste = Taste(Votes(4).with_vote([bright, dull], 0))
    >>> mean, _ = taste.at(np.stack([bright, dull]))
    >>> bool(mean[0] > 0 > mean[1])
    True
    """

    def __init__(self, votes: Votes, scales: Points | float = SCALE) -> None:
        self._heard, self._scales = votes.heard, scales
        prior = kernel(self._heard, self._heard, scales)
        self._push, weight, height = _mode(prior, votes)
        inner = np.eye(len(prior)) + weight @ prior
        self._gain = np.linalg.solve(inner, weight)
        self.evidence = height - 0.5 * float(np.linalg.slogdet(inner)[1])
        """Logarithm of how probable the votes are under these scales."""

    def mean(self, points: Points) -> Points:
        """Mean of the utility. Shape (N,)."""
        return np.asarray(kernel(points, self._heard, self._scales) @ self._push)

    def at(self, points: Points) -> tuple[Points, Points]:
        """Mean and covariance of the utility. Shapes (N,), (N, N)."""
        across = kernel(points, self._heard, self._scales)
        return across @ self._push, kernel(points, points, self._scales) - across @ self._gain @ across.T


def kernel(a: Points, b: Points, scales: Points | float = SCALE) -> Points:
    """Squared exponential. Shape (N, M)."""
    a, b = a / scales, b / scales
    squared = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * a @ b.T
    return np.asarray(np.exp(-0.5 * np.maximum(squared, 0.0)))


def _mode(prior: Points, votes: Votes) -> tuple[Points, Points, float]:
    """Newton's method with halved steps: α with f = prior α at the mode, (N,); curvature, (N, N), and height there."""
    push = np.zeros(len(prior))
    seen = _Seen(votes)
    height, gradient, weight = seen.likelihood(prior @ push)
    now = height
    for _ in range(ITERATIONS):
        utility = prior @ push
        target = np.linalg.solve(np.eye(len(prior)) + weight @ prior, weight @ utility + gradient)
        step, length = target - push, 1.0
        before = height - 0.5 * float(push @ utility)
        while True:
            tried = push + length * step
            found = seen.likelihood(prior @ tried)
            now = found[0] - 0.5 * float(tried @ prior @ tried)
            if now >= before or length < 1e-4:
                break
            length /= 2
        push, (height, gradient, weight) = tried, found
        if now - before < SETTLED:
            break
    return push, weight, now


class _Seen:
    """What votes say of utilities. V votes, Q the most options of one.

    Args:
        votes: The votes, one at least.
    """

    def __init__(self, votes: Votes) -> None:
        counts = np.array([len(options) for options in votes.options])
        most = int(counts.max())
        self._rows, self._valid = np.arange(len(counts)), np.arange(most) < counts[:, None]
        # What each outcome says of each option; the last outcome is "no difference". Shape (V, Q + 1, Q).
        picks = np.broadcast_to(np.eye(most), (len(counts), most, most))
        self._outcomes = np.concatenate([picks, (self._valid / counts[:, None])[:, None]], axis=1)
        self._offsets = np.where(np.pad(self._valid, ((0, 0), (0, 1)), constant_values=True), 0.0, -np.inf)
        self._offsets[:, -1] = np.log(TIE)
        self._chosen = np.where(np.array(votes.chosen) == SAME, most, votes.chosen)
        self._slip = SLIPS / (counts + 1)
        place = np.cumsum(self._valid).reshape(self._valid.shape) - 1
        self._both = self._valid[:, :, None] & self._valid[:, None, :]
        self._across = np.broadcast_to(place[:, :, None], self._both.shape)[self._both]
        self._along = np.broadcast_to(place[:, None], self._both.shape)[self._both]

    def likelihood(self, utility: Points) -> tuple[float, Points, Points]:
        """Log likelihood, its gradient, (N,), and its curvature, (N, N), which is never negative.

        The curvature leaves out a term that only slips have; with it the likelihood would not be log-concave.
        """
        heard = np.zeros(self._valid.shape)
        heard[self._valid] = utility
        logits = np.einsum("voq,vq->vo", self._outcomes, heard) / SHARPNESS + self._offsets
        share = np.exp(logits - logits.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        right = (1 - SLIPS) * share[self._rows, self._chosen]
        chance = right + self._slip
        pull = right / chance
        centred = self._outcomes - np.einsum("vo,voq->vq", share, self._outcomes)[:, None]
        gradient = pull[:, None] * centred[self._rows, self._chosen] / SHARPNESS
        blocks = (share[:, :, None] * centred).swapaxes(1, 2) @ centred * (pull[:, None, None] / SHARPNESS**2)
        weight = np.zeros((len(utility), len(utility)))
        weight[self._across, self._along] = blocks[self._both]
        return float(np.log(chance).sum()), gradient[self._valid], weight
