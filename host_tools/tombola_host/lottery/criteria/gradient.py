"""Keeps the units whose removal would change the loss most, to first order.

Source: Molchanov et al. 2019, "Importance estimation for neural network pruning", applied to whole units.
"""

from __future__ import annotations

import torch

from tombola_host.generators.units import units_first
from tombola_host.lottery.criteria.base import Scores
from tombola_host.lottery.evidence import Evidence


def gradient(evidence: Evidence) -> Scores:
    """|Σ gradient × weight| over a unit's own weights, divided by the group's mean."""
    scores = {}
    for group in evidence.groups:
        moved = torch.zeros(group.size)
        for axis in group.axes:
            if axis.learned and axis.incoming:
                product = evidence.gradients[axis.parameter] * evidence.current[axis.parameter]
                moved += units_first(product, axis, group.size).sum(dim=1)
        scores[group.name] = moved.abs() / moved.abs().mean().clamp(min=1e-12)
    return scores
