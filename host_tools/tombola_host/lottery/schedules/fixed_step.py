"""Train for a quarter of the dense training, whatever happens in it, then cut once.

The control for schedules that choose the moment: early-bird and bottleneck must beat it to be worth their name.
"""

from __future__ import annotations

from collections.abc import Sequence

from tombola_host.generators.units import Mask
from tombola_host.lottery.drum import Drum

SHARE = 0.25


def fixed_step(drum: Drum, shares: Sequence[float]) -> Mask:
    """Costs a quarter of a dense training."""
    trained = drum.watched(lambda done, total, trained: done >= SHARE * total)
    return drum.cut(drum.full, trained, shares[-1])
