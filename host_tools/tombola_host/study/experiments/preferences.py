"""How near simulated listeners get to their best setting, by how they are asked: docs/notebook/0015-preferences.md.

python -m tombola_host.study.experiments.preferences --listeners 100 --modes 3
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from tombola_host.study.sessions.listeners import ERROR, SEARCHES, Listener, drawn_taste
from tombola_host.study.sessions.setting import Points, Space
from tombola_host.terminal import Terminal

VOTES = 25
NEAR = 0.9


def utilities(way: str, space: Space, listeners: int, votes: int, error: float, seed: int) -> Points:
    """The utility that each listener gets, 0 (the worst setting) … 1 (the best). Shape (N,)."""
    found = []
    for number in range(seed, seed + listeners):
        taste = drawn_taste(space, number)
        setting = SEARCHES[way](space, Listener(taste, number, error), votes, number)
        found.append(float(taste(setting[None])[0]))
    return np.array(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each way to ask."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listeners", type=int, default=100)
    parser.add_argument("--modes", type=int, default=3)
    parser.add_argument("--votes", type=int, default=VOTES)
    parser.add_argument("--error", type=float, default=ERROR, help="share of wrong answers")
    parser.add_argument("--seed", type=int, default=0, help="of the first listener")
    parser.add_argument("--way", choices=tuple(SEARCHES), action="append", help="only this one")
    options = parser.parse_args(arguments)
    terminal, space = Terminal(), Space(tuple(f"mode {number + 1}" for number in range(options.modes)))
    for line in ("| way | utility, mean ± sd | median | ≥ 0.9 | lowest |", "|---|---|---|---|---|"):
        terminal.print(line, soft_wrap=True)
    for way in options.way or SEARCHES:
        found = utilities(way, space, options.listeners, options.votes, options.error, options.seed)
        spread = float(found.std(ddof=min(1, len(found) - 1)))
        near = f"{100 * (found >= NEAR).mean():.0f} %"
        cells = (way, f"{found.mean():.3f} ± {spread:.3f}", f"{np.median(found):.3f}", near, f"{found.min():.2f}")
        terminal.print(f"| {' | '.join(cells)} |", soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
