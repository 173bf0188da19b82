"""Remove units little by little while the dense network trains.

Source: Zhu & Gupta 2018, "To prune, or not to prune": the removed share grows as 1 - (1 - t)³.
"""

from __future__ import annotations

from collections.abc import Sequence

from tombola_host.generators.units import Mask, masked
from tombola_host.lottery.drum import Drum, Trained

LOOKS = 20
FROM, UNTIL = 0.1, 0.75


def gradual(drum: Drum, shares: Sequence[float]) -> Mask:
    """Cut at each of twenty looks between 10 % and 75 % of one dense training. Costs one dense training."""
    mask = drum.full

    def look(done: int, total: int, trained: Trained) -> bool:
        nonlocal mask
        at = (done / total - FROM) / (UNTIL - FROM)
        if 0 < at <= 1 and done % max(total // LOOKS, 1) == 0:
            share = shares[-1] + (1 - shares[-1]) * (1 - at) ** 3
            mask = drum.narrow(mask, trained, share)
        # Adam's momentum moves a removed unit on, so it is removed after every step.
        trained.network.load_state_dict(masked(drum.groups, dict(trained.network.state_dict()), mask))
        return False

    trained = drum.watched(look)
    return drum.narrow(mask, trained, shares[-1])
