"""Keeps the units that a normalisation scales up.

Source: Liu et al. 2017, "Learning efficient convolutional networks through network slimming".
"""

from __future__ import annotations

from tombola_device.contract.errors import BadConfig

from tombola_host.lottery.criteria.base import Scores
from tombola_host.lottery.criteria.magnitude import magnitude
from tombola_host.lottery.evidence import Evidence


def normalisation(evidence: Evidence) -> Scores:
    """|scale| of each unit in its normalisation; the magnitude in groups that have none.

    Raises:
        BadConfig: No group has a normalisation.
    """
    if not any(group.scale for group in evidence.groups):
        raise BadConfig("no units of this family have a normalisation that could score them; choose magnitude")
    scores = magnitude(evidence)
    return {
        group.name: evidence.current[group.scale].abs() if group.scale else scores[group.name]
        for group in evidence.groups
    }
