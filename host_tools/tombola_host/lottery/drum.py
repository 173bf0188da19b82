"""The drum that tickets are drawn from: a dense network, and the operations that a schedule may use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from tombola_host.generators.base import Generator, count_parameters
from tombola_host.generators.units import Groups, Mask, Weights, full_mask, places_of, rewound
from tombola_host.lottery.budget import Budget, Count, cost_left, parameters
from tombola_host.lottery.criteria.base import Criterion
from tombola_host.lottery.evidence import Evidence
from tombola_host.lottery.selection import select
from tombola_host.lottery.ticket import Round, settled_loss
from tombola_host.training.loop import Curves
from tombola_host.training.objective import Objective


@dataclass(frozen=True, slots=True)
class Trained:
    """A network after the training of a round.

    Args:
        network: The network after training.
        curves: The training's loss curves.
        objective: The training's objective, for criteria that need gradients.
    """

    network: Generator
    curves: Curves
    objective: Objective | None = None


TrainRound = Callable[[int, Weights], Trained]
"""Trains a network from first weights: (number of the round, weights). Round 0 is the dense network. A round that was
already trained is loaded from its run."""


class Drum:
    """A dense network's first weights, and the rounds trained from them.

    Args:
        groups: Unit groups of the dense network.
        first: First weights of the dense network.
        train: Trains a round.
        criterion: Scores units.
        seed: Seed for criteria that draw random numbers.
        count: Cost function; shares are shares of the dense network's cost.
    """

    def __init__(
        self,
        groups: Groups,
        first: Weights,
        train: TrainRound,
        criterion: Criterion,
        seed: int,
        count: Count = parameters,
    ) -> None:
        self.groups, self.first = groups, first
        self.rounds: list[Round] = []
        self._train, self._criterion, self._seed, self._count = train, criterion, seed, count

    @property
    def full(self) -> Mask:
        """The mask that keeps all units."""
        return full_mask(self.groups)

    def kept(self, mask: Mask) -> Weights:
        """The rewound weights of the units that a mask keeps."""
        return rewound(self.groups, self.first, places_of(mask))

    def train(self, mask: Mask) -> Trained:
        """Train the network that a mask keeps, as the next round."""
        trained = self._train(len(self.rounds), self.kept(mask))
        self.rounds.append(Round(count_parameters(trained.network), settled_loss(trained.curves)))
        return trained

    def cut(self, mask: Mask, trained: Trained, share: float) -> Mask:
        """Keep a trained network's best units, so that their cost is a share of the dense network's cost."""
        groups = trained.network.unit_groups()
        evidence = Evidence(trained.network, groups, self.kept(mask), seed=self._seed, objective=trained.objective)
        most = int(share * cost_left(self.groups, self.first, self.full, self._count))
        chosen = select(groups, evidence.current, self._criterion(evidence), Budget(most, self._count))
        return {name: _narrowed(mask[name], chosen[name]) for name in mask}


def _narrowed(mask: Tensor, chosen: Tensor) -> Tensor:
    """Convert a mask over the units of ``mask`` to a mask over all units."""
    narrowed = mask.clone()
    narrowed[mask.nonzero().squeeze(1)] = chosen
    return narrowed
