"""Keeps the units with the largest weights.

Source: Han et al. 2015, "Learning both weights and connections"; for whole units as in Li et al. 2017, "Pruning
filters for efficient ConvNets".
"""

from __future__ import annotations

import torch

from tombola_host.generators.units import units_first
from tombola_host.lottery.criteria.base import Scores
from tombola_host.lottery.evidence import Evidence


def magnitude(evidence: Evidence) -> Scores:
    """Norm of a unit's own weights times norm of the weights that read it, divided by the group's mean.

    The product, because a unit does nothing if either its inputs or its readers have small weights. The mean, because
    layers differ in fan-in, and one threshold over all layers must not remove a whole layer.
    """
    scores, weights = {}, evidence.current
    for group in evidence.groups:
        norms = {True: torch.zeros(group.size), False: torch.zeros(group.size)}
        for axis in group.axes:
            if axis.learned:
                norms[axis.incoming] += units_first(weights[axis.parameter], axis, group.size).square().sum(dim=1)
        score = torch.sqrt(norms[True] * norms[False])
        scores[group.name] = score / score.mean().clamp(min=1e-12)
    return scores
