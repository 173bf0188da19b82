"""Cut before any training, as SNIP, GraSP and SynFlow do: choose one of these criteria with it.

Source: Lee et al. 2019, "SNIP"; Wang et al. 2020, "Picking winning tickets"; Tanaka et al. 2020, "Pruning neural
networks without any data", whose density falls exponentially, with new scores after each cut.
"""

from __future__ import annotations

from collections.abc import Sequence

from tombola_host.generators.units import Mask
from tombola_host.lottery.drum import Drum

ROUNDS = 20


def at_start(drum: Drum, shares: Sequence[float]) -> Mask:
    """Cut once. Costs no training."""
    return drum.cut(drum.full, drum.untrained(drum.full), shares[-1])


def at_start_in_rounds(drum: Drum, shares: Sequence[float]) -> Mask:
    """Cut in twenty rounds, scored anew each time. Costs no training."""
    mask = drum.full
    for number in range(1, ROUNDS + 1):
        mask = drum.cut(mask, drum.untrained(mask), shares[-1] ** (number / ROUNDS))
    return mask
