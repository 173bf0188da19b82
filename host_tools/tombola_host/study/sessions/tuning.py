"""What to ask for next, and which setting to take in the end: the adaptive part of a tuning session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from tombola_host.study.sessions.preference import Votes
from tombola_host.study.sessions.setting import Points, Space
from tombola_host.study.sessions.tastes import Tastes

FAR: Final = 100
NEAR: Final = 50
LAST: Final = 2000
"""Candidates: all over the space, around the best one so far at each reach; and all over it for the last choice."""
REACHES: Final = (0.35, 0.2, 0.08)
"""How far around the best one is looked."""
ASCENTS: Final = 3


@dataclass(frozen=True, slots=True)
class Tuner:
    """Asks for settings to compare, from a seed: the same votes lead to the same questions.

    Args:
        space: The settings.
        seed: Of the candidates.
        options: How many are compared in one vote.
    """

    space: Space
    seed: int = 0
    options: int = 4

    def ask(self, votes: Votes) -> Points:
        """The next settings to compare. Shape (Q, D)."""
        rng = np.random.default_rng([self.seed, len(votes)])
        if not len(votes):
            return spread(self.space, self.options, rng)
        taste, heard = Tastes(votes), votes.heard
        best = np.asarray(heard[taste.best(heard)])
        near = [self.space.near(rng, best, NEAR, reach) for reach in REACHES]
        candidates = np.unique(np.vstack([heard, self.space.random(rng, FAR), *near]), axis=0)
        return np.asarray(candidates[taste.most_telling(candidates, self.options, rng)])

    def best(self, votes: Votes) -> Points:
        """The setting with the highest expected utility. Shape (D,)."""
        rng = np.random.default_rng([self.seed, 2**31 - 1])
        if not len(votes):
            return np.asarray(self.space.inside(np.full((1, self.space.dimensions), 0.5))[0])
        taste = Tastes(votes)
        candidates = np.vstack([votes.heard, self.space.random(rng, LAST)])
        best = np.asarray(candidates[taste.best(candidates)])
        for reach in REACHES * ASCENTS:
            around = np.vstack([best, self.space.near(rng, best, 2 * NEAR, reach)])
            best = np.asarray(around[taste.best(around)])
        return best


def spread(space: Space, count: int, rng: np.random.Generator) -> Points:
    """Settings far apart from each other: each is the farthest of 200 random ones from those before. Shape (N, D)."""
    chosen = space.random(rng, 1)
    while len(chosen) < count:
        drawn = space.random(rng, 200)
        nearest = np.square(drawn[:, None] - chosen[None]).sum(axis=2).min(axis=1)
        chosen = np.vstack([chosen, drawn[int(np.argmax(nearest))]])
    return chosen
