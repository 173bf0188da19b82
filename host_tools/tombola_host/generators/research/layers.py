"""Layers that the published networks share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tombola_host.generators.units import Weights


class KeptNorm(nn.Module):
    """Layer normalisation over the kept units of the last axis: a masked unit changes neither mean nor spread.

    Source: Ba et al. 2016, "Layer normalization".
    """

    kept: Tensor

    def __init__(self, units: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(units))
        self.bias = nn.Parameter(torch.zeros(units))
        self.register_buffer("kept", torch.ones(units))

    def forward(self, rows: Tensor) -> Tensor:
        """(…, U) → (…, U)."""
        count = self.kept.sum()
        mean = (rows * self.kept).sum(dim=-1, keepdim=True) / count
        away = (rows - mean) * self.kept
        spread = torch.sqrt(away.square().sum(dim=-1, keepdim=True) / count + 1e-5)
        return away / spread * self.weight + self.bias


class Layer(nn.Module):
    """Linear, normalisation, leaky rectifier: one layer of an MLP."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, units)
        self.norm = KeptNorm(units)

    def forward(self, rows: Tensor) -> Tensor:
        """(…, inputs) → (…, U)."""
        said: Tensor = nn.functional.leaky_relu(self.norm(self.linear(rows)))
        return said


def width(weights: Weights, name: str, axis: int = 0) -> int:
    """Length of an axis of a parameter."""
    return weights[name].shape[axis]
