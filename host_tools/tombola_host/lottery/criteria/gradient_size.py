"""Keeps the units with large gradients, or those with small ones.

A large gradient says that a unit still learns; a small one, that it has settled.

Source: Esling et al. 2020, "Diet deep generative audio models with structured lottery", whose experiments keep small
gradients.
"""

from __future__ import annotations

from tombola_host.generators.units import learned_by_unit
from tombola_host.lottery.criteria.base import Scores
from tombola_host.lottery.evidence import Evidence


def large_gradient(evidence: Evidence) -> Scores:
    """Mean |gradient| over a unit's own weights."""
    return {
        group.name: learned_by_unit(group, evidence.gradients, incoming=True).abs().mean(dim=1)
        for group in evidence.groups
    }


def small_gradient(evidence: Evidence) -> Scores:
    """One over the same, so that units with small gradients are kept."""
    return {name: 1 / (values + 1e-7) for name, values in large_gradient(evidence).items()}
