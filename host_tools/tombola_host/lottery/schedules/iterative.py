"""Train, cut, rewind; again, on what is left.

Source: Frankle & Carbin 2019, "The lottery ticket hypothesis"; the few steps a round after You et al. 2020, "Drawing
early-bird tickets": the mask settles long before the weights do.
"""

from __future__ import annotations

from collections.abc import Sequence

from tombola_host.generators.units import Mask
from tombola_host.lottery.drum import Drum


def iterative(drum: Drum, shares: Sequence[float]) -> Mask:
    """One round per share. Each round trains the really smaller network, so rounds get cheaper as they go."""
    mask = drum.full
    for share in shares:
        mask = drum.cut(mask, drum.train(mask), share)
    return mask
