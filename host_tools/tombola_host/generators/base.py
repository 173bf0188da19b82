"""What every network that turns controls into sound provides, and what it may provide beside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from tombola_host.generators.units import UnitGroup


class Size(Protocol):
    """How wide the layers of a network are: a frozen dataclass of integers."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a network makes sound of. V voices, F frames of one period, T samples a period, B noise bands.

    Args:
        controls: Shape (V, F, 7 + M).
        noise: Shape (V, F, B, T); none for networks that take no noise.
    """

    controls: Tensor
    noise: Tensor | None = None

    def part(self, start: int, stop: int) -> Conditions:
        """Some of the frames."""
        noise = None if self.noise is None else self.noise[:, start:stop]
        return Conditions(self.controls[:, start:stop], noise)


class Generator(nn.Module, ABC):
    """Conditions in, sound out.

    A minimal one, a gain for each mode:

        class Gains(Generator):
            def __init__(self, modes):
                super().__init__()
                self.weight = nn.Parameter(torch.ones(modes))
                self.size = GainSize(modes)
            modes = property(lambda self: len(self.weight))
            def unit_groups(self): return ()
            def forward(self, conditions):
                return (conditions.controls[..., 7:] @ self.weight).repeat_interleave(128, dim=1)
    """

    size: Size

    @property
    @abstractmethod
    def modes(self) -> int:
        """M, the length of the blend vector."""

    @abstractmethod
    def unit_groups(self) -> tuple[UnitGroup, ...]:
        """What can be removed together."""

    @abstractmethod
    def forward(self, conditions: Conditions) -> Tensor:
        """The sound of all frames at once. Shape (V, F * T)."""


class Streamable(Protocol):
    """A generator that can also go on where it stopped.

    Streamed in pieces of any length, it gives what ``forward`` gives at once, ``delay_samples`` later: the contract
    test of every family.

    A minimal one, for a network without memory:

        delay_samples = 0
        def rest(self, voices): return ()
        def stream(self, conditions, state): return self(conditions), state
    """

    delay_samples: int

    def rest(self, voices: int) -> Any:  # noqa: ANN401 - only ``stream`` looks inside a state
        """The state of voices that have not sounded yet."""

    def stream(self, conditions: Conditions, state: Any) -> tuple[Tensor, Any]:  # noqa: ANN401
        """Some frames, and the state after them. Shape (V, F * T)."""


def size_facts(size: Size) -> dict[str, int]:
    """For a run: field → value."""
    return {field.name: int(getattr(size, field.name)) for field in fields(size)}


def count_parameters(network: nn.Module) -> int:
    """All learned numbers of a network."""
    return sum(parameter.numel() for parameter in network.parameters())
