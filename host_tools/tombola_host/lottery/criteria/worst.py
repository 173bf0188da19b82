"""Keeps the units that magnitude would remove: the control that shows whether a criterion matters at all."""

from __future__ import annotations

from tombola_host.lottery.criteria.base import Scores
from tombola_host.lottery.criteria.magnitude import magnitude
from tombola_host.lottery.evidence import Evidence


def worst(evidence: Evidence) -> Scores:
    """One over the magnitude: positive, so that every scaling keeps the order."""
    return {name: 1 / (values + 1e-9) for name, values in magnitude(evidence).items()}
