"""Core and specialists: units important to all tickets become the core, units important to one its specialists.

All tickets of a build are drawn from one dense network, so a unit is identified by its index in it: if two tickets kept
the same index, they kept the same unit.

Source: the overlap as in Sun et al. 2020, "Learning sparse sharing architectures for multiple tasks"; core and
specialist tickets as in DiLT 2025.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tombola_device.contract.errors import BadConfig
from torch import Tensor

from tombola_host.generators.base import Generator
from tombola_host.generators.family import Family, Mergeable
from tombola_host.generators.units import Groups, rewound
from tombola_host.lottery.criteria import criterion_named
from tombola_host.lottery.evidence import Evidence
from tombola_host.lottery.scaling import scaled
from tombola_host.merging.size import MergedSize
from tombola_host.merging.trained import TrainedTicket, check_same_origin


def merge_core_and_specialists(
    family: Family, tickets: Sequence[TrainedTicket], size: MergedSize, seed: int
) -> Generator:
    """Choose units by their scores in the trained tickets, and rewind them.

    The units start from the dense network's first weights, as tickets do, scaled to the merged width. A start from the
    tickets' trained weights was measured and is worse: it keeps what a ticket has overfitted (docs/notebook/0001).

    Raises:
        BadConfig: The family's tickets cannot share a core, the tickets have different origins, or the dense network
            has fewer units than core and specialists need.
    """
    del seed  # No random numbers are needed: the first weights are the tickets'.
    if not isinstance(family, Mergeable):
        raise BadConfig(f"networks of the family {family.name!r} cannot share a core; choose the method joint")
    check_same_origin(tickets)
    origin = tickets[0].ticket.origin
    dense = family.build(1, family.size(dict(origin.size)), origin.seed)
    groups = dense.unit_groups()
    scores = [_dense_scores(family, ticket, groups) for ticket in tickets]
    places = {}
    for group in groups:
        own = [score[group.name] for score in scores]
        if group.name == family.parted:
            places[group.name] = _parted_units(own, size, group.name)
        else:
            places[group.name] = torch.stack(own).sum(0).topk(min(size.shared, group.size)).indices
    weights = rewound(groups, dense.state_dict(), places)
    return family.joined(weights, size.activity(len(tickets)), [ticket.weights for ticket in tickets])


def _dense_scores(family: Family, ticket: TrainedTicket, groups: Groups) -> dict[str, Tensor]:
    """Scores of a trained ticket's units at their indices in the dense network; 0 for units that the ticket lacks."""
    network, origin = family.of(ticket.weights), ticket.ticket.origin
    evidence = Evidence(network, network.unit_groups(), ticket.ticket.weights, seed=origin.seed)
    # There is no objective here for a criterion that needs gradients, so the magnitude of trained weights is used.
    scores = scaled(evidence.groups, evidence.current, criterion_named("magnitude")(evidence))
    placed = {}
    for group in groups:
        units = torch.zeros(group.size)
        units[ticket.ticket.mask[group.name]] = scores[group.name]
        placed[group.name] = units
    return placed


def _parted_units(scores: list[Tensor], size: MergedSize, group: str) -> Tensor:
    """Indices in the dense group: the core's, then each mode's specialists; no index occurs twice."""
    total = torch.stack(scores).sum(0)
    wanted = size.core + len(scores) * size.specialists
    if wanted > len(total):
        raise BadConfig(
            f"core and specialists of {len(scores)} modes need {wanted} units, but the dense network's group {group!r} "
            f"has {len(total)}; choose a smaller merged network or a larger dense one"
        )
    core = total.topk(size.core).indices
    free = torch.ones_like(total)
    free[core] = 0
    chosen = [core]
    for score in scores:
        # If a mode's ticket has too few units left, the rest is taken from the whole dense network.
        specialists = ((score + 1e-6) * free).topk(size.specialists).indices
        free[specialists] = 0
        chosen.append(specialists)
    return torch.cat(chosen)
