"""A ticket: which units of a dense network are left, and the weights that they start from."""

from __future__ import annotations

from dataclasses import dataclass

from tombola_host.generators.base import Generator, count_parameters
from tombola_host.generators.family import Family
from tombola_host.generators.units import Mask, Weights
from tombola_host.training.loop import Curves


@dataclass(frozen=True, slots=True)
class Round:
    """One round of the lottery, for the density curve.

    Args:
        parameters: Of the network that was trained in this round.
        loss: What it settled at: the mean over the last tenth of its first phase that had steps.
    """

    parameters: int
    loss: float


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a ticket comes from; tickets are merged only where all but the run is the same.

    Args:
        family: The family's name.
        size: Of the dense network: field → value.
        seed: Of the dense network's first weights.
        criterion: How units were scored.
        schedule: How the lottery went.
        run: The run of the dense network.
    """

    family: str
    size: tuple[tuple[str, int], ...]
    seed: int
    criterion: str
    schedule: str
    run: str = ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A mask over the dense network and the rewound weights that it leaves.

    Args:
        mode: The mode's name.
        mask: Over the dense network's units.
        weights: Of the trimmed network as the lottery began, scaled to its width (``units.rewound``).
        rounds: One entry per round, the dense network first.
        dense_parameters: Of the network that the ticket was found in.
        origin: Where it comes from.
    """

    mode: str
    mask: Mask
    weights: Weights
    rounds: tuple[Round, ...]
    dense_parameters: int
    origin: Origin

    def network(self, family: Family) -> Generator:
        """The trimmed network with the ticket's rewound weights."""
        return family.of(self.weights)

    def parameters(self, family: Family) -> int:
        """Learned parameters of the trimmed network."""
        return count_parameters(self.network(family))


def settled_loss(curves: Curves) -> float:
    """Mean loss over the last tenth of the first phase that had steps."""
    curve = next(curve for curve in curves.values() if curve)
    last = curve[-max(len(curve) // 10, 1) :]
    return sum(last) / len(last)
