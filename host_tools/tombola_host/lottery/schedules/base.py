"""The interface of a lottery's schedule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tombola_host.generators.units import Mask
from tombola_host.lottery.drum import Drum


class DrawSchedule(Protocol):
    """Trains, scores and cuts, in any order, until a ticket remains.

    A minimal one, which trains the dense network and cuts once:

    >>> def once(drum: Drum, shares: Sequence[float]) -> Mask:
    ...     return drum.cut(drum.full, drum.train(drum.full), shares[-1])
    >>> schedule: DrawSchedule = once
    >>> {name: kept.sum().item() for name, kept in schedule(drum, [0.5]).items()}
    {'input': 8, 'trunk': 8}
    """

    def __call__(self, drum: Drum, shares: Sequence[float], /) -> Mask:
        """The ticket's mask over the dense network.

        Args:
            drum: Trains, scores and cuts; each training is a run of its own, so an interrupted lottery can continue.
            shares: Fractions of the dense network's cost, falling; the last is the ticket's. At least one.
        """
