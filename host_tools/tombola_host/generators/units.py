"""Unit groups: what is removed together, declared as data.

A network names its groups and, for each, every axis of every parameter that runs over the group's units. Masking,
scoring, trimming, counting and merging then need no knowledge of the network. The idea of axes that share one
permutation is that of Ainsworth et al. 2023, "Git Re-Basin".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from tombola_device.contract.errors import ShapeError
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Axis:
    """The part of an axis of a parameter that runs over the units of a group.

    Args:
        parameter: Name in the network's ``state_dict``.
        axis: Which of its axes.
        start: Where the units begin on it: behind another group's where tensors are concatenated.
        blocks: How often the units stand one after another: 3 for the gates of a GRU, the frames of a flattened
            (frames, channels) tensor.
        incoming: Whether the weights belong to the unit itself (its inputs and bias) or to those who read it.
        learned: Whether it is a parameter, rather than a constant of the same network.
    """

    parameter: str
    axis: int
    start: int = 0
    blocks: int = 1
    incoming: bool = True
    learned: bool = True


@dataclass(frozen=True, slots=True)
class UnitGroup:
    """Units of one kind: how many, and where their weights stand.

    Args:
        name: Of the group.
        size: U, how many units.
        axes: Every axis that runs over them.
        spreads: Parameters whose first weights are drawn from a range of one over the root of U, or of the sum of U
            over all groups that name them. When units go, what is left is scaled so that the range is again that of
            the width (``rewound``).
        output: The module whose output has the units; empty: none, and criteria that need activations cannot score
            the group.
        output_axis: Where they are in it: -1 for linear and recurrent layers, 1 for convolutions.
    """

    name: str
    size: int
    axes: tuple[Axis, ...]
    spreads: tuple[str, ...] = ()
    output: str = ""
    output_axis: int = -1


Groups = tuple[UnitGroup, ...]
Mask = dict[str, Tensor]
"""Group name → which units are kept. Shape (U,), bool."""
Weights = dict[str, Tensor]
Places = Mapping[str, Tensor]
"""Group name → places of units in their order. Shape (kept,), int64."""


def full_mask(groups: Groups) -> Mask:
    """Keep every unit."""
    return {group.name: torch.ones(group.size, dtype=torch.bool) for group in groups}


def check_groups(groups: Groups, weights: Weights) -> None:
    """Check that groups fit the network that declares them.

    Raises:
        ShapeError: An axis names a parameter that is not there, lies outside it, or overlaps another group's.
    """
    taken: dict[tuple[str, int], Tensor] = {}
    for group in groups:
        for axis in group.axes:
            tensor = weights.get(axis.parameter)
            if tensor is None:
                raise ShapeError(f"group {group.name!r} names the parameter {axis.parameter!r}, which is not there")
            end = axis.start + axis.blocks * group.size
            if not 0 <= axis.axis < tensor.dim() or end > tensor.shape[axis.axis]:
                raise ShapeError(
                    f"group {group.name!r} takes {axis.start} to {end} of axis {axis.axis} of {axis.parameter!r}, "
                    f"whose shape is {tuple(tensor.shape)}; correct the declaration"
                )
            key = axis.parameter, axis.axis
            used = taken.setdefault(key, torch.zeros(tensor.shape[axis.axis], dtype=torch.bool))
            if used[axis.start : end].any():
                raise ShapeError(f"two groups take one part of axis {axis.axis} of {axis.parameter!r}; correct one")
            used[axis.start : end] = True


def check_mask(groups: Groups, mask: Mask) -> None:
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


def masked(groups: Groups, weights: Weights, mask: Mask) -> Weights:
    """Weights of the same size in which those of removed units are zero."""
    check_mask(groups, mask)
    result = {name: tensor.clone() for name, tensor in weights.items()}
    for group in groups:
        for axis in group.axes:
            part = _part(result[axis.parameter], axis, group.size)
            shape = [1] * part.dim()
            shape[axis.axis] = -1
            part *= mask[group.name].repeat(axis.blocks).view(shape)
    return result


def trimmed(groups: Groups, weights: Weights, mask: Mask) -> Weights:
    """Weights of a really smaller network: removed units are gone from every axis that runs over them."""
    check_mask(groups, mask)
    return taken(groups, weights, places_of(mask))


def places_of(mask: Mask) -> dict[str, Tensor]:
    """Where the kept units stand."""
    return {name: kept.nonzero().squeeze(1) for name, kept in mask.items()}


def taken(groups: Groups, weights: Weights, places: Places) -> Weights:
    """Weights at chosen places, in their order; what belongs to no group stays. A place may come more than once."""
    kept: dict[tuple[str, int], list[tuple[Axis, int, Tensor]]] = {}
    for group in groups:
        for axis in group.axes:
            kept.setdefault((axis.parameter, axis.axis), []).append((axis, group.size, places[group.name]))
    result = dict(weights)
    for (name, at), parts in kept.items():
        result[name] = result[name].index_select(at, _index(weights[name].shape[at], parts))
    return {name: tensor.clone() for name, tensor in result.items()}


def rewound(groups: Groups, first: Weights, places: Places) -> Weights:
    """First weights at chosen places, scaled to the width that is left.

    torch draws the weights that read U units from a range of one over the root of U. Cut out of a wide network, they
    would be too small for a narrow one: 48 of 1024 units would say 0.2 of what a layer of 48 says. So each parameter in
    a group's ``spreads`` is scaled by the root of how much narrower the group has become.

    Source: the range is that of torch's ``nn.Linear`` and ``nn.RNN``; measured in docs/notebook/0005-host-faults.md.
    """
    width: dict[str, int] = {}
    left: dict[str, int] = {}
    for group in groups:
        for name in group.spreads:
            width[name] = width.get(name, 0) + group.size
            left[name] = left.get(name, 0) + len(places[group.name])
    scaled = {
        name: tensor * (width[name] / left[name]) ** 0.5 if name in width else tensor for name, tensor in first.items()
    }
    return taken(groups, scaled, places)


def shapes_left(groups: Groups, weights: Weights, mask: Mask) -> dict[str, tuple[int, ...]]:
    """Shapes of what is learned in the network trimmed to a mask."""
    shapes = {name: list(tensor.shape) for name, tensor in weights.items()}
    constants = set()
    for group in groups:
        gone = group.size - int(mask[group.name].sum())
        for axis in group.axes:
            shapes[axis.parameter][axis.axis] -= axis.blocks * gone
            if not axis.learned:
                constants.add(axis.parameter)
    return {name: tuple(shape) for name, shape in shapes.items() if name not in constants}


def units_first(tensor: Tensor, axis: Axis, size: int) -> Tensor:
    """All weights that a group's units have in one parameter, one row a unit. Shape (U, n)."""
    moved = _part(tensor, axis, size).movedim(axis.axis, 0)
    return moved.reshape(axis.blocks, size, -1).transpose(0, 1).reshape(size, -1)


def _part(tensor: Tensor, axis: Axis, size: int) -> Tensor:
    return tensor.narrow(axis.axis, axis.start, axis.blocks * size)


def _index(length: int, parts: list[tuple[Axis, int, Tensor]]) -> Tensor:
    """What is left of an axis: of each group's part its places, of the rest all, in the order in which they stand."""
    pieces, at = [], 0
    for axis, size, places in sorted(parts, key=lambda entry: entry[0].start):
        pieces.append(torch.arange(at, axis.start))
        pieces += [axis.start + block * size + places for block in range(axis.blocks)]
        at = axis.start + axis.blocks * size
    return torch.cat([*pieces, torch.arange(at, length)])
