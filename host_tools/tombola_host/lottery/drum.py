"""The drum that tickets are drawn from: a dense network, and the operations that a schedule may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from tombola_host.generators.base import Prunable, count_parameters
from tombola_host.generators.units import Groups, Mask, Weights, full_mask
from tombola_host.lottery.budget import Budget, Count, cost_left, parameters
from tombola_host.lottery.criteria import criterion_named
from tombola_host.lottery.criteria.base import Criterion
from tombola_host.lottery.evidence import Evidence
from tombola_host.lottery.resets import Past, reset_named
from tombola_host.lottery.scaling import scaling_named
from tombola_host.lottery.selection import scope_named, select
from tombola_host.lottery.ticket import Round, settled_loss
from tombola_host.training.loop import Curves
from tombola_host.training.objective import Objective


@dataclass(frozen=True, slots=True)
class Trained:
    """A network after the training of a round.

    Args:
        network: The network after training.
        first: Its weights before.
        curves: The training's loss curves; without any before a training.
        objective: The training's objective, for criteria that need gradients.
    """

    network: Prunable
    first: Weights
    curves: Curves
    objective: Objective | None = None


class Watch(Protocol):
    """Sees a dense network while it trains; it may change its weights, and may stop the training.

    >>> def half(done: int, total: int, trained: Trained) -> bool:
    ...     return 2 * done >= total
    >>> watch: Watch = half
    >>> watch(3, 6, Trained(network, {}, {}))
    True
    """

    def __call__(self, done: int, total: int, trained: Trained, /) -> bool:
        """Called after each step; True ends the training."""


class Trainer(Protocol):
    """Trains the networks of one lottery.

    >>> class Untrained:
    ...     def round(self, number: int, weights: Weights) -> Trained:
    ...         return Trained(Voice.of(weights), weights, {"controls": [1.0]})
    ...
    ...     def watched(self, weights: Weights, watch: Watch | None) -> Trained:
    ...         return Trained(Voice.of(weights), weights, {})
    ...
    ...     def fresh(self) -> Weights:
    ...         return dict(network.state_dict())
    ...
    ...     def early(self, steps: int) -> Weights:
    ...         return dict(network.state_dict())
    >>> trainer: Trainer = Untrained()
    """

    def round(self, number: int, weights: Weights) -> Trained:
        """Train to the end. Round 0 is the dense network; what was trained before is loaded."""

    def watched(self, weights: Weights, watch: Watch | None) -> Trained:
        """Train a network until the watch ends it; without one, do not train at all."""

    def fresh(self) -> Weights:
        """First weights of another dense network."""

    def early(self, steps: int) -> Weights:
        """The dense network's weights after some steps of its training."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How a drum scores, cuts and starts again.

    Args:
        criterion: A name in ``CRITERIA``.
        scope: A name in ``SCOPES``.
        scaling: A name in ``SCALINGS``.
        reset: A name in ``RESETS``, or ``rewind-STEPS``.
    """

    criterion: str = "magnitude"
    scope: str = "global"
    scaling: str = "mean"
    reset: str = "rewind"

    def check(self) -> None:
        """Check all names before hours are spent.

        Raises:
            BadConfig: A name is unknown.
        """
        criterion_named(self.criterion)
        scope_named(self.scope)
        scaling_named(self.scaling)
        reset_named(self.reset)


class Drum:
    """A dense network's first weights, and the rounds trained from them.

    Args:
        groups: Unit groups of the dense network.
        first: First weights of the dense network.
        trainer: Trains.
        ways: How units are scored and cut, and from which weights they start again.
        seed: Seed for whatever is drawn by lot.
        count: Cost function; shares are shares of the dense network's cost.
    """

    def __init__(
        self,
        groups: Groups,
        first: Weights,
        trainer: Trainer,
        ways: Ways,
        seed: int,
        count: Count = parameters,
    ) -> None:
        self.groups, self.first, self.seed = groups, first, seed
        self.rounds: list[Round] = []
        self.trainings = 0.0
        """What was trained so far, in trainings of the dense network: steps, weighed by the network's cost."""
        self._trainer, self._ways, self._count = trainer, ways, count
        self._criterion: Criterion = criterion_named(ways.criterion)
        self._last: tuple[Mask, Groups, Weights] | None = None

    @property
    def full(self) -> Mask:
        """The mask that keeps all units."""
        return full_mask(self.groups)

    def kept(self, mask: Mask) -> Weights:
        """The weights from which the units that a mask keeps start again."""
        trainer = self._trainer
        past = Past(self.groups, self.first, trainer.fresh, trainer.early, self._last, self.seed)
        return reset_named(self._ways.reset)(past, mask)

    def train(self, mask: Mask) -> Trained:
        """Train the network that a mask keeps, as the next round."""
        trained = self._trainer.round(len(self.rounds), self.kept(mask) if self.rounds else self.first)
        self.rounds.append(Round(count_parameters(trained.network), settled_loss(trained.curves)))
        self.trainings += self.share(mask)
        self._last = mask, trained.network.unit_groups(), dict(trained.network.state_dict())
        return trained

    def watched(self, watch: Watch) -> Trained:
        """Train the dense network under a watch, which may change it and stop it."""
        steps = [0, 1]

        def counted(done: int, total: int, trained: Trained) -> bool:
            steps[:] = done, total
            return watch(done, total, trained)

        trained = self._trainer.watched(self.first, counted)
        self.trainings += steps[0] / steps[1]
        if trained.curves:
            self.rounds.append(Round(count_parameters(trained.network), settled_loss(trained.curves)))
        self._last = self.full, self.groups, {name: each.clone() for name, each in trained.network.state_dict().items()}
        return trained

    def untrained(self, mask: Mask) -> Trained:
        """The network that a mask keeps, before any training."""
        return self._trainer.watched(self.kept(mask), None)

    def share(self, mask: Mask) -> float:
        """The cost of what a mask keeps, as a share of the dense network's."""
        return cost_left(self.groups, self.first, mask, self._count) / self._whole

    def within(self, share: float) -> Budget:
        """A share of the dense network's cost, as a budget."""
        return Budget(int(share * self._whole), self._count)

    def cut(self, mask: Mask, trained: Trained, share: float) -> Mask:
        """Keep a trained network's best units, so that their cost is a share of the dense network's cost."""
        chosen = self._chosen(trained, share)
        return {name: _narrowed(mask[name], chosen[name]) for name in mask}

    def narrow(self, mask: Mask, trained: Trained, share: float) -> Mask:
        """The same for a network that still has all units; those that the mask removed are not chosen again."""
        return self._chosen(trained, share, mask)

    def _chosen(self, trained: Trained, share: float, among: Mask | None = None) -> Mask:
        groups, ways = trained.network.unit_groups(), self._ways
        evidence = Evidence(
            trained.network, groups, trained.first, seed=self.seed, objective=trained.objective, count=self._count
        )
        scores = self._criterion(evidence)
        if among is not None:
            lowest = {name: values.min() - values.abs().max() for name, values in scores.items()}
            scores = {name: torch.where(among[name], values, lowest[name]) for name, values in scores.items()}
        scaling = scaling_named(ways.scaling)
        return select(groups, evidence.current, scores, self.within(share), ways.scope, scaling)

    @property
    def _whole(self) -> float:
        return cost_left(self.groups, self.first, self.full, self._count)


def _narrowed(mask: Tensor, chosen: Tensor) -> Tensor:
    """Convert a mask over the units of ``mask`` to a mask over all units."""
    narrowed = mask.clone()
    narrowed[mask.nonzero().squeeze(1)] = chosen
    return narrowed
