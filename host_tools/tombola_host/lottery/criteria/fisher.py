"""Keeps the units whose removal would change the loss most, to second order.

Source: Theis et al. 2018, "Faster gaze prediction with dense networks and Fisher pruning".
"""

from __future__ import annotations

import torch

from tombola_host.generators.units import learned_by_unit
from tombola_host.lottery.criteria.base import Scores
from tombola_host.lottery.evidence import Evidence


def fisher(evidence: Evidence) -> Scores:
    """Σ over batches of (Σ gradient × weight over a unit's own weights)²."""
    scores = {group.name: torch.zeros(group.size) for group in evidence.groups}
    for gradients in evidence.batch_gradients:
        products = {name: gradients[name] * evidence.current[name] for name in gradients}
        for group in evidence.groups:
            scores[group.name] += learned_by_unit(group, products, incoming=True).sum(dim=1).square()
    return scores
