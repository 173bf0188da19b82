"""The loss of the control domain: the distance between two sets of amplitudes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

FLOOR_DB = -75.0
"""Amplitudes this far below the level of their frame are masked by it and hardly count."""
LINEAR_WEIGHT = 2.0


def control_loss(
    log_amplitude: Tensor, audible: Tensor, target: Tensor, weight: Tensor, emphasis: Tensor | None = None
) -> Tensor:
    """L1 distance of log amplitudes above a floor, plus L1 distance of the amplitudes.

    Args:
        log_amplitude: Predicted; a common factor does not matter. Shape (W, F, H + B).
        audible: Weight of each amplitude at the note's pitch, 0 … 1. Shape (W, F, H + B).
        target: Natural log of the amplitudes relative to the frame's level. Shape (W, F, H + B).
        weight: Shape (W, F).
        emphasis: How much an error of each amplitude counts; all 1 by default. Shape (W, F, H + B).

    Returns:
        A scalar; a loss of 0.115 is about 1 dB.
    """
    predicted = normalized(log_amplitude, audible)
    floor = math.exp(FLOOR_DB / 20 * math.log(10))
    a, b = torch.exp(predicted), torch.exp(target)
    logarithmic = (torch.log(a + floor) - torch.log(b + floor)).abs()
    share = audible * weight.unsqueeze(-1)
    if emphasis is not None:
        share = share * emphasis
    linear = ((a - b).abs() * share).sum(-1).mean()
    return (logarithmic * share).sum() / (share.sum() + 1e-9) + LINEAR_WEIGHT * linear / 10


def normalized(log_amplitude: Tensor, audible: Tensor) -> Tensor:
    """Log amplitudes relative to the level of the audible ones. Both (…, H + B)."""
    power = (torch.exp(log_amplitude) * audible).square().sum(-1, keepdim=True)
    return log_amplitude - 0.5 * torch.log(power + 1e-12)
