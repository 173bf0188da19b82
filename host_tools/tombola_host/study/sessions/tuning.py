"""Which pair to ask for next, and which setting to take in the end: the adaptive part of a tuning session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from tombola_host.study.sessions.preference import Pairs, Taste
from tombola_host.study.sessions.setting import Points, Space

VOTES: Final = 25
FAR: Final = 160
NEAR: Final = 60
LAST: Final = 2000
"""Candidates: all over the space, around the best one so far; and all over it for the last choice."""
REACHES: Final = (0.15, 0.06)
"""How far around the best one is looked."""
ASCENTS: Final = 4


@dataclass(frozen=True, slots=True)
class Tuner:
    """Asks for pairs in a space, from a seed: the same votes lead to the same pairs.

    Args:
        space: The settings.
        seed: Of the candidates.
    """

    space: Space
    seed: int = 0

    def next_pair(self, pairs: Pairs) -> tuple[Points, Points]:
        """The next two settings to compare. Shape (D,) each."""
        rng = np.random.default_rng([self.seed, len(pairs.sign)])
        if not len(pairs.sign):
            first, second = self._apart(rng)
            return first, second
        taste = Taste(pairs)
        heard = pairs.settings
        best = np.asarray(heard[taste.best(heard)])
        candidates = np.vstack(
            [
                heard,
                self.space.random(rng, FAR),
                *(self.space.near(rng, best, NEAR, reach) for reach in REACHES),
            ]
        )
        places = taste.most_telling(candidates)
        return candidates[places[0]], candidates[places[1]]

    def best(self, pairs: Pairs) -> Points:
        """The setting with the highest expected utility. Shape (D,)."""
        rng = np.random.default_rng([self.seed, 2**31 - 1])
        if not len(pairs.sign):
            return np.asarray(self.space.inside(np.full((1, self.space.dimensions), 0.5))[0])
        taste = Taste(pairs)
        candidates = np.vstack([pairs.settings, self.space.random(rng, LAST)])
        best = candidates[taste.best(candidates)]
        for reach in REACHES * ASCENTS:
            around = np.vstack([best, self.space.near(rng, best, NEAR, reach)])
            best = around[taste.best(around)]
        return np.asarray(best)

    def _apart(self, rng: np.random.Generator) -> tuple[Points, Points]:
        drawn = self.space.random(rng, 32)
        distance = np.square(drawn[:, None] - drawn[None]).sum(axis=2)
        first, second = np.unravel_index(int(np.argmax(distance)), distance.shape)
        return np.asarray(drawn[first]), np.asarray(drawn[second])
