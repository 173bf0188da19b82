"""Keeps the units with the largest weights.

Source: Han et al. 2015, "Learning both weights and connections"; for whole units as in Li et al. 2017, "Pruning
filters for efficient ConvNets".
"""

from __future__ import annotations

from tombola_host.generators.units import learned_by_unit
from tombola_host.lottery.criteria.base import Scores
from tombola_host.lottery.evidence import Evidence


def magnitude(evidence: Evidence) -> Scores:
    """Norm of a unit's own weights times norm of the weights that read it.

    The product, because a unit does nothing if either its inputs or its readers have small weights.
    """
    weights = evidence.current
    return {
        group.name: learned_by_unit(group, weights, incoming=True).norm(dim=1)
        * learned_by_unit(group, weights, incoming=False).norm(dim=1)
        for group in evidence.groups
    }
