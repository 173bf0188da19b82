"""One training on several processes, devices or hosts: each draws batches of its own, and gradients are averaged.

All processes begin with equal weights, because these depend on the seed alone, and take equal steps, so their weights
stay equal: P processes train as one would on batches P times as large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from tombola_device.contract.errors import BadConfig
from torch import nn

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Spread(Protocol):
    """The processes of a training, seen from one of them.

    A minimal one:

    >>> class Single:
    ...     rank, processes = 0, 1
    ...
    ...     def average(self, parameters: Iterable[nn.Parameter]) -> None:
    ...         pass
    >>> single: Spread = Single()
    >>> (single.rank, single.processes)
    (0, 1)
    """

    @property
    def rank(self) -> int:
        """Number of this process."""

    @property
    def processes(self) -> int:
        """Number of processes."""

    def average(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace gradients by their mean over all processes."""


@dataclass(frozen=True, slots=True)
class Alone:
    """A training in this process only."""

    rank: int = 0
    processes: int = 1

    def average(self, parameters: Iterable[nn.Parameter]) -> None:
        """See Spread: there is nothing to average."""


class OverFabric:
    """The processes that lightning-fabric started."""

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self.rank, self.processes = int(fabric.global_rank), int(fabric.world_size)

    def average(self, parameters: Iterable[nn.Parameter]) -> None:
        """See Spread: one message with all gradients."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if not gradients:
            return
        mean = self._fabric.all_reduce(torch.cat([each.flatten() for each in gradients]), reduce_op="mean")
        assert isinstance(mean, torch.Tensor)
        for gradient, part in zip(gradients, mean.split([each.numel() for each in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))


def spread(processes: int, function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
    """Call ``function(spread, *arguments)`` in several new processes of this computer.

    The result is that of the first process: plain data, as tensors end with their process.

    On several hosts, make a ``Fabric`` with ``num_nodes`` and launch it yourself.

    Raises:
        BadConfig: lightning-fabric is not installed.
    """
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise BadConfig(
            "a training on several processes needs lightning-fabric; run `pip install tombola-host[cluster]`"
        ) from error
    fabric = Fabric(accelerator="cpu", devices=processes, strategy="ddp_spawn")
    return fabric.launch(_called, function, *arguments)


def _called(fabric: Fabric, function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
    return function(OverFabric(fabric), *arguments)
