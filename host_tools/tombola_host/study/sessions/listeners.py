"""Simulated listeners with a known taste, to measure what a session finds; and other ways to look for a setting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from tombola_host.study.sessions.preference import Pairs, Taste
from tombola_host.study.sessions.setting import AXES, Points, Space
from tombola_host.study.sessions.tuning import Tuner

ERROR: Final = 0.1
"""Share of answers that are drawn at random among the other two."""
JUST_NOTICED: Final = 0.03
"""A smaller difference of utility is not heard."""
CROWD: Final = 20_000


@dataclass(frozen=True, slots=True)
class Taste01:
    """A known utility over a space, from 0 (the worst setting) to 1 (the best).

    Args:
        peaks: What is liked. Shape (P, D).
        heights: Of each peak, at most 1. Shape (P,).
        cares: How much each coordinate matters. Shape (D,).
        slope: A liking that only rises or falls. Shape (D,).
        low, span: What maps the sum to 0 … 1.
    """

    peaks: Points
    heights: Points
    cares: Points
    slope: Points
    low: float = 0.0
    span: float = 1.0

    def raw(self, points: Points) -> Points:
        """Utility before it is mapped to 0 … 1. Shape (N,)."""
        away = np.square(points[:, None] - self.peaks[None]) @ self.cares
        return np.asarray((self.heights * np.exp(-0.5 * away)).max(axis=1) + points @ self.slope)

    def __call__(self, points: Points) -> Points:
        """Utility, 0 … 1. Shape (N,)."""
        return np.asarray((self.raw(points) - self.low) / self.span)


def drawn_taste(space: Space, seed: int) -> Taste01:
    """A taste at random: half have one ideal, a quarter two of different height, a quarter a slope beside one.

    Widths differ from coordinate to coordinate; about a third of them hardly matter.
    """
    rng = np.random.default_rng([seed, 7])
    kind = rng.random()
    peaks = space.random(rng, 2 if 0.5 <= kind < 0.75 else 1)
    widths = np.exp(rng.uniform(np.log(0.25), np.log(1.2), space.dimensions))
    widths[len(AXES) :] *= 1.3
    slope = rng.normal(0, 0.6, space.dimensions) if kind >= 0.75 else np.zeros(space.dimensions)
    taste = Taste01(peaks, np.array([1.0, 0.7])[: len(peaks)], widths**-2.0, slope)
    crowd = np.vstack([space.random(rng, CROWD), peaks, *_corners(space)])
    for _ in range(6):
        top = crowd[int(np.argmax(taste.raw(crowd)))]
        crowd = np.vstack([crowd, space.near(rng, top, 400, 0.1), space.near(rng, top, 400, 0.02)])
    values = taste.raw(crowd)
    low, high = float(values.min()), float(values.max())
    return Taste01(taste.peaks, taste.heights, taste.cares, taste.slope, low, high - low)


def _corners(space: Space) -> list[Points]:
    """All corners of the cube with each mode alone."""
    cube = np.array(np.meshgrid(*([[0.0, 1.0]] * len(AXES)))).reshape(len(AXES), -1).T
    return [np.hstack([cube, np.tile(mode, (len(cube), 1))]) for mode in np.eye(len(space.modes))]


class Listener:
    """Answers pairs by a known taste, with errors.

    Args:
        taste: The taste.
        seed: Of the errors.
        error: Share of answers that are wrong.
    """

    def __init__(self, taste: Taste01, seed: int, error: float = ERROR) -> None:
        self.taste, self._error = taste, error
        self._rng = np.random.default_rng([seed, 11])

    def answer(self, a: Points, b: Points) -> int:
        """1: a is better, -1: b, 0: no difference."""
        difference = float(np.subtract(*self.taste(np.stack([a, b]))))
        true = 0 if abs(difference) < JUST_NOTICED else int(np.sign(difference))
        if self._rng.random() < self._error:
            return int(self._rng.choice([sign for sign in (-1, 0, 1) if sign != true]))
        return true


Search = Callable[[Space, Listener, int, int], Points]
"""Space, listener, votes, seed → the setting found. Shape (D,)."""


def tuned(space: Space, listener: Listener, votes: int, seed: int) -> Points:
    """The session's own way."""
    tuner, pairs = Tuner(space, seed), Pairs.none(space.dimensions)
    for _ in range(votes):
        a, b = tuner.next_pair(pairs)
        pairs = pairs.with_vote(a, b, listener.answer(a, b))
    return tuner.best(pairs)


def random_best_seen(space: Space, listener: Listener, votes: int, seed: int) -> Points:
    """Random pairs; in the end the setting that was heard and is thought best by the same model."""
    pairs = _random_pairs(space, listener, votes, seed)
    heard = pairs.settings
    return np.asarray(heard[Taste(pairs).best(heard)])


def random_modelled(space: Space, listener: Listener, votes: int, seed: int) -> Points:
    """Random pairs; in the end the best setting of all by the same model."""
    return Tuner(space, seed).best(_random_pairs(space, listener, votes, seed))


def winner_stays(space: Space, listener: Listener, votes: int, seed: int) -> Points:
    """A random challenger each time; the winner stays."""
    rng = np.random.default_rng([seed, 13])
    champion = space.random(rng, 1)[0]
    for challenger in space.random(rng, votes):
        champion = challenger if listener.answer(champion, challenger) < 0 else champion
    return np.asarray(champion)


def grid_knockout(space: Space, listener: Listener, votes: int, seed: int) -> Points:
    """A grid that fills the space, as many settings as votes and one; pairs are knocked out until one is left."""
    rng = np.random.default_rng([seed, 17])
    left = list(spread(space, votes + 1, rng))
    while len(left) > 1:
        a, b = left.pop(0), left.pop(0)
        left.append(b if listener.answer(a, b) < 0 else a)
    return np.asarray(left[0])


def spread(space: Space, count: int, rng: np.random.Generator) -> Points:
    """Settings far apart from each other: each is the farthest of 200 random ones from those before. Shape (N, D)."""
    chosen = space.random(rng, 1)
    while len(chosen) < count:
        drawn = space.random(rng, 200)
        nearest = np.square(drawn[:, None] - chosen[None]).sum(axis=2).min(axis=1)
        chosen = np.vstack([chosen, drawn[int(np.argmax(nearest))]])
    return chosen


def _random_pairs(space: Space, listener: Listener, votes: int, seed: int) -> Pairs:
    rng, pairs = np.random.default_rng([seed, 19]), Pairs.none(space.dimensions)
    for a, b in zip(space.random(rng, votes), space.random(rng, votes), strict=True):
        pairs = pairs.with_vote(a, b, listener.answer(a, b))
    return pairs


SEARCHES: Final[dict[str, Search]] = {
    "tuned": tuned,
    "random pairs, best seen": random_best_seen,
    "random pairs, best modelled": random_modelled,
    "winner stays": winner_stays,
    "grid, knocked out": grid_knockout,
}
