"""What a criterion may look at: weights at hand, and whatever else it asks for, computed when it does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from tombola_device.contract.errors import BadConfig
from torch import Tensor, nn

from tombola_host.generators.units import Groups, Weights, check_groups
from tombola_host.training.objective import Objective

BATCHES = 4


class Evidence:
    """A network, before and after its training.

    >>> from torch import nn
    >>> from tombola_host.generators.units import Axis, UnitGroup
    >>> network = nn.Linear(3, 2)
    >>> group = UnitGroup("out", 2, (Axis("weight", 0), Axis("bias", 0)))
    >>> sorted(Evidence(network, (group,), dict(network.state_dict()), seed=0).current)
    ['bias', 'weight']

    Args:
        network: As it stands, trained.
        groups: What can be removed.
        first: The weights that it started from.
        seed: Of criteria that draw.
        objective: What it was trained towards; without it there are no gradients and no activations.
        trajectory: Weights on the way from first to current, as far as they were kept.
        first_step: The step of the first batch that is drawn: beyond those that were trained on.

    Raises:
        ShapeError: The groups do not fit the network.
    """

    def __init__(
        self,
        network: nn.Module,
        groups: Groups,
        first: Weights,
        *,
        seed: int,
        objective: Objective | None = None,
        trajectory: Sequence[Weights] = (),
        first_step: int = 1_000_000,
    ) -> None:
        self.network, self.groups, self.first, self.seed = network, groups, first, seed
        self.trajectory = trajectory
        self._objective, self._first_step = objective, first_step
        self.current: Weights = {name: tensor.detach() for name, tensor in network.state_dict().items()}
        check_groups(groups, self.current)

    @cached_property
    def gradients(self) -> Weights:
        """Of the loss, summed over a few batches; parameter → tensor of its shape."""
        found = torch.autograd.grad(self._loss(), self._learned(), allow_unused=True)
        return {
            name: _found(grad, parameter)
            for (name, parameter), grad in zip(self.network.named_parameters(), found, strict=True)
        }

    def hessian_product(self, vector: Weights) -> Weights:
        """The Hessian of the loss times a vector. Needs a network whose every part can be derived twice."""
        first = torch.autograd.grad(self._loss(), self._learned(), create_graph=True, allow_unused=True)
        names = [name for name, _ in self.network.named_parameters()]
        terms = [(_found(grad, vector[name]) * vector[name]).sum() for name, grad in zip(names, first, strict=True)]
        second = torch.autograd.grad(torch.stack(terms).sum(), self._learned(), allow_unused=True)
        return {
            name: _found(grad, parameter)
            for (name, parameter), grad in zip(self.network.named_parameters(), second, strict=True)
        }

    def activations(self, group: str) -> Tensor:
        """What the units of a group say over a few batches. Shape (n, U).

        Raises:
            BadConfig: The group does not say where its units can be heard.
        """
        chosen = next(entry for entry in self.groups if entry.name == group)
        if not chosen.output:
            raise BadConfig(
                f"group {group!r} names no output, so its activations cannot be had; choose another criterion"
            )
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
    """A gradient, or zeros for what the loss does not depend on."""
    return torch.zeros_like(like) if grad is None else grad
