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
from tombola_host.generators.voice.network import SCALARS, Voice
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.lottery.criteria import criterion_named
from tombola_host.lottery.ticket import dense_voice
from tombola_host.merging.trained import TrainedTicket

SCALED = ("trunk.", "head.")
"""Parameters whose first weights torch draws from a range of one over the root of the trunk's width."""


@dataclass(frozen=True, slots=True)
class MergedSize:
    """Units of a merged network: its input layer, the core of its trunk, and the specialists of each mode."""

    input: int = 32
    core: int = 48
    specialists: int = 4

    def voice(self, modes: int) -> VoiceSize:
        """The size of the whole network."""
        return VoiceSize(self.input, self.core + modes * self.specialists)

    def activity(self, modes: int) -> Tensor:
        """Core first, then the specialists of each mode. Shape (M, U)."""
        specialists = torch.eye(modes).repeat_interleave(self.specialists, dim=1)
        return torch.cat([torch.ones(modes, self.core), specialists], dim=1)


def merge_core_and_specialists(tickets: Sequence[TrainedTicket], size: MergedSize, seed: int) -> Voice:
    """Choose units by how much the trained tickets make of them, and rewind them.

    The units start from the dense network's first weights, as tickets do, scaled to the merged width. Starting from the
    tickets' trained weights was measured and is worse: what a ticket learned by heart stays (docs/notebook/0001).
    """
    groups, dense = _dense(tickets[0])
    scores = [_dense_scores(ticket, groups) for ticket in tickets]
    inputs = torch.stack([score["input"] for score in scores]).sum(0).topk(size.input).indices
    trunk = _trunk_units([score["trunk"] for score in scores], size)
    weights = _rewound(groups, dense, {"input": inputs, "trunk": trunk})

    modes = len(tickets)
    torch.manual_seed(seed)
    network = Voice(modes, size.voice(modes), size.activity(modes))
    scalars, blend = weights["input.weight"].split([SCALARS, 1], dim=1)
    weights["input.weight"] = torch.cat([scalars, blend.expand(-1, modes)], dim=1)
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


def _rewound(groups: tuple[UnitGroup, ...], dense: Weights, kept: dict[str, Tensor]) -> Weights:
    """The dense network's first weights at the chosen units, in their order.

    What reads the trunk is scaled by the root of how much narrower the trunk has become: its sums then spread as they
    did (the rule by which torch draws first weights).
    """
    trunk = next(group for group in groups if group.name == "trunk")
    wider = (trunk.size / len(kept["trunk"])) ** 0.5
    merged = {}
    for name, first in dense.items():
        weight = first * wider if name.startswith(SCALED) else first
        for group in groups:
            for axis in group.axes:
                if axis.parameter == name:
                    places = torch.cat([kept[group.name] + block * group.size for block in range(axis.blocks)])
                    weight = weight.index_select(axis.axis, places)
        merged[name] = weight
    return merged
