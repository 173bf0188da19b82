"""Unit groups: what is removed together, declared as data.

A network names its groups and, for each, every axis of every parameter that runs over the group's units. Masking,
scoring, trimming and merging then need no knowledge of the network. The idea of axes that share one permutation is
that of Ainsworth et al. 2023, "Git Re-Basin".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from tombola_device.contract.errors import ShapeError
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a parameter that runs over the units of a group.

    Args:
        parameter: Name in the network's ``state_dict``.
        axis: Which of its axes.
        blocks: How often the units stand one after another on it: 3 for the gates of a GRU.
        incoming: Whether the weights belong to the unit itself (its inputs and bias) or to those who read it.
        learned: Whether it is a parameter, rather than a constant of the same network.
    """

    parameter: str
    axis: int
    blocks: int = 1
    incoming: bool = True
    learned: bool = True


@dataclass(frozen=True, slots=True)
class UnitGroup:
    """Units of one kind: how many, and where their weights stand."""

    name: str
    size: int
    axes: tuple[Axis, ...]


Mask = dict[str, Tensor]
"""Group name → which units are kept. Shape (U,), bool."""
Weights = dict[str, Tensor]


def full_mask(groups: tuple[UnitGroup, ...]) -> Mask:
    """Keep every unit."""
    return {group.name: torch.ones(group.size, dtype=torch.bool) for group in groups}


def check_mask(groups: tuple[UnitGroup, ...], mask: Mask) -> None:
    """Check that a mask fits its groups and leaves a network.

    Raises:
        ShapeError: A group is missing, has another size, or would lose all its units.
    """
    for group in groups:
        kept = mask.get(group.name)
        if kept is None or kept.shape != (group.size,) or kept.dtype != torch.bool:
            raise ShapeError(f"the mask of group {group.name!r} is not bool ({group.size},); prune this network again")
        if not kept.any():
            raise ShapeError(f"the mask of group {group.name!r} keeps no unit; ask for a higher density")


def masked(groups: tuple[UnitGroup, ...], weights: Weights, mask: Mask) -> Weights:
    """Weights of the same size in which those of removed units are zero."""
    check_mask(groups, mask)
    result = {name: tensor.clone() for name, tensor in weights.items()}
    for group in groups:
        for axis in group.axes:
            shape = [1] * result[axis.parameter].dim()
            shape[axis.axis] = -1
            result[axis.parameter] *= mask[group.name].repeat(axis.blocks).view(shape)
    return result


def trimmed(groups: tuple[UnitGroup, ...], weights: Weights, mask: Mask) -> Weights:
    """Weights of a really smaller network: removed units are gone from every axis that runs over them."""
    check_mask(groups, mask)
    result = dict(weights)
    for group in groups:
        for axis in group.axes:
            index = mask[group.name].repeat(axis.blocks).nonzero().squeeze(1)
            result[axis.parameter] = result[axis.parameter].index_select(axis.axis, index)
    return {name: tensor.clone() for name, tensor in result.items()}


def units_first(tensor: Tensor, axis: Axis, size: int) -> Tensor:
    """All weights that a group's units have in one parameter, one row a unit. Shape (U, n)."""
    moved = tensor.movedim(axis.axis, 0)
    return moved.reshape(axis.blocks, size, -1).transpose(0, 1).reshape(size, -1)
