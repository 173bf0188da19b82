"""Scores that need no training: sensitivity, gradient flow. They may be asked of a trained network, too."""

from __future__ import annotations

from tombola_host.generators.units import learned_by_unit
from tombola_host.lottery.criteria.base import Scores
from tombola_host.lottery.evidence import Evidence


def snip(evidence: Evidence) -> Scores:
    """Σ |gradient × weight| over a unit's own weights; ``gradient`` has |Σ gradient × weight|.

    Source: Lee et al. 2019, "SNIP: Single-shot network pruning based on connection sensitivity".
    """
    products = {name: (evidence.gradients[name] * evidence.current[name]).abs() for name in evidence.gradients}
    return {group.name: learned_by_unit(group, products, incoming=True).sum(dim=1) for group in evidence.groups}


def grasp(evidence: Evidence) -> Scores:
    """Σ weight × Hessian × gradient: units whose removal keeps the gradient's flow are removed.

    Source: Wang et al. 2020, "Picking winning tickets before training by preserving gradient flow"; their S is the
    negative of this, and the largest S are removed.
    """
    curved = evidence.hessian_product(evidence.gradients)
    products = {name: curved[name] * evidence.current[name] for name in curved}
    return {group.name: learned_by_unit(group, products, incoming=True).sum(dim=1) for group in evidence.groups}
