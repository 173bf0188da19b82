"""Proves a declaration of unit groups for any module: masked and trimmed must give the same."""

from __future__ import annotations

from collections.abc import Callable

import torch
from tombola_device.contract.errors import ShapeError
from torch import Tensor, nn

from tombola_host.generators.units import Groups, Weights, check_groups, full_mask, masked, trimmed

TOLERANCE = 1e-5


def prove(network: nn.Module, groups: Groups, of: Callable[[Weights], nn.Module], given: Tensor) -> None:
    """Remove half of each group's units in turn, once by zeros and once really; the network is left as it was.

    Args:
        of: Builds a network whose sizes are those of the weights, and loads them.
        given: An input on which both are compared.

    Raises:
        ShapeError: An axis does not exist, overlaps another, or is missing; the parameter is named.
    """
    weights = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    check_groups(groups, weights)
    training = network.training
    network.eval()
    try:
        for group in groups:
            mask = full_mask(groups)
            mask[group.name] = torch.arange(group.size) % 2 == 0
            network.load_state_dict(masked(groups, weights, mask))
            with torch.no_grad():
                whole, cut = network(given), _built(of, trimmed(groups, weights, mask), group.name).eval()(given)
            apart = float((whole - cut).abs().max() / whole.abs().max().clamp(min=1e-9))
            if apart > TOLERANCE:
                named = ", ".join(sorted({axis.parameter for axis in group.axes}))
                raise ShapeError(
                    f"masked and trimmed differ by {apart:.1e} without half of group {group.name!r}: beside {named}, "
                    "something else depends on its units, such as a bias or a normalisation; declare that, too"
                )
    finally:
        network.load_state_dict(weights)
        network.train(training)


def _built(of: Callable[[Weights], nn.Module], weights: Weights, group: str) -> nn.Module:
    try:
        return of(weights)
    except RuntimeError as error:
        wrong = next((line.strip() for line in str(error).splitlines() if "size mismatch" in line), str(error))
        raise ShapeError(
            f"without half of group {group!r} the network cannot be built ({wrong}); declare that axis, too"
        ) from error
