"""Keeps the units that training moved away from zero.

Source: Zhou et al. 2019, "Deconstructing lottery tickets" (magnitude increase); the idea of Sanh et al. 2020,
"Movement pruning", without its sum over all steps.
"""

from __future__ import annotations

from tombola_host.generators.units import learned_by_unit
from tombola_host.lottery.criteria.base import Scores
from tombola_host.lottery.evidence import Evidence


def movement(evidence: Evidence) -> Scores:
    """Norm of a unit's trained weights minus norm of its first weights; negative for those that shrank."""
    return {
        group.name: learned_by_unit(group, evidence.current).norm(dim=1)
        - learned_by_unit(group, evidence.first).norm(dim=1)
        for group in evidence.groups
    }
