"""Keeps the units that are worth their cost: error that a removal adds, for each unit of cost that it saves.

A unit of a layer that is called often, or that many others read, costs more than one at the edge of the network.
"""

from __future__ import annotations

from tombola_host.generators.units import full_mask, shapes_left
from tombola_host.lottery.criteria.base import Scores
from tombola_host.lottery.criteria.gradient import gradient
from tombola_host.lottery.evidence import Evidence


def cost(evidence: Evidence) -> Scores:
    """First-order change of the loss, divided by what the evidence's count says that the unit costs."""
    groups, weights, count = evidence.groups, evidence.current, evidence.count
    full = full_mask(groups)
    whole = count(shapes_left(groups, weights, full))
    scores = {}
    for name, values in gradient(evidence).items():
        less = {**full, name: full[name].clone()}
        less[name][0] = False
        scores[name] = values / max(whole - count(shapes_left(groups, weights, less)), 1e-12)
    return scores
