"""Global structured selection: one threshold over the units of all groups."""

from __future__ import annotations

import torch

from tombola_host.generators.units import Mask, UnitGroup, Weights
from tombola_host.lottery.criteria.base import Scores

FEWEST_UNITS = 8
"""No group is cut below this: a bottleneck of two units is no network."""


def parameters_left(groups: tuple[UnitGroup, ...], weights: Weights, mask: Mask) -> int:
    """Learned parameters of the network trimmed to a mask."""
    total = 0
    for name, tensor in weights.items():
        shape = list(tensor.shape)
        learned = True
        for group in groups:
            for axis in group.axes:
                if axis.parameter == name:
                    learned = axis.learned
                    shape[axis.axis] = axis.blocks * int(mask[group.name].sum())
        if learned:
            total += int(torch.tensor(shape).prod())
    return total


def select(groups: tuple[UnitGroup, ...], weights: Weights, scores: Scores, most_parameters: int) -> Mask:
    """The units above the lowest threshold at which the trimmed network has at most so many parameters.

    No group is cut below ``FEWEST_UNITS``, whatever that makes of the parameters.
    Ties are broken by the unit's place, so that equal scores give equal masks everywhere.
    """
    ranked = sorted(
        ((score, name, unit) for name, values in scores.items() for unit, score in enumerate(values.tolist())),
        key=lambda entry: (-entry[0], entry[1], entry[2]),
    )
    low, high = 0, len(ranked)
    while low < high:
        middle = (low + high + 1) // 2
        if parameters_left(groups, weights, _keeping(groups, scores, ranked[:middle])) <= most_parameters:
            low = middle
        else:
            high = middle - 1
    return _keeping(groups, scores, ranked[:low])


def _keeping(groups: tuple[UnitGroup, ...], scores: Scores, kept: list[tuple[float, str, int]]) -> Mask:
    mask = {}
    for group in groups:
        chosen = torch.zeros(group.size, dtype=torch.bool)
        # A stable sort, because topk does not say which of equals it takes.
        chosen[scores[group.name].argsort(descending=True, stable=True)[:FEWEST_UNITS]] = True
        mask[group.name] = chosen
    for _, name, unit in kept:
        mask[name][unit] = True
    return mask
