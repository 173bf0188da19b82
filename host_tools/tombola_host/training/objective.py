"""What is trained, and towards what: the two seams of the training loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor, nn

Losses = Mapping[str, Tensor]
"""Name → scalar, weighted. Their sum, in this order, is what is minimised; each is a curve of its own."""


class Trainee(Protocol):
    """Networks that are trained together.

    A minimal one:

        @dataclass
        class One:
            network: nn.Module

            def parts(self): return {"network": self.network}
            def tensors(self): return tensors_of(self)
            def load(self, tensors): load_parts(self, tensors)
    """

    def parts(self) -> Mapping[str, nn.Module]:
        """The networks by name; the gradients of each are clipped apart."""

    def tensors(self) -> dict[str, Tensor]:
        """All weights and constants, named PART.PARAMETER."""

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """The reverse of ``tensors``."""


class Objective(Protocol):
    """Draws batches and says how far the trainee is from what they ask.

    A minimal one:

        class Echo:
            def draw(self, step): return torch.randn(8, 4, generator=torch_stream(0, "echo", step))
            def loss(self, batch, step): return {"distance": (network(batch) - batch).square().mean()}
    """

    def draw(self, step: int) -> Any:  # noqa: ANN401 - only ``loss`` looks inside a batch
        """The batch of a step; the same again for the same step."""

    def loss(self, batch: Any, step: int) -> Losses:  # noqa: ANN401 - what ``draw`` gave
        """The losses of a batch."""


def tensors_of(trainee: Trainee) -> dict[str, Tensor]:
    """``Trainee.tensors`` for any parts."""
    return {
        f"{part}.{name}": tensor
        for part, module in trainee.parts().items()
        for name, tensor in module.state_dict().items()
    }


def load_parts(trainee: Trainee, tensors: Mapping[str, Tensor]) -> None:
    """``Trainee.load`` for any parts."""
    for part, module in trainee.parts().items():
        module.load_state_dict(part_of(tensors, part))


def part_of(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """The tensors of one part under their own names."""
    return {name[len(part) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(f"{part}.")}
