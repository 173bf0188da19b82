"""The data that a criterion may use: weights at once; gradients, activations and the rest computed on demand."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import torch
from tombola_device.contract.errors import BadConfig
from torch import Tensor, nn

from tombola_host.generators.units import Groups, Weights, check_groups
from tombola_host.lottery.budget import Count, parameters
from tombola_host.training.objective import Objective

BATCHES = 4


@runtime_checkable
class Informed(Protocol):
    """An objective that says what a batch is about, for criteria that measure information.

    A minimal one, whose batches are about their input:

    >>> class Echo:
    ...     def facts(self, batch: Tensor) -> Tensor:
    ...         return batch
    >>> isinstance(Echo(), Informed)
    True
    """

    def facts(self, batch: Any) -> Tensor:  # noqa: ANN401 - what ``draw`` gave
        """What was asked for and what should come out, per frame. Shape (B, F, D)."""


class Evidence:
    """A network before and after its training.

    >>> from torch import nn
    >>> from tombola_host.generators.units import Axis, UnitGroup
    >>> network = nn.Linear(3, 2)
    >>> group = UnitGroup("out", 2, (Axis("weight", 0), Axis("bias", 0)))
    >>> sorted(Evidence(network, (group,), dict(network.state_dict()), seed=0).current)
    ['bias', 'weight']

    Args:
        network: The trained network.
        groups: The unit groups.
        first: The weights before training.
        seed: Seed for criteria that draw random numbers.
        objective: The training's objective; without it there are no gradients and no activations.
        first_step: The step of the first batch to draw; the steps before it were used for training.
        count: What a network costs, for criteria that weigh units by it.

    Raises:
        ShapeError: The groups do not match the network.
    """

    def __init__(
        self,
        network: nn.Module,
        groups: Groups,
        first: Weights,
        *,
        seed: int,
        objective: Objective | None = None,
        first_step: int = 1_000_000,
        count: Count = parameters,
    ) -> None:
        self.network, self.groups, self.first, self.seed = network, groups, first, seed
        self.count = count
        self._objective, self._first_step = objective, first_step
        self.current: Weights = {name: tensor.detach() for name, tensor in network.state_dict().items()}
        check_groups(groups, self.current)

    @cached_property
    def gradients(self) -> Weights:
        """Gradients of the loss, summed over a few batches; parameter → tensor of its shape."""
        each = self.batch_gradients
        return {name: torch.stack([batch[name] for batch in each]).sum(dim=0) for name in each[0]}

    @cached_property
    def batch_gradients(self) -> tuple[Weights, ...]:
        """Gradients of the loss of each batch; parameter → tensor of its shape."""
        return tuple(
            self._by_name(torch.autograd.grad(loss, self._learned(), allow_unused=True)) for loss in self._losses()
        )

    def hessian_product(self, vector: Weights) -> Weights:
        """The Hessian of the loss times a vector. Every part of the network must have a second derivative."""
        first = torch.autograd.grad(self._loss(), self._learned(), create_graph=True, allow_unused=True)
        names = [name for name, _ in self.network.named_parameters()]
        terms = [(_found(grad, vector[name]) * vector[name]).sum() for name, grad in zip(names, first, strict=True)]
        return self._by_name(torch.autograd.grad(torch.stack(terms).sum(), self._learned(), allow_unused=True))

    def activations(self, group: str) -> Tensor:
        """The outputs of a group's units over a few batches. Shape (n, U).

        Raises:
            BadConfig: The group does not name the module that has its outputs.
        """
        return torch.cat([said.reshape(-1, said.shape[-1]) for said in self._heard(group)])

    def informed(self, group: str) -> tuple[Tensor, Tensor]:
        """The outputs of a group's units, and the facts of the frame that each belongs to. Shapes (n, U), (n, D).

        Raises:
            BadConfig: The group names no output, or the objective has no facts.
        """
        objective: object = self._objective
        if not (isinstance(objective, Informed) and self._objective):
            raise BadConfig("this criterion measures information, and this family names no facts; choose magnitude")
        rows, facts = [], []
        for step, said in zip(self._steps(), self._heard(group), strict=True):
            known = objective.facts(self._objective.draw(step))
            each = said.reshape(len(known), -1, said.shape[-1])
            place = torch.arange(each.shape[1]) * known.shape[1] // each.shape[1]
            rows.append(each.reshape(-1, each.shape[-1]))
            facts.append(known[:, place].reshape(-1, known.shape[-1]))
        return torch.cat(rows), torch.cat(facts)

    def loss(self) -> float:
        """The loss of the network as it now is, mean over the batches."""
        with torch.no_grad():
            return float(self._loss()) / BATCHES

    def _heard(self, group: str) -> list[Tensor]:
        """What a group's module says for each batch, units last."""
        chosen = next(entry for entry in self.groups if entry.name == group)
        if not chosen.output:
            raise BadConfig(f"group {group!r} names no output, so it has no activations; choose another criterion")
        heard: list[Tensor] = []

        def listen(_: nn.Module, __: object, output: Tensor | tuple[Tensor, ...]) -> None:
            said = output[0] if isinstance(output, tuple) else output
            heard.append(said.detach().movedim(chosen.output_axis, -1)[..., chosen.output_start :][..., : chosen.size])

        handle = self.network.get_submodule(chosen.output).register_forward_hook(listen)
        try:
            with torch.no_grad():
                self._loss()
        finally:
            handle.remove()
        return heard

    def _learned(self) -> list[nn.Parameter]:
        return list(self.network.parameters())

    def _by_name(self, found: tuple[Tensor | None, ...]) -> Weights:
        named = self.network.named_parameters()
        return {name: _found(grad, parameter) for (name, parameter), grad in zip(named, found, strict=True)}

    def _steps(self) -> range:
        return range(self._first_step, self._first_step + BATCHES)

    def _losses(self) -> Iterator[Tensor]:
        objective = self._objective
        if objective is None:
            raise BadConfig("this criterion needs a training objective, and none was given; choose magnitude")
        for step in self._steps():
            yield torch.stack(list(objective.loss(objective.draw(step), step).values())).sum()

    def _loss(self) -> Tensor:
        return torch.stack(list(self._losses())).sum()


def _found(grad: Tensor | None, like: Tensor) -> Tensor:
    """A gradient; zeros for a parameter on which the loss does not depend."""
    return torch.zeros_like(like) if grad is None else grad.detach() if not grad.requires_grad else grad
