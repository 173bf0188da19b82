"""Makes one network for several modes. A new method is one file here and one line in ``METHODS``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tombola_device.contract.errors import BadConfig

from tombola_host.generators.base import Generator
from tombola_host.generators.family import Family, Mergeable
from tombola_host.merging.core import merge_core_and_specialists
from tombola_host.merging.joint import joint_network
from tombola_host.merging.size import MergedSize
from tombola_host.merging.trained import TrainedTicket


class Method(Protocol):
    """Makes the network that is then trained on all modes together.

    A minimal one, which uses the first ticket for all modes:

    >>> def first_of_all(family: Family, tickets: Sequence[TrainedTicket], size: MergedSize, seed: int) -> Generator:
    ...     return family.of(tickets[0].weights)
    >>> method: Method = first_of_all
    >>> method(VoiceFamily(), [trained_ticket], MergedSize(), seed=0).modes
    1
    """

    def __call__(self, family: Family, tickets: Sequence[TrainedTicket], size: MergedSize, seed: int, /) -> Generator:
        """Make the network, before that training."""


METHODS: dict[str, Method] = {
    "core": merge_core_and_specialists,
    "joint": joint_network,
}
BEST = "joint"
"""What a build uses: tickets took most of its time and gained nothing (docs/notebook/0016-what-build-uses.md)."""


def method_named(name: str) -> Method:
    """Look a merge method up.

    Raises:
        BadConfig: No method has that name.
    """
    if name not in METHODS:
        raise BadConfig(f"there is no merge method {name!r}; choose one of: {', '.join(METHODS)}")
    return METHODS[name]


def needs_tickets(name: str, family: Family) -> bool:
    """Whether a method needs a ticket of each mode; a joint network does where only a ticket tells its size."""
    return name != BEST or not isinstance(family, Mergeable)


def lottery_method(family: Family) -> str:
    """What merges tickets: core and specialists if the family supports it, else a joint network of a ticket's size."""
    return "core" if isinstance(family, Mergeable) else "joint"
