"""The two interfaces of the training loop: what is trained, and towards which goal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor, nn

Losses = Mapping[str, Tensor]
"""Name → scalar, already weighted. The loop minimises their sum, added in this order; each has its own curve."""


class Trainee(Protocol):
    """Networks that are trained together.

    A minimal one:

    >>> @dataclass
    ... class One:
    ...     network: nn.Module
    ...
    ...     def parts(self) -> dict[str, nn.Module]:
    ...         return {"network": self.network}
    ...
    ...     def tensors(self) -> dict[str, Tensor]:
    ...         return tensors_of(self)
    ...
    ...     def load(self, tensors: dict[str, Tensor]) -> None:
    ...         load_parts(self, tensors)
    >>> trainee: Trainee = One(nn.Linear(4, 4))
    >>> sorted(trainee.tensors())
    ['network.bias', 'network.weight']
    """

    def parts(self) -> Mapping[str, nn.Module]:
        """The networks by name; the gradients of each are clipped separately."""

    def tensors(self) -> dict[str, Tensor]:
        """All weights and constants, by PART.PARAMETER."""

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Set all tensors; the reverse of ``tensors``."""


class Objective(Protocol):
    """Draws batches and measures how far the trainee is from its goal.

    A minimal one, whose network learns to give its input:

    >>> class Echo:
    ...     def __init__(self, network: nn.Module) -> None:
    ...         self.network = network
    ...
    ...     def draw(self, step: int) -> Tensor:
    ...         return torch.randn(8, 4, generator=torch_stream(0, "echo", step))
    ...
    ...     def loss(self, batch: Tensor, step: int) -> Losses:
    ...         return {"distance": (self.network(batch) - batch).square().mean()}
    >>> objective: Objective = Echo(nn.Identity())
    >>> objective.loss(objective.draw(0), 0)["distance"].item()
    0.0
    """

    def draw(self, step: int) -> Any:  # noqa: ANN401 - only ``loss`` looks inside a batch
        """The batch of a step; equal steps give equal batches."""

    def loss(self, batch: Any, step: int) -> Losses:  # noqa: ANN401 - what ``draw`` gave
        """The losses of a batch."""


def tensors_of(trainee: Trainee) -> dict[str, Tensor]:
    """``Trainee.tensors`` for any trainee, from its parts."""
    return {
        f"{part}.{name}": tensor
        for part, module in trainee.parts().items()
        for name, tensor in module.state_dict().items()
    }


def load_parts(trainee: Trainee, tensors: Mapping[str, Tensor]) -> None:
    """``Trainee.load`` for any trainee, from its parts."""
    for part, module in trainee.parts().items():
        module.load_state_dict(part_of(tensors, part))


def part_of(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """The tensors of one part, without the part's name."""
    return {name[len(part) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(f"{part}.")}
