"""How scores of different groups are made comparable before one threshold cuts them all."""

from __future__ import annotations

from collections.abc import Callable

from tombola_device.contract.errors import BadConfig
from torch import Tensor

from tombola_host.generators.units import Groups, Weights, weights_per_unit
from tombola_host.lottery.criteria.base import Scores

Scaling = Callable[[Tensor, int], Tensor]
"""Scores of one group, shape (U,), and the number of learned weights of each of its units → scaled scores, (U,)."""


def mean(scores: Tensor, weights: int) -> Tensor:
    """By the group's mean magnitude: a group's share of the kept units then depends on how uneven its scores are."""
    del weights
    return scores / scores.abs().mean().clamp(min=1e-12)


def none(scores: Tensor, weights: int) -> Tensor:
    """As the criterion gave them."""
    del weights
    return scores


def largest(scores: Tensor, weights: int) -> Tensor:
    """By the group's largest magnitude.

    Source: Esling et al. 2020, "Ultra-light deep MIR by trimming lottery tickets".
    """
    del weights
    return scores / scores.abs().max().clamp(min=1e-12)


def fan(scores: Tensor, weights: int) -> Tensor:
    """By the number of weights that a unit has, in and out: a score for each weight that would be saved."""
    return scores / weights


SCALINGS: dict[str, Scaling] = {"mean": mean, "none": none, "max": largest, "fan": fan}


def scaling_named(name: str) -> Scaling:
    """Look a scaling up.

    Raises:
        BadConfig: No scaling has that name.
    """
    if name not in SCALINGS:
        raise BadConfig(f"there is no scaling {name!r}; choose one of: {', '.join(SCALINGS)}")
    return SCALINGS[name]


def scaled(groups: Groups, weights: Weights, scores: Scores, scaling: Scaling = mean) -> Scores:
    """The scores of every group, scaled."""
    return {group.name: scaling(scores[group.name], weights_per_unit(group, weights)) for group in groups}
