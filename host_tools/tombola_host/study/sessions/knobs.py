"""Words become knobs: the direction in the space of settings along which a word grows, learned from ratings or pairs.

    score of a setting = mean of its listener + direction · setting,  with a prior of short directions

The direction says in a line where a word leads, and whether scores foretell each other; the way may bend (``ways``).
Along the weights of the modes a direction sums to 0: what one mode gains, others lose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tombola_host.study.sessions.preference import SAME
from tombola_host.study.sessions.results import Results
from tombola_host.study.sessions.setting import AXES, Points, Setting, Space
from tombola_host.study.sessions.ways import STOPS, way

PRIOR: Final = 0.05
"""Ridge, relative to one full turn of each coordinate and scores of spread 1."""
CHANCE: Final = 0.05
"""A word is no knob if shuffled scores foretell each other as well in more than this share of the shuffles."""
SHUFFLES: Final = 400
LEAST_SCORES: Final = 8


@dataclass(frozen=True, slots=True)
class Knob:
    """A word, and where it leads.

    Args:
        word: What listeners rated.
        space: The settings.
        direction: Change of each coordinate that raises the score most; the longest coordinate has 1. Shape (D,).
        centre: The middle of what was heard. Shape (D,).
        way: Settings from the least of the word to the most. Shape (STOPS, D).
        agreement: Correlation of scores with what the scores of other settings foretell of them.
        chance: Share of shuffles that agree as well.
        scores: How many there were.
    """

    word: str
    space: Space
    direction: Points
    centre: Points
    way: Points
    agreement: float
    chance: float
    scores: int

    @property
    def good(self) -> bool:
        """Whether it can be a knob."""
        return self.scores >= LEAST_SCORES and self.chance <= CHANCE

    def at(self, turn: float) -> Setting:
        """The setting at a turn of the knob, -1 … 1, between two stops in proportion."""
        place = np.interp(turn, np.linspace(-1, 1, STOPS), np.arange(STOPS))
        return self.space.setting(np.array([np.interp(place, np.arange(STOPS), column) for column in self.way.T]))

    @property
    def names(self) -> dict[str, float]:
        """The direction by coordinate."""
        coordinates = (*AXES, *self.space.modes)
        return {name: round(float(value), 3) for name, value in zip(coordinates, self.direction, strict=True)}


Block = tuple[Points, Points]
"""Settings, (N, D), and their scores, (N,): what one listener rated, or what was compared in one vote."""


def learned_knob(word: str, space: Space, blocks: Sequence[Block], *, apart: bool = False) -> Knob:
    """Learn a knob from scores.

    Args:
        word: The word.
        space: The settings.
        blocks: Scores are compared within each block only.
        apart: Whether each block is left out as a whole when the others foretell it; by default each setting is,
            with all scores that it has.
    """
    said = [(points, values) for points, values in blocks if len(values) > 1 and np.ptp(values) > 0]
    if not said:  # Where everything has the same score nothing is said.
        return _none(word, space)
    whole = np.vstack([points for points, _ in said])
    heard = np.vstack([points - points.mean(axis=0) for points, _ in said])
    wanted = np.concatenate([(values - values.mean()) / values.std() for _, values in said])
    lengths = [len(values) for _, values in said]
    folds = np.repeat(np.arange(len(said)), lengths)
    if not apart:
        folds = np.unique(whole.round(6), axis=0, return_inverse=True)[1].reshape(-1)
    rng = np.random.default_rng(0)
    parts = np.split(wanted, np.cumsum(lengths)[:-1])
    shuffled = [np.concatenate([rng.permutation(part) for part in parts]) for _ in range(SHUFFLES)]
    stops = way(space, whole, wanted, np.repeat(np.arange(len(said)), lengths))
    return _knob(word, space, heard, wanted, folds.astype(np.int64), shuffled, whole.mean(axis=0), stops)


def knob_of(results: Results, space: Space) -> Knob:
    """The knob of a session's word."""
    word, kind = results.session.sheet.word, results.session.sheet.kind
    if kind != "ratings":
        said = results.choices(space)
        votes = zip(said.options, said.chosen, strict=True)
        blocks = [(options, np.eye(len(options))[chosen]) for options, chosen in votes if chosen != SAME]
        return learned_knob(word, space, blocks, apart=True)
    by_listener = []
    for each in results.counted:
        rated = [
            (space.point(setting), score)
            for vote in each.votes
            for letter, score in vote.ratings.items()
            if (setting := vote.heard[letter].setting) is not None
        ]
        if rated:
            by_listener.append((np.array([point for point, _ in rated]), np.array([score for _, score in rated])))
    return learned_knob(word, space, by_listener)


def _knob(
    word: str,
    space: Space,
    heard: Points,
    wanted: Points,
    folds: npt.NDArray[np.int64],
    shuffled: Sequence[Points],
    centre: Points,
    stops: Points,
) -> Knob:
    """Fit, and foretell each fold from the others: of the scores as they are, and of shuffled ones."""
    foretell = np.zeros((len(wanted), len(wanted)))
    for fold in np.unique(folds):
        out = folds == fold
        foretell[np.ix_(out, ~out)] = heard[out] @ _ridge(heard[~out])
    agreement = _correlation(foretell @ wanted, wanted)
    chance = np.mean([_correlation(foretell @ each, each) >= agreement for each in shuffled])
    direction = _ridge(heard) @ wanted
    direction[len(AXES) :] -= direction[len(AXES) :].mean()
    longest = float(np.abs(direction).max())
    scaled = direction / longest if longest > 0 else direction
    return Knob(word, space, scaled, centre, stops, agreement, float(chance), len(wanted))


def _ridge(settings: Points) -> Points:
    """What makes a direction of scores. Shape (D, N)."""
    count = settings.shape[1]
    return np.linalg.solve(settings.T @ settings + PRIOR * len(settings) / count * np.eye(count), settings.T)


def _correlation(a: Points, b: Points) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0


def _none(word: str, space: Space) -> Knob:
    centre = space.point(Setting({}))
    return Knob(word, space, np.zeros(space.dimensions), centre, np.tile(centre, (STOPS, 1)), 0.0, 1.0, 0)
