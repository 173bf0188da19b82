"""The data that a criterion may use: weights at once; gradients, activations and the rest computed on demand."""

from __future__ import annotations

from functools import cached_property

import torch
from tombola_device.contract.errors import BadConfig
from torch import Tensor, nn

from tombola_host.generators.units import Groups, Weights, check_groups
from tombola_host.training.objective import Objective

BATCHES = 4


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
    ) -> None:
        self.network, self.groups, self.first, self.seed = network, groups, first, seed
        self._objective, self._first_step = objective, first_step
        self.current: Weights = {name: tensor.detach() for name, tensor in network.state_dict().items()}
        check_groups(groups, self.current)

    @cached_property
    def gradients(self) -> Weights:
        """Gradients of the loss, summed over a few batches; parameter → tensor of its shape."""
        found = torch.autograd.grad(self._loss(), self._learned(), allow_unused=True)
        return {
            name: _found(grad, parameter)
            for (name, parameter), grad in zip(self.network.named_parameters(), found, strict=True)
        }

    def hessian_product(self, vector: Weights) -> Weights:
        """The Hessian of the loss times a vector. Every part of the network must have a second derivative."""
        first = torch.autograd.grad(self._loss(), self._learned(), create_graph=True, allow_unused=True)
        names = [name for name, _ in self.network.named_parameters()]
        terms = [(_found(grad, vector[name]) * vector[name]).sum() for name, grad in zip(names, first, strict=True)]
        second = torch.autograd.grad(torch.stack(terms).sum(), self._learned(), allow_unused=True)
        return {
            name: _found(grad, parameter)
            for (name, parameter), grad in zip(self.network.named_parameters(), second, strict=True)
        }

    def activations(self, group: str) -> Tensor:
        """The outputs of a group's units over a few batches. Shape (n, U).

        Raises:
            BadConfig: The group does not name the module that has its outputs.
        """
        chosen = next(entry for entry in self.groups if entry.name == group)
        if not chosen.output:
            raise BadConfig(f"group {group!r} names no output, so it has no activations; choose another criterion")
        heard: list[Tensor] = []

        def listen(_: nn.Module, __: object, output: Tensor | tuple[Tensor, ...]) -> None:
            said = output[0] if isinstance(output, tuple) else output
            said = said.detach().movedim(chosen.output_axis, -1)
            heard.append(said.reshape(-1, said.shape[-1]))

        handle = self.network.get_submodule(chosen.output).register_forward_hook(listen)
        try:
            with torch.no_grad():
                self._loss()
        finally:
            handle.remove()
        return torch.cat(heard)

    def _learned(self) -> list[nn.Parameter]:
        return list(self.network.parameters())

    def _loss(self) -> Tensor:
        objective = self._objective
        if objective is None:
            raise BadConfig("this criterion needs a training objective, and none was given; choose magnitude")
        total: Tensor = torch.zeros(())
        for step in range(self._first_step, self._first_step + BATCHES):
            for value in objective.loss(objective.draw(step), step).values():
                total = total + value
        return total


def _found(grad: Tensor | None, like: Tensor) -> Tensor:
    """A gradient; zeros for a parameter on which the loss does not depend."""
    return torch.zeros_like(like) if grad is None else grad
