"""Tickets of several modes into one network. A new method is one file here and one line in ``METHODS``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tombola_device.contract.errors import BadConfig

from tombola_host.generators.voice.network import Voice
from tombola_host.merging.core import MergedSize, merge_core_and_specialists
from tombola_host.merging.joint import joint_network
from tombola_host.merging.trained import TrainedTicket

Method = Callable[[Sequence[TrainedTicket], MergedSize, int], Voice]
"""Trained tickets, size and seed to the network that is then trained on all modes together."""

METHODS: dict[str, Method] = {
    "core": merge_core_and_specialists,
    "joint": joint_network,
}


def method_named(name: str) -> Method:
    """Look a merge method up.

    Raises:
        BadConfig: There is none of that name.
    """
    if name not in METHODS:
        raise BadConfig(f"there is no merge method {name!r}; choose one of: {', '.join(METHODS)}")
    return METHODS[name]
