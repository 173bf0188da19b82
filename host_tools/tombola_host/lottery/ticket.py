"""A ticket: the kept units of a dense network, and their first weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from torch import nn

from tombola_host.generators.base import count_parameters
from tombola_host.generators.units import Mask, Weights
from tombola_host.training.loop import Curves

N_co = TypeVar("N_co", bound=nn.Module, covariant=True)
N = TypeVar("N", bound=nn.Module)


class Of(Protocol[N_co]):
    """A family, as far as it makes a network from weights.

    >>> family: Of[Voice] = VoiceFamily()
    >>> family.of(network.state_dict()).modes
    2
    """

    def of(self, weights: Weights) -> N_co:
        """A network with these weights."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round of the lottery, for the density curve.

    Args:
        parameters: Number of parameters of the network trained in this round.
        loss: The loss that it reached: mean over the last tenth of its first phase with steps.
    """

    parameters: int
    loss: float


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a ticket; tickets can be merged only if everything but the run is equal.

    Args:
        family: The family's name.
        size: Size of the dense network: field → value.
        seed: Seed of the dense network's first weights.
        criterion: The criterion that scored units.
        schedule: The lottery's schedule.
        ways: Scope, scaling and reset, in words.
        run: The run of the dense network.
    """

    family: str
    size: tuple[tuple[str, int], ...]
    seed: int
    criterion: str
    schedule: str
    ways: str = ""
    run: str = ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A mask over the dense network, and the rewound weights of the kept units.

    Args:
        mode: The mode's name.
        mask: Mask over the dense network's units.
        weights: First weights of the trimmed network, scaled to its width (``units.rewound``).
        rounds: One entry per round, the dense network first.
        dense_parameters: Number of parameters of the dense network.
        origin: Where the ticket comes from.
    """

    mode: str
    mask: Mask
    weights: Weights
    rounds: tuple[Round, ...]
    dense_parameters: int
    origin: Origin

    def network(self, family: Of[N]) -> N:
        """The trimmed network with the ticket's rewound weights."""
        return family.of(self.weights)

    def parameters(self, family: Of[nn.Module]) -> int:
        """Learned parameters of the trimmed network."""
        return count_parameters(self.network(family))


def settled_loss(curves: Curves) -> float:
    """Mean loss over the last tenth of the first phase that had steps."""
    curve = next(curve for curve in curves.values() if curve)
    last = curve[-max(len(curve) // 10, 1) :]
    return sum(last) / len(last)
