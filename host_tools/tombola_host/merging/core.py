"""Core and specialists: what the tickets share becomes the core, what marks each of them its specialists.

All tickets of a build are drawn from one dense network, so a unit keeps its place in it as its name: two tickets that
kept the same unit agree on what it is.

Source: the overlap as in Sun et al. 2020, "Learning sparse sharing architectures for multiple tasks"; core and
specialist tickets as in DiLT 2025.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tombola_host.generators.units import UnitGroup, Weights
from tombola_host.generators.voice import SCALARS, Voice, VoiceSize
from tombola_host.lottery.criteria import criterion_named
from tombola_host.lottery.ticket import dense_voice
from tombola_host.merging.trained import TrainedTicket


@dataclass(frozen=True, slots=True)
class MergedSize:
    """Units of a merged network: its input layer, the core of its trunk, and the specialists of each mode."""

    input: int = 48
    core: int = 60
    specialists: int = 4

    def voice(self, modes: int) -> VoiceSize:
        """The size of the whole network."""
        return VoiceSize(self.input, self.core + modes * self.specialists)

    def activity(self, modes: int) -> Tensor:
        """Core first, then the specialists of each mode. Shape (M, U)."""
        specialists = torch.eye(modes).repeat_interleave(self.specialists, dim=1)
        return torch.cat([torch.ones(modes, self.core), specialists], dim=1)


def merge_core_and_specialists(tickets: Sequence[TrainedTicket], size: MergedSize, seed: int) -> Voice:
    """Choose units by how much the tickets make of them, and take over their weights.

    A weight between two units is the mean over the tickets that have both; between units that no ticket has together
    it starts at a tenth of the dense network's first weight.
    """
    groups, dense = _dense(tickets[0])
    scores = [_dense_scores(ticket, groups) for ticket in tickets]
    inputs = torch.stack([score["input"] for score in scores]).sum(0).topk(size.input).indices
    trunk = _trunk_units([score["trunk"] for score in scores], size)
    kept = {"input": inputs, "trunk": trunk}
    weights = _mean_weights(tickets, groups, dense, kept)

    modes = len(tickets)
    torch.manual_seed(seed)
    network = Voice(modes, size.voice(modes), size.activity(modes))
    blend = [_scattered(ticket, groups, "input.weight")[inputs, SCALARS:] for ticket in tickets]
    weights["input.weight"] = torch.cat([weights["input.weight"][:, :SCALARS], *blend], dim=1)
    weights["spectrum"] = torch.cat([ticket.weights["spectrum"] for ticket in tickets])
    weights["activity"] = network.activity
    network.load_state_dict(weights)
    network.forget_the_unreadable()
    return network


def _dense(ticket: TrainedTicket) -> tuple[tuple[UnitGroup, ...], Weights]:
    size = VoiceSize(len(ticket.ticket.mask["input"]), len(ticket.ticket.mask["trunk"]))
    dense = dense_voice(ticket.ticket.seed, size)
    return dense.unit_groups(), dense.state_dict()


def _dense_scores(ticket: TrainedTicket, groups: tuple[UnitGroup, ...]) -> dict[str, Tensor]:
    """Scores of a trained ticket's units at their places in the dense network; 0 for units it has not."""
    network = ticket.ticket.network()
    scores = criterion_named(ticket.ticket.criterion)(network.unit_groups(), ticket.weights)
    placed = {}
    for group in groups:
        places = torch.zeros(group.size)
        places[ticket.ticket.mask[group.name]] = scores[group.name]
        placed[group.name] = places
    return placed


def _trunk_units(scores: list[Tensor], size: MergedSize) -> Tensor:
    """Places in the dense trunk: the core's, then each mode's specialists."""
    total = torch.stack(scores).sum(0)
    core = total.topk(size.core).indices
    free = torch.ones_like(total)
    free[core] = 0
    chosen = [core]
    for score in scores:
        # A mode whose ticket has too few units left takes from the dense network at large.
        specialists = ((score + 1e-6) * free).topk(size.specialists).indices
        free[specialists] = 0
        chosen.append(specialists)
    return torch.cat(chosen)


def _scattered(ticket: TrainedTicket, groups: tuple[UnitGroup, ...], parameter: str) -> Tensor:
    """One of a ticket's parameters at its places in the dense network, zeros elsewhere."""
    return _placed(ticket, groups, parameter, ticket.weights[parameter])


def _placed(ticket: TrainedTicket, groups: tuple[UnitGroup, ...], parameter: str, tensor: Tensor) -> Tensor:
    for group in groups:
        for axis in group.axes:
            if axis.parameter != parameter:
                continue
            places = ticket.ticket.mask[group.name].repeat(axis.blocks).nonzero().squeeze(1)
            shape = list(tensor.shape)
            shape[axis.axis] = axis.blocks * group.size
            tensor = torch.zeros(shape).index_copy(axis.axis, places, tensor)
    return tensor


def _mean_weights(
    tickets: Sequence[TrainedTicket], groups: tuple[UnitGroup, ...], dense: Weights, kept: dict[str, Tensor]
) -> Weights:
    merged = {}
    for name, first in dense.items():
        total, count = torch.zeros_like(first), torch.zeros_like(first)
        for ticket in tickets:
            total += _scattered(ticket, groups, name)
            count += _placed(ticket, groups, name, torch.ones_like(ticket.weights[name]))
        mean = torch.where(count > 0, total / count.clamp(min=1), 0.1 * first)
        for group in groups:
            for axis in group.axes:
                if axis.parameter == name:
                    places = torch.cat([kept[group.name] + block * group.size for block in range(axis.blocks)])
                    mean = mean.index_select(axis.axis, places)
        merged[name] = mean
    return merged
