"""How far a turn leads: more slowly where visits are many, and from end to end as far as ever. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

STRETCHES: Final = 24
SLOWED: Final = 0.6
"""How much of the way follows the visits; the rest stays even, so that every place can be reached."""


def paced(visits: Sequence[float], place: float, amount: float) -> float:
    """Where a turn leads.

    Args:
        visits: At each of STRETCHES equal stretches of the way, ≥ 0.
        place: Where it begins, 0 … 1.
        amount: Share of a whole turn, -1 … 1; the same back leads back.

    >>> home = [0.0] * 12 + [1.0] + [0.0] * 11
    >>> [round(paced(home, place, 0.01), 3) for place in (0.1, 0.52)]
    [0.125, 0.521]
    >>> paced([0.0] * STRETCHES, 0.5, 0.25)
    0.75
    """
    padded = [visits[0], *visits, visits[-1]]
    density = [here + (before + after) / 2 for before, here, after in zip(padded, padded[1:], padded[2:], strict=False)]
    whole = sum(density)
    if whole <= 0:
        return place + amount
    effort = [(1 - SLOWED) + SLOWED * STRETCHES * each / whole for each in density]
    return _place_at(effort, _effort_to(effort, place) + amount)


def _effort_to(effort: Sequence[float], place: float) -> float:
    """The share of the whole turn from the start to a place."""
    at = min(max(place, 0.0), 1.0) * STRETCHES
    full = int(min(at, STRETCHES - 1))
    return (sum(effort[:full]) + (at - full) * effort[full]) / STRETCHES


def _place_at(effort: Sequence[float], turned: float) -> float:
    """The inverse of ``_effort_to``."""
    left, place = turned * STRETCHES, 0.0
    for each in effort:
        if left < each:
            return max(place + left / each, 0.0) / STRETCHES
        left, place = left - each, place + 1
    return 1.0
