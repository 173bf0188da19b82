"""The drum that tickets are drawn from: a dense network, and what a schedule may do with it."""

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
    """A network that was trained in a round.

    Args:
        network: As training left it.
        curves: Of its training.
        objective: What it was trained towards, for criteria that ask for gradients.
    """

    network: Generator
    curves: Curves
    objective: Objective | None = None


TrainRound = Callable[[int, Weights], Trained]
"""Trains a network from first weights: (number of the round, weights). Round 0 is the dense network. A round that was
trained before comes back from its run."""


class Drum:
    """A dense network's first weights, and the rounds that were trained from them.

    Args:
        groups: Of the dense network.
        first: Its first weights.
        train: Trains a round.
        criterion: Scores units.
        seed: Of criteria that draw.
        count: What a share is a share of.
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
        """The mask that keeps every unit."""
        return full_mask(self.groups)

    def kept(self, mask: Mask) -> Weights:
        """The rewound weights that a mask leaves."""
        return rewound(self.groups, self.first, places_of(mask))

    def train(self, mask: Mask) -> Trained:
        """Train what a mask leaves, as the next round."""
        trained = self._train(len(self.rounds), self.kept(mask))
        self.rounds.append(Round(count_parameters(trained.network), settled_loss(trained.curves)))
        return trained

    def cut(self, mask: Mask, trained: Trained, share: float) -> Mask:
        """Keep the best units of a trained network, so that a share of the dense network's cost is left."""
        groups = trained.network.unit_groups()
        evidence = Evidence(trained.network, groups, self.kept(mask), seed=self._seed, objective=trained.objective)
        most = int(share * cost_left(self.groups, self.first, self.full, self._count))
        chosen = select(groups, evidence.current, self._criterion(evidence), Budget(most, self._count))
        return {name: _narrowed(mask[name], chosen[name]) for name in mask}


def _narrowed(mask: Tensor, chosen: Tensor) -> Tensor:
    """A mask over a mask's survivors, as a mask over the whole."""
    narrowed = mask.clone()
    narrowed[mask.nonzero().squeeze(1)] = chosen
    return narrowed
