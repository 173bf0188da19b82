"""Train, cut, rewind; repeat with the units that remain.

Source: Frankle & Carbin 2019, "The lottery ticket hypothesis"; few steps per round as in You et al. 2020, "Drawing
early-bird tickets": the mask settles long before the weights.
"""

from __future__ import annotations

from collections.abc import Sequence

from tombola_host.generators.units import Mask
from tombola_host.lottery.drum import Drum


def iterative(drum: Drum, shares: Sequence[float]) -> Mask:
    """One round per share. Each round trains the trimmed network, so each round costs less than the one before."""
    mask = drum.full
    for share in shares:
        mask = drum.cut(mask, drum.train(mask), share)
    return mask
