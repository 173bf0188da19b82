"""Structured selection: which units are kept within a budget, by one threshold or by one share."""

from __future__ import annotations

from collections.abc import Callable

import torch
from tombola_device.contract.errors import BadConfig

from tombola_host.generators.units import Groups, Mask, Weights, full_mask, shapes_left
from tombola_host.lottery.budget import Budget, Count, cost_left, parameters
from tombola_host.lottery.criteria.base import Scores
from tombola_host.lottery.scaling import Scaling, mean, scaled

FEWEST_UNITS = 8
"""No group is cut below this; a bottleneck of two units cannot work."""


def select(
    groups: Groups, weights: Weights, scores: Scores, budget: Budget, scope: str = "global", scaling: Scaling = mean
) -> Mask:
    """Keep the best units, so that the trimmed network is within a budget.

    No group is cut below ``FEWEST_UNITS``, even if the budget is exceeded.
    Ties are broken by the unit's index, so equal scores give equal masks on every machine.

    Args:
        scope: A name in ``SCOPES``.
        scaling: Makes scores of different groups comparable.

    Raises:
        BadConfig: No scope has that name.
    """
    return scope_named(scope)(groups, weights, scaled(groups, weights, scores, scaling), budget)


def globally(groups: Groups, weights: Weights, scores: Scores, budget: Budget) -> Mask:
    """Keep the units above the lowest threshold, one for all groups, at which the network is within the budget."""
    ranked = sorted(
        ((score, name, unit) for name, values in scores.items() for unit, score in enumerate(values.tolist())),
        key=lambda entry: (-entry[0], entry[1], entry[2]),
    )
    return _largest(groups, weights, budget, len(ranked), lambda count: _keeping(groups, scores, ranked[:count]))


def locally(groups: Groups, weights: Weights, scores: Scores, budget: Budget) -> Mask:
    """Keep the best units of each group, the same share of all groups."""
    return _shared(groups, weights, scores, budget, full_mask(groups))


def globally_then_locally(groups: Groups, weights: Weights, scores: Scores, budget: Budget) -> Mask:
    """Cut halfway by one threshold, the rest by one share: no group can collapse, and uneven groups may differ."""
    full = budget.count(shapes_left(groups, weights, full_mask(groups)))
    halfway = Budget((full * budget.most) ** 0.5, budget.count)
    return _shared(groups, weights, scores, budget, globally(groups, weights, scores, halfway))


Scope = Callable[[Groups, Weights, Scores, Budget], Mask]
SCOPES: dict[str, Scope] = {"global": globally, "local": locally, "global-local": globally_then_locally}


def scope_named(name: str) -> Scope:
    """Look a scope up.

    Raises:
        BadConfig: No scope has that name.
    """
    if name not in SCOPES:
        raise BadConfig(f"there is no scope {name!r}; choose one of: {', '.join(SCOPES)}")
    return SCOPES[name]


def check_density(groups: Groups, weights: Weights, density: float, count: Count = parameters) -> None:
    """Refuse a density that cannot be reached, before hours are spent.

    Raises:
        BadConfig: With ``FEWEST_UNITS`` in each group, more would be left.
    """
    fewest = {group.name: torch.arange(group.size) < FEWEST_UNITS for group in groups}
    least, whole = (cost_left(groups, weights, mask, count) for mask in (fewest, full_mask(groups)))
    if least > density * whole:
        raise BadConfig(
            f"a density of {density:g} is impossible: {FEWEST_UNITS} units in each group are {least / whole:.4f} of "
            "the dense network; ask for more, or for a larger dense network"
        )


def _shared(groups: Groups, weights: Weights, scores: Scores, budget: Budget, first: Mask) -> Mask:
    """Keep the same share of what a mask keeps in each group."""
    widest = max(int(kept.sum()) for kept in first.values())

    def keeping(count: int) -> Mask:
        mask = {}
        for group in groups:
            kept = max(round(int(first[group.name].sum()) * count / widest), FEWEST_UNITS)
            mask[group.name] = torch.zeros(group.size, dtype=torch.bool)
            mask[group.name][scores[group.name].argsort(descending=True, stable=True)[:kept]] = True
        return mask

    return _largest(groups, weights, budget, widest, keeping)


def _largest(groups: Groups, weights: Weights, budget: Budget, most: int, keeping: Callable[[int], Mask]) -> Mask:
    """The mask of the largest count that is within the budget; of 0 if none is."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if budget.holds(shapes_left(groups, weights, keeping(middle))):
            low = middle
        else:
            high = middle - 1
    return keeping(low)


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
