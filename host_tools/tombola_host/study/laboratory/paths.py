"""Ways between two trained networks: straight after their units are aligned and repaired, and along a trained curve."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from tombola_host.generators.units import Groups, UnitGroup, Weights, learned_by_unit, taken
from tombola_host.lottery.evidence import Evidence
from tombola_host.training.objective import Objective

SWEEPS = 20
SATURATED = 0.999
"""Outputs of tanh are taken back to its input only up to here."""
FAINTEST = 1e-4
"""Units that move less are left as they are."""


def straight(first: Weights, second: Weights, at: float) -> Weights:
    """The network at a share of the way, 0 … 1."""
    return {name: torch.lerp(first[name], second[name], at) for name in first}


def curved(first: Weights, middle: Weights, second: Weights, at: float) -> Weights:
    """The network on the quadratic Bézier curve from first to second that ``middle`` bends."""
    return {
        name: (1 - at) ** 2 * first[name] + 2 * at * (1 - at) * middle[name] + at**2 * second[name] for name in first
    }


def aligned(groups: Groups, first: Weights, second: Weights) -> Weights:
    """The second network with its units in the order that is nearest to the first's; it computes what it did.

    One permutation a group, over every axis of the group: rows, columns and state of a recurrent layer together.

    Source: Ainsworth et al. 2023, "Git Re-Basin", matching of weights.
    """
    orders = {group.name: torch.arange(group.size) for group in groups}
    for _ in range(SWEEPS):
        moved = False
        for group in groups:
            now = taken(groups, second, orders)
            # The group's own order runs over rows and columns at once where it is recurrent: so it is set step by step.
            likeness = learned_by_unit(group, first) @ learned_by_unit(group, now).T
            best = torch.from_numpy(linear_sum_assignment(likeness.numpy(), maximize=True)[1])
            tried = {**orders, group.name: orders[group.name][best]}
            if _distance(first, taken(groups, second, tried)) < _distance(first, now) * (1 - 1e-7):
                orders, moved = tried, True
        if not moved:
            break
    return taken(groups, second, orders)


def repaired(
    network: nn.Module, objective: Objective, groups: Groups, ends: tuple[Weights, Weights], at: float
) -> Weights:
    """The network on the straight way, whose units vary as much as those of the ends do, layer after layer.

    An average of two networks says less than either: its units nearly cancel out. Each unit gets the mean and the
    spread that lie between those of the ends, by its own weights and bias. What is recurrent is repaired by its output
    before tanh.

    Source: Jordan et al. 2023, "REPAIR: REnormalizing Permuted Activations for Interpolation Repair".
    """
    weights = straight(*ends, at)
    for group in groups:
        (mean_a, spread_a), (mean_b, spread_b) = (_varying(network, objective, groups, group, end) for end in ends)
        mean, spread = _varying(network, objective, groups, group, weights)
        wanted = torch.lerp(spread_a, spread_b, at)
        scale = torch.where(spread > FAINTEST, wanted / spread.clamp(min=FAINTEST), torch.ones_like(spread))
        shift = torch.lerp(mean_a, mean_b, at) - scale * mean
        biases = [axis for axis in group.axes if axis.incoming and axis.learned and weights[axis.parameter].dim() == 1]
        for axis in group.axes:
            if axis.incoming and axis.learned:
                shape = [1] * weights[axis.parameter].dim()
                shape[axis.axis] = -1
                weights[axis.parameter] = weights[axis.parameter] * scale.view(shape)
        for axis in biases:
            weights[axis.parameter] = weights[axis.parameter] + shift / len(biases)
    return weights


def bent(
    network: nn.Module, objective: Objective, ends: tuple[Weights, Weights], steps: int, rate: float, seed: int
) -> Weights:
    """Train the middle of a curve between two networks that stay as they are; returns it.

    Each step is at a random place of the curve. The network is only a place to compute in.

    Source: Garipov et al. 2018, "Loss surfaces, mode connectivity, and fast ensembling of DNNs".
    """
    middle = straight(*ends, 0.5)
    learned = [(name, middle[name].requires_grad_()) for name, _ in network.named_parameters()]
    optimiser, rng = torch.optim.Adam([tensor for _, tensor in learned], rate), np.random.default_rng(seed)
    for step in range(steps):
        at = float(rng.random())
        for group in optimiser.param_groups:
            group["lr"] = rate * (1 - step / steps)
        network.load_state_dict(
            {name: tensor.detach() for name, tensor in curved(ends[0], middle, ends[1], at).items()}
        )
        network.zero_grad()
        torch.stack(list(objective.loss(objective.draw(step), step).values())).sum().backward()
        for (_, tensor), parameter in zip(learned, network.parameters(), strict=True):
            tensor.grad = None if parameter.grad is None else 2 * at * (1 - at) * parameter.grad
        optimiser.step()
    return {name: tensor.detach() for name, tensor in middle.items()}


def _distance(first: Weights, second: Weights) -> float:
    return float(sum((first[name].double() - second[name].double()).square().sum() for name in first))


def _varying(
    network: nn.Module, objective: Objective, groups: Groups, group: UnitGroup, weights: Weights
) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of what a group's units add up, over a few batches. Shapes (U,)."""
    network.load_state_dict(weights)
    said = Evidence(network, groups, weights, seed=0, objective=objective).activations(group.name)
    if isinstance(network.get_submodule(group.output), nn.RNN):
        said = torch.atanh(said.clamp(-SATURATED, SATURATED))
    return said.mean(dim=0), said.std(dim=0)
