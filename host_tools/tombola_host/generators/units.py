"""Unit groups: the weights that are removed together, declared as data.

A network names its groups and, for each group, every axis of every parameter that runs over the group's units. Masking,
scoring, trimming, counting and merging then work for any network. The idea of axes that share one permutation is from
Ainsworth et al. 2023, "Git Re-Basin".
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
        axis: Index of the axis in the parameter.
        start: First index of the units on the axis; not 0 where tensors are concatenated.
        blocks: How often the units repeat along the axis: 3 for the gates of a GRU, F for a flattened (F frames,
            channels) tensor.
        incoming: True for weights of the unit itself (inputs and bias), False for weights of the units that read it.
        learned: False for a constant of the network.
    """

    parameter: str
    axis: int
    start: int = 0
    blocks: int = 1
    incoming: bool = True
    learned: bool = True


@dataclass(frozen=True, slots=True)
class UnitGroup:
    """Units of one kind: their number, and the place of their weights.

    Args:
        name: Name of the group.
        size: U, number of units.
        axes: Every axis that runs over the units.
        spreads: Parameters whose first weights are drawn from a range of 1 / √U, or of 1 / √(sum of U over all groups
            that name the parameter). When units are removed, the rest is scaled so that the range fits the new width
            (``rewound``).
        output: The module whose output has the units. If empty, criteria that need activations cannot score the group.
        output_axis: Axis of the units in that output: -1 for linear and recurrent layers, 1 for convolutions.
        output_start: First index of the units on that axis; not 0 where a layer's output holds several groups.
        scale: The learned scale of a normalisation over the units, if there is one.
        constants: Tensors of the network that have no axis of units and are not learned: they count as no parameters.
    """

    name: str
    size: int
    axes: tuple[Axis, ...]
    spreads: tuple[str, ...] = ()
    output: str = ""
    output_axis: int = -1
    output_start: int = 0
    scale: str = ""
    constants: tuple[str, ...] = ()


Groups = tuple[UnitGroup, ...]
Mask = dict[str, Tensor]
"""Group name → which units are kept. Shape (U,), bool."""
Weights = dict[str, Tensor]
Places = Mapping[str, Tensor]
"""Group name → indices of units, in their order. Shape (kept,), int64."""


def full_mask(groups: Groups) -> Mask:
    """Keep every unit."""
    return {group.name: torch.ones(group.size, dtype=torch.bool) for group in groups}


def check_groups(groups: Groups, weights: Weights) -> None:
    """Check that groups match the network that declares them.

    Raises:
        ShapeError: An axis names a parameter that does not exist, exceeds it, or overlaps another group's.
    """
    taken: dict[tuple[str, int], Tensor] = {}
    for group in groups:
        for axis in group.axes:
            tensor = weights.get(axis.parameter)
            if tensor is None:
                raise ShapeError(f"group {group.name!r} names the parameter {axis.parameter!r}, which does not exist")
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
    """Check that a mask matches its groups and keeps units in each.

    Raises:
        ShapeError: A group is missing, has another size, or keeps no unit.
    """
    for group in groups:
        kept = mask.get(group.name)
        if kept is None or kept.shape != (group.size,) or kept.dtype != torch.bool:
            raise ShapeError(f"the mask of group {group.name!r} is not bool ({group.size},); prune this network again")
        if not kept.any():
            raise ShapeError(f"the mask of group {group.name!r} keeps no unit; ask for a higher density")


def masked(groups: Groups, weights: Weights, mask: Mask) -> Weights:
    """Weights of the same shapes; the weights of removed units are zero."""
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
    """Weights of the smaller network: removed units are cut out of every axis that runs over them."""
    check_mask(groups, mask)
    return taken(groups, weights, places_of(mask))


def places_of(mask: Mask) -> dict[str, Tensor]:
    """Indices of the kept units."""
    return {name: kept.nonzero().squeeze(1) for name, kept in mask.items()}


def taken(groups: Groups, weights: Weights, places: Places) -> Weights:
    """Weights at chosen indices, in their order; other weights stay as they are. An index may occur more than once."""
    kept: dict[tuple[str, int], list[tuple[Axis, int, Tensor]]] = {}
    for group in groups:
        for axis in group.axes:
            kept.setdefault((axis.parameter, axis.axis), []).append((axis, group.size, places[group.name]))
    result = dict(weights)
    for (name, at), parts in kept.items():
        result[name] = result[name].index_select(at, _index(weights[name].shape[at], parts))
    return {name: tensor.clone() for name, tensor in result.items()}


def rewound(groups: Groups, first: Weights, places: Places) -> Weights:
    """First weights at chosen indices, scaled to the new width.

    torch draws the weights that read U units from a range of 1 / √U. Cut out of a wide network, they are too small for
    a narrow one: 48 of 1024 units give 0.2 of the output of a layer of 48. So each parameter in a group's ``spreads``
    is scaled by the square root of old width / new width.

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
    """Shapes of the learned parameters in the network trimmed to a mask."""
    shapes = {name: list(tensor.shape) for name, tensor in weights.items()}
    constants = {name for group in groups for name in group.constants}
    for group in groups:
        gone = group.size - int(mask[group.name].sum())
        for axis in group.axes:
            shapes[axis.parameter][axis.axis] -= axis.blocks * gone
            if not axis.learned:
                constants.add(axis.parameter)
    return {name: tuple(shape) for name, shape in shapes.items() if name not in constants}


def weights_per_unit(group: UnitGroup, weights: Weights) -> int:
    """How many learned weights go with one unit of a group."""
    return sum(
        weights[axis.parameter].numel() // weights[axis.parameter].shape[axis.axis] * axis.blocks
        for axis in group.axes
        if axis.learned
    )


def learned_by_unit(group: UnitGroup, tensors: Weights, *, incoming: bool | None = None) -> Tensor:
    """All learned values of a group's units, one row per unit. Shape (U, n).

    Args:
        tensors: Parameter → values of its shape: weights, gradients, or a product of both.
        incoming: Only the units' own weights, or only those that read them; None: all.
    """
    chosen = [axis for axis in group.axes if axis.learned and incoming in (None, axis.incoming)]
    rows = [units_first(tensors[axis.parameter], axis, group.size) for axis in chosen]
    return torch.cat(rows, dim=1) if rows else torch.zeros(group.size, 0)


def units_first(tensor: Tensor, axis: Axis, size: int) -> Tensor:
    """All weights of a group's units in one parameter, one row per unit. Shape (U, n)."""
    moved = _part(tensor, axis, size).movedim(axis.axis, 0)
    return moved.reshape(axis.blocks, size, -1).transpose(0, 1).reshape(size, -1)


def _part(tensor: Tensor, axis: Axis, size: int) -> Tensor:
    return tensor.narrow(axis.axis, axis.start, axis.blocks * size)


def _index(length: int, parts: list[tuple[Axis, int, Tensor]]) -> Tensor:
    """The remaining indices of an axis in their order: the chosen ones of each group's part, and all others."""
    pieces, at = [], 0
    for axis, size, places in sorted(parts, key=lambda entry: entry[0].start):
        pieces.append(torch.arange(at, axis.start))
        pieces += [axis.start + block * size + places for block in range(axis.blocks)]
        at = axis.start + axis.blocks * size
    return torch.cat([*pieces, torch.arange(at, length)])
