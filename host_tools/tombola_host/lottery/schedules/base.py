"""What a schedule of the lottery is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tombola_host.generators.units import Mask
from tombola_host.lottery.drum import Drum


class DrawSchedule(Protocol):
    """Trains, scores and cuts, in whatever order, until a ticket is left.

    A minimal one, which trains the dense network and cuts once:

        def one_shot(drum, shares):
            return drum.cut(drum.full, drum.train(drum.full), shares[-1])
    """

    def __call__(self, drum: Drum, shares: Sequence[float], /) -> Mask:
        """The ticket's mask over the dense network.

        Args:
            drum: Trains, scores and cuts; each training is a run of its own, so an interrupted lottery goes on.
            shares: Fractions of the dense network's cost, falling; the last is the ticket's. At least one.
        """
