"""Keeps the units through which most of the network's weight flows; needs no data and no training.

Source: Tanaka et al. 2020, "Pruning neural networks without any data by iteratively conserving synaptic flow": every
weight is replaced by its magnitude, activations by the identity, and the input by ones; a unit's score is then what
flows into it times what flows out of it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tombola_host.generators.units import Axis, Groups, UnitGroup, Weights
from tombola_host.lottery.criteria.base import Scores
from tombola_host.lottery.evidence import Evidence


def synflow(evidence: Evidence) -> Scores:
    """Flow into a unit times flow out of it, in double precision; vectors of weights, such as biases, do not flow."""
    groups, weights = evidence.groups, evidence.current
    links = list(_links(groups, weights))
    into = {group.name: torch.ones(group.size, dtype=torch.double) for group in groups}
    out = dict(into)
    # As many passes as the longest path without a circle has steps; a recurrent layer is unrolled as often.
    for _ in groups:
        into = {
            group.name: _sum(group, [w @ into[r] if r else w for r, o, w in links if o == group.name])
            for group in groups
        }
        out = {
            group.name: _sum(group, [w.T @ out[o] if o else w for r, o, w in links if r == group.name])
            for group in groups
        }
    return {group.name: into[group.name] * out[group.name] for group in groups}


def _links(groups: Groups, weights: Weights) -> list[tuple[str, str, Tensor]]:
    """(group that is read, group that owns, weights (owned, read)); a name is empty where the network's edge is."""
    found: list[tuple[str, str, Tensor]] = []
    for name, tensor in weights.items():
        owners = [(group, axis) for group in groups for axis in group.axes if axis.parameter == name and axis.learned]
        if tensor.dim() < 2 or not owners:
            continue
        incoming = [(group, axis) for group, axis in owners if axis.incoming]
        reading = [(group, axis) for group, axis in owners if not axis.incoming]
        size = tensor.detach().abs().double()
        for owner, at in incoming:
            found += [(reader.name, owner.name, _flow(size, owner, at, reader, by)) for reader, by in reading]
            if not any(by.axis != at.axis for _, by in reading):
                found.append(("", owner.name, _flow(size, owner, at, None, None)))
        if not incoming:
            found += [(reader.name, "", _flow(size, reader, by, None, None)) for reader, by in reading]
    return found


def _flow(size: Tensor, owner: UnitGroup, at: Axis, reader: UnitGroup | None, by: Axis | None) -> Tensor:
    """Weights between two groups, (U owned, U read); or, without a reader, between a group and the edge, (U,)."""
    part = size.narrow(at.axis, at.start, at.blocks * owner.size)
    if reader is None or by is None:
        return _blocks(part.movedim(at.axis, 0), at, owner).flatten(1).sum(dim=1)
    part = part.narrow(by.axis, by.start, by.blocks * reader.size).movedim((at.axis, by.axis), (0, 1))
    return _blocks(_blocks(part, at, owner).transpose(0, 1), by, reader).reshape(reader.size, owner.size, -1).sum(2).T


def _blocks(part: Tensor, axis: Axis, group: UnitGroup) -> Tensor:
    """Sum the repetitions of the units along the first axis."""
    return part.reshape(axis.blocks, group.size, *part.shape[1:]).sum(dim=0)


def _sum(group: UnitGroup, parts: list[Tensor]) -> Tensor:
    total = torch.zeros(group.size, dtype=torch.double)
    for part in parts:
        total = total + part
    return total / total.mean().clamp(min=1e-300)
