"""How well a knob that was learned from ratings follows its word: docs/notebook/0015-preferences.md.

python -m tombola_host.study.experiments.words --words 100 --seed 6000
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.stats import spearmanr

from tombola_host.study.sessions.knobs import Knob, learned_knob
from tombola_host.study.sessions.listeners import Meaning, drawn_meaning, rated
from tombola_host.study.sessions.setting import AXES, Points, Space
from tombola_host.study.sessions.tuning import spread
from tombola_host.terminal import Terminal

PLACES: Final = 21
"""Along a knob."""
NEAR: Final = 0.9
LISTENERS: Final = (1, 2, 3, 5)


def knob_from(space: Space, meaning: Meaning, listeners: int, settings: int, seed: int) -> Knob:
    """The knob that simulated listeners lead to, who rate settings far apart."""
    points = spread(space, settings, np.random.default_rng([seed, 31]))
    blocks = [(points, rated(meaning, points, 1000 * seed + number)) for number in range(listeners)]
    return learned_knob("word", space, blocks)


def way_of(knob: Knob) -> Points:
    """Settings along a knob. Shape (PLACES, D)."""
    return knob.space.points([knob.at(turn) for turn in np.linspace(-1, 1, PLACES)])


def straight(space: Space, centre: Points, direction: Points) -> Points:
    """Settings along a direction through a centre. Shape (PLACES, D)."""
    return space.inside(centre + 0.5 * np.linspace(-1, 1, PLACES)[:, None] * direction)


def random_way(space: Space, seed: int) -> Points:
    """The trivial baseline: settings along a random direction through the middle. Shape (PLACES, D)."""
    rng = np.random.default_rng([seed, 37])
    direction = rng.standard_normal(space.dimensions)
    direction[len(AXES) :] -= direction[len(AXES) :].mean()
    direction /= np.abs(direction).max()
    centre = np.concatenate([np.full(len(AXES), 0.5), np.full(len(space.modes), 1 / len(space.modes))])
    return straight(space, centre, direction)


def follows(meaning: Meaning, way: Points) -> tuple[float, float]:
    """Rank correlation of place and word along a way, and how much more of the word its end has than its start."""
    felt = meaning(way)
    return float(spearmanr(np.arange(len(way)), felt).statistic), float(felt[-1] - felt[0])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each number of listeners, and one for random ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, default=100)
    parser.add_argument("--modes", type=int, default=3)
    parser.add_argument("--settings", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the first word")
    options = parser.parse_args(arguments)
    terminal, space = Terminal(), Space(tuple(f"mode {number + 1}" for number in range(options.modes)))
    for line in (
        "| way | knobs | rank correlation, mean, lowest | ≥ 0.9 | end above start | rise |",
        "|---|---|---|---|---|---|",
    ):
        terminal.print(line, soft_wrap=True)
    seeds = range(options.seed, options.seed + options.words)
    meanings = [drawn_meaning(space, seed) for seed in seeds]
    for listeners in LISTENERS:
        knobs = [
            (meaning, knob_from(space, meaning, listeners, options.settings, seed))
            for seed, meaning in zip(seeds, meanings, strict=True)
        ]
        good = [(meaning, knob) for meaning, knob in knobs if knob.good]
        name = f"{listeners} listener{'s' * (listeners != 1)}"
        _row(terminal, name, [follows(meaning, way_of(knob)) for meaning, knob in good])
        lines = [follows(meaning, straight(space, knob.centre, knob.direction)) for meaning, knob in good]
        _row(terminal, f"{name}, a straight way", lines)
    ways = [follows(meaning, random_way(space, seed)) for seed, meaning in zip(seeds, meanings, strict=True)]
    _row(terminal, "random ways", ways)
    return 0


def _row(terminal: Terminal, name: str, found: Sequence[tuple[float, float]]) -> None:
    ranks, rises = np.array(found).reshape(-1, 2).T
    cells = (
        name,
        f"{len(found)}",
        f"{ranks.mean():.2f}, {ranks.min():.2f}",
        f"{100 * (ranks >= NEAR).mean():.0f} %",
        f"{100 * (rises > 0).mean():.0f} %",
        f"{rises.mean():.2f} ± {rises.std(ddof=1):.2f}",
    )
    terminal.print(f"| {' | '.join(cells)} |", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
