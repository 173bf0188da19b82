"""How alike two tickets are: in their masks, in what their layers say, and along the straight line between them."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from tombola_host.generators.units import Mask

LINE_POINTS = 11


def overlap(first: Mask, second: Mask) -> float:
    """Units that both masks keep, by the number that chance gives: 1 as chance, more for masks that agree.

    The masks are over one dense network. Chance is that of random masks with the same number of units in each group.
    """
    both = sum(int((first[name] & second[name]).sum()) for name in first)
    chance = sum(int(first[name].sum()) * int(second[name].sum()) / len(first[name]) for name in first)
    return both / chance


def debiased_cka(first: Tensor, second: Tensor) -> float:
    """Linear centred kernel alignment of two layers on the same n examples, without bias: 0 for unrelated layers.

    The biased form is high for random data when there are more units than examples.

    Args:
        first: Shape (n, U).
        second: Shape (n, V); n of at least 4.

    Source: Kornblith et al. 2019, "Similarity of neural network representations revisited", with the unbiased estimator
    of Song et al. 2012, "Feature selection via dependence maximization".
    """
    return _hsic(first, second) / math.sqrt(_hsic(first, first) * _hsic(second, second))


def height(loss: Callable[[float], float]) -> float:
    """The largest rise of a loss, given along a way from 0 to 1, above the straight line between its ends.

    Source: Frankle et al. 2020, "Linear mode connectivity and the lottery ticket hypothesis".
    """
    losses = [loss(at) for at in torch.linspace(0, 1, LINE_POINTS).tolist()]
    line = torch.linspace(losses[0], losses[-1], LINE_POINTS, dtype=torch.double)
    return float((torch.tensor(losses, dtype=torch.double) - line).max())


def _hsic(first: Tensor, second: Tensor) -> float:
    one, other = (rows.double() @ rows.double().T for rows in (first, second))
    count = len(one)
    for kernel in (one, other):
        kernel.fill_diagonal_(0.0)
    mixed = one.sum() * other.sum() / ((count - 1) * (count - 2)) - 2 * (one.sum(0) @ other.sum(0)) / (count - 2)
    return float(((one * other).sum() + mixed) / (count * (count - 3)))
