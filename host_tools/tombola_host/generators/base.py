"""The interface of every network that turns controls into sound, and optional extensions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from tombola_host.generators.units import UnitGroup


class Size(Protocol):
    """Widths of a network's layers: a frozen dataclass of integers.

    >>> @dataclass(frozen=True)
    ... class Width:
    ...     hidden: int
    >>> size_facts(Width(8))
    {'hidden': 8}
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Conditions:
    """The input of a network. V voices, F frames of one period, T samples a period, B noise bands.

    Args:
        controls: Shape (V, F, 7 + M).
        noise: Shape (V, F, B, T); None for networks without a noise input.
        shade: Shape (V, F, M * K + S) or (V, F, M * K), as in ``tombola_device.contract.graph``; None: zeros.
    """

    controls: Tensor
    noise: Tensor | None = None
    shade: Tensor | None = None

    def part(self, start: int, stop: int) -> Conditions:
        """Frames ``start`` to ``stop``."""
        noise = None if self.noise is None else self.noise[:, start:stop]
        shade = None if self.shade is None else self.shade[:, start:stop]
        return Conditions(self.controls[:, start:stop], noise, shade)


class Prunable(nn.Module, ABC):
    """A network whose units can be removed: all that training and the lottery know of it."""

    size: Size

    @abstractmethod
    def unit_groups(self) -> tuple[UnitGroup, ...]:
        """Groups of units; the weights of a unit are removed together."""


class Generator(Prunable):
    """A network that turns conditions into sound.

    A minimal one, a gain for each mode:

    >>> class Gains(Generator):
    ...     def __init__(self, modes: int) -> None:
    ...         super().__init__()
    ...         self.weight = nn.Parameter(torch.ones(modes))
    ...
    ...     @property
    ...     def modes(self) -> int:
    ...         return len(self.weight)
    ...
    ...     def unit_groups(self) -> tuple[UnitGroup, ...]:
    ...         return ()
    ...
    ...     def forward(self, conditions: Conditions) -> Tensor:
    ...         return (conditions.controls[..., 7:] @ self.weight).repeat_interleave(128, dim=1)
    >>> Gains(modes=2)(Conditions(torch.ones(1, 3, 9))).shape
    torch.Size([1, 384])
    """

    @property
    @abstractmethod
    def modes(self) -> int:
        """M, the length of the blend vector."""

    @abstractmethod
    def forward(self, conditions: Conditions) -> Tensor:
        """The sound of all frames at once. Shape (V, F * T)."""


class Streamable(Protocol):
    """A generator that can also render piece by piece.

    Pieces of any length, one after another, give the same sound as one call of ``forward``, ``delay_samples`` later.
    The contract test of every family checks this.

    A minimal one, for a network without memory:

    >>> class Ones:
    ...     delay_samples = 0
    ...
    ...     def rest(self, voices: int) -> tuple[()]:
    ...         return ()
    ...
    ...     def stream(self, conditions: Conditions, state: tuple[()]) -> tuple[Tensor, tuple[()]]:
    ...         voices, frames, _ = conditions.controls.shape
    ...         return torch.ones(voices, 128 * frames), state
    >>> generator: Streamable = Ones()
    >>> sound, state = generator.stream(Conditions(torch.zeros(2, 3, 8)), generator.rest(2))
    >>> sound.shape
    torch.Size([2, 384])
    """

    delay_samples: int

    def rest(self, voices: int) -> Any:  # noqa: ANN401 - only ``stream`` looks inside a state
        """The state of voices before their first sound."""

    def stream(self, conditions: Conditions, state: Any) -> tuple[Tensor, Any]:  # noqa: ANN401
        """Render some frames; return their sound, shape (V, F * T), and the next state."""


def size_facts(size: Size) -> dict[str, int]:
    """A size as facts for a run: field → value."""
    # A width of none says nothing, and runs from before there was such a width keep their names.
    facts = {field.name: int(getattr(size, field.name)) for field in fields(size)}
    return {name: width for name, width in facts.items() if width}


def count_parameters(network: nn.Module) -> int:
    """Number of learned values in a network."""
    return sum(parameter.numel() for parameter in network.parameters())
