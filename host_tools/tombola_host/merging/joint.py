"""A network of the merged size from random weights, in which every mode uses every unit; no ticket is in it."""

from __future__ import annotations

from collections.abc import Sequence

from tombola_host.generators.base import Generator, Size, size_facts
from tombola_host.generators.family import Family, Mergeable
from tombola_host.merging.size import MergedSize
from tombola_host.merging.trained import TrainedTicket


def joint_network(family: Family, tickets: Sequence[TrainedTicket], size: MergedSize, seed: int) -> Generator:
    """The method ``joint`` where there are tickets: only their number and the size of the first are used.

    If the family's tickets cannot share a core, the size is that of the first ticket.
    """
    modes, ticket = len(tickets), family.of(tickets[0].weights)
    if isinstance(family, Mergeable):
        return network_from_scratch(family, ticket.size, modes, size, seed)
    return family.build(modes, ticket.size, seed)


def network_from_scratch(family: Family, like: Size, modes: int, size: MergedSize, seed: int) -> Generator:
    """The same without tickets, for a family that says what a merged size is.

    Args:
        like: The size of any network for these modes; what is no group of units is taken over.
    """
    assert isinstance(family, Mergeable)
    groups = tuple(group.name for group in family.build(1, like, seed).unit_groups())
    units = {**size_facts(like), **size.units(groups, family.parted, modes)}
    return family.build(modes, family.merged_size(units), seed)
