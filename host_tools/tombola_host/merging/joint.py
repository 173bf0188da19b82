"""The baseline that every merge must beat: the same size from random weights; every mode uses every unit."""

from __future__ import annotations

from collections.abc import Sequence

from tombola_host.generators.base import Generator, size_facts
from tombola_host.generators.family import Family, Mergeable
from tombola_host.merging.size import MergedSize
from tombola_host.merging.trained import TrainedTicket


def joint_network(family: Family, tickets: Sequence[TrainedTicket], size: MergedSize, seed: int) -> Generator:
    """A network of the merged size with random weights; only the number of tickets is used.

    If the family's tickets cannot share a core, the size is that of the first ticket.
    """
    modes, ticket = len(tickets), family.of(tickets[0].weights)
    if isinstance(family, Mergeable):
        groups = tuple(group.name for group in ticket.unit_groups())
        units = {**size_facts(ticket.size), **size.units(groups, family.parted, modes)}
        return family.build(modes, family.merged_size(units), seed)
    return family.build(modes, ticket.size, seed)
