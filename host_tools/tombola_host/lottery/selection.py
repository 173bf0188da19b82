"""Global structured selection: one threshold over the units of all groups."""

from __future__ import annotations

import torch

from tombola_host.generators.units import Groups, Mask, Weights, shapes_left
from tombola_host.lottery.budget import Budget
from tombola_host.lottery.criteria.base import Scores

FEWEST_UNITS = 8
"""No group is cut below this; a bottleneck of two units cannot work."""


def select(groups: Groups, weights: Weights, scores: Scores, budget: Budget) -> Mask:
    """Keep the units above the lowest threshold at which the trimmed network is within a budget.

    No group is cut below ``FEWEST_UNITS``, even if the budget is exceeded.
    Ties are broken by the unit's index, so equal scores give equal masks on every machine.
    """
    ranked = sorted(
        ((score, name, unit) for name, values in scores.items() for unit, score in enumerate(values.tolist())),
        key=lambda entry: (-entry[0], entry[1], entry[2]),
    )
    low, high = 0, len(ranked)
    while low < high:
        middle = (low + high + 1) // 2
        if budget.holds(shapes_left(groups, weights, _keeping(groups, scores, ranked[:middle]))):
            low = middle
        else:
            high = middle - 1
    return _keeping(groups, scores, ranked[:low])


def _keeping(groups: Groups, scores: Scores, kept: list[tuple[float, str, int]]) -> Mask:
    mask = {}
    for group in groups:
        chosen = torch.zeros(group.size, dtype=torch.bool)
        # The sort is stable because topk does not define which of equal scores it returns.
        chosen[scores[group.name].argsort(descending=True, stable=True)[:FEWEST_UNITS]] = True
        mask[group.name] = chosen
    for _, name, unit in kept:
        mask[name][unit] = True
    return mask
