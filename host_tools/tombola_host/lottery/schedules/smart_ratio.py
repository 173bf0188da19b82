"""Choose units by lot, with fewer the deeper a layer is.

For whole units only the widths are chosen by that, so this is a small network of that shape with inherited weights.

Source: Su et al. 2020, "Sanity-checking pruning methods": a layer keeps a share ∝ (L - l + 1)² + (L - l + 1).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tombola_host.generators.units import Mask, shapes_left
from tombola_host.lottery.drum import Drum
from tombola_host.lottery.selection import FEWEST_UNITS
from tombola_host.training.streams import torch_stream

STEPS = 60


def smart_ratio(drum: Drum, shares: Sequence[float]) -> Mask:
    """Costs no training. Groups count as layers, in the order in which they are declared."""
    depth = len(drum.groups)
    wanted = {group.name: (depth - at) ** 2 + (depth - at) for at, group in enumerate(drum.groups)}
    orders = {
        group.name: torch.randperm(group.size, generator=torch_stream(drum.seed, f"smart ratio {group.name}"))
        for group in drum.groups
    }

    def keeping(scale: float) -> Mask:
        mask = {}
        for group in drum.groups:
            kept = max(int(group.size * min(scale * wanted[group.name], 1.0)), min(FEWEST_UNITS, group.size))
            mask[group.name] = torch.zeros(group.size, dtype=torch.bool)
            mask[group.name][orders[group.name][:kept]] = True
        return mask

    budget, low, high = drum.within(shares[-1]), 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        if budget.holds(shapes_left(drum.groups, drum.first, keeping(middle))):
            low = middle
        else:
            high = middle
    return keeping(low)
