"""Keeps the units whose removal would change the loss most, to first order.

Source: Molchanov et al. 2019, "Importance estimation for neural network pruning", applied to whole units.
"""

from __future__ import annotations

from tombola_host.generators.units import learned_by_unit
from tombola_host.lottery.criteria.base import Scores
from tombola_host.lottery.evidence import Evidence


def gradient(evidence: Evidence) -> Scores:
    """|Σ gradient × weight| over a unit's own weights."""
    products = {name: evidence.gradients[name] * evidence.current[name] for name in evidence.gradients}
    return {group.name: learned_by_unit(group, products, incoming=True).sum(dim=1).abs() for group in evidence.groups}
