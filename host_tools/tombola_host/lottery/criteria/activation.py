"""Keeps the units that are most active.

Source: Hu et al. 2016, "Network trimming", with the spread of a unit's output in place of its share of zeros: a unit
that is always on can be folded into a bias.
"""

from __future__ import annotations

from tombola_host.generators.units import learned_by_unit
from tombola_host.lottery.criteria.base import Scores
from tombola_host.lottery.evidence import Evidence


def activation(evidence: Evidence) -> Scores:
    """Standard deviation of a unit's output times the norm of the weights that read it."""
    return {
        group.name: evidence.activations(group.name).std(dim=0)
        * learned_by_unit(group, evidence.current, incoming=False).norm(dim=1)
        for group in evidence.groups
    }
