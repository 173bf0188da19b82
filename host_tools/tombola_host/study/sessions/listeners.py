"""Simulated listeners with a known taste, to measure what a session finds; and other ways to look for a setting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from tombola_host.study.sessions.preference import SAME, Votes
from tombola_host.study.sessions.setting import AXES, Points, Space
from tombola_host.study.sessions.tastes import Tastes
from tombola_host.study.sessions.tuning import Tuner, spread

ERROR: Final = 0.1
"""Share of answers that are drawn at random among the other two."""
JUST_NOTICED: Final = 0.03
"""A smaller difference of utility is not heard."""
UNSURE: Final = 8.0
"""Of 100: spread of the ratings of one setting."""
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
    """Answers by a known taste, with errors.

    Args:
        taste: The taste.
        seed: Of the errors.
        error: Share of answers that are wrong.
    """

    def __init__(self, taste: Taste01, seed: int, error: float = ERROR) -> None:
        self.taste, self._error = taste, error
        self._rng = np.random.default_rng([seed, 11])

    def answer(self, options: Points) -> int:
        """Which of the options, shape (Q, D), is liked best; SAME if none is noticeably better than any other."""
        utility = self.taste(options)
        true = SAME if np.ptp(utility) < JUST_NOTICED else int(np.argmax(utility))
        if self._rng.random() < self._error:
            return int(self._rng.choice([each for each in (SAME, *range(len(options))) if each != true]))
        return true


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a word means: it grows in one direction, by ever less at the ends, and beside that around one setting.

    Args:
        direction: In which it grows; along the modes in sum 0. Shape (D,).
        middle: Where it grows most. Shape (D,).
        around: A setting that has something of the word too. Shape (D,).
        share: Of the word that ``around`` makes, 0 … 1.
    """

    direction: Points
    middle: Points
    around: Points
    share: float = 0.25

    def __call__(self, points: Points) -> Points:
        """How much of the word there is, 0 … 1. Shape (N,)."""
        grown = 0.5 + 0.5 * np.tanh(2.0 * (points - self.middle) @ self.direction)
        near = np.exp(-0.5 * np.square((points - self.around) / 0.5).sum(axis=1))
        return np.asarray((1 - self.share) * grown + self.share * near)


def drawn_meaning(space: Space, seed: int) -> Meaning:
    """A word at random."""
    rng = np.random.default_rng([seed, 23])
    direction = rng.standard_normal(space.dimensions)
    direction[len(AXES) :] -= direction[len(AXES) :].mean()
    middle, around = space.random(rng, 2)
    return Meaning(direction / np.linalg.norm(direction), middle, around)


def rated(meaning: Meaning, points: Points, seed: int, error: float = ERROR) -> Points:
    """What one listener rates settings, 0 … 100: on a scale of their own, with a hand that is not sure. Shape (N,).

    Args:
        meaning: What the word means.
        points: The settings. Shape (N, D).
        seed: Of the listener.
        error: Share of ratings that have nothing to do with what was heard.
    """
    rng = np.random.default_rng([seed, 29])
    low, high = rng.uniform(0, 30), rng.uniform(60, 100)
    said = low + (high - low) * meaning(points) + rng.normal(0, UNSURE, len(points))
    wrong = rng.random(len(points)) < error
    return np.clip(np.where(wrong, rng.uniform(0, 100, len(points)), said), 0.0, 100.0)


Search = Callable[[Space, Listener, int, int], Points]
"""Space, listener, votes, seed → the setting found. Shape (D,)."""


def tuned(options: int) -> Search:
    """A session's own way, with so many options in each vote."""

    def search(space: Space, listener: Listener, votes: int, seed: int) -> Points:
        tuner, said = Tuner(space, seed, options), Votes(space.dimensions)
        for _ in range(votes):
            asked = tuner.ask(said)
            said = said.with_vote(asked, listener.answer(asked))
        return tuner.best(said)

    return search


def random_best_seen(space: Space, listener: Listener, votes: int, seed: int) -> Points:
    """Random pairs; in the end the setting that was heard and is thought best by the same model."""
    said = _random_pairs(space, listener, votes, seed)
    return np.asarray(said.heard[Tastes(said).best(said.heard)])


def random_modelled(space: Space, listener: Listener, votes: int, seed: int) -> Points:
    """Random pairs; in the end the best setting of all by the same model."""
    return Tuner(space, seed).best(_random_pairs(space, listener, votes, seed))


def winner_stays(options: int) -> Search:
    """Random challengers each time; the winner stays."""

    def search(space: Space, listener: Listener, votes: int, seed: int) -> Points:
        rng = np.random.default_rng([seed, 13])
        champion = space.random(rng, 1)[0]
        for _ in range(votes):
            asked = np.vstack([champion, space.random(rng, options - 1)])
            champion = asked[max(listener.answer(asked), 0)]
        return np.asarray(champion)

    return search


def grid_knockout(options: int) -> Search:
    """A grid that fills the space, with as many settings as the votes can knock out until one is left."""

    def search(space: Space, listener: Listener, votes: int, seed: int) -> Points:
        left = list(spread(space, votes * (options - 1) + 1, np.random.default_rng([seed, 17])))
        while len(left) > 1:
            asked, left = left[:options], left[options:]
            left.append(asked[max(listener.answer(np.array(asked)), 0)])
        return np.asarray(left[0])

    return search


def _random_pairs(space: Space, listener: Listener, votes: int, seed: int) -> Votes:
    rng, said = np.random.default_rng([seed, 19]), Votes(space.dimensions)
    for _ in range(votes):
        asked = space.random(rng, 2)
        said = said.with_vote(asked, listener.answer(asked))
    return said


SEARCHES: Final[dict[str, Search]] = {
    "tuned, best of four": tuned(4),
    "tuned, best of three": tuned(3),
    "tuned, pairs": tuned(2),
    "random pairs, best seen": random_best_seen,
    "random pairs, best modelled": random_modelled,
    "winner stays, of four": winner_stays(4),
    "winner stays, of two": winner_stays(2),
    "grid, knocked out, of four": grid_knockout(4),
    "grid, knocked out, of two": grid_knockout(2),
}
