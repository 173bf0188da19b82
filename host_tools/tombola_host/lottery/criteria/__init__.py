"""Criteria that score units. A new criterion is one file here and one line in ``CRITERIA``."""

from __future__ import annotations

from tombola_device.contract.errors import BadConfig

from tombola_host.lottery.criteria.base import Criterion
from tombola_host.lottery.criteria.gradient import gradient
from tombola_host.lottery.criteria.magnitude import magnitude
from tombola_host.lottery.criteria.random import random

CRITERIA: dict[str, Criterion] = {
    "magnitude": magnitude,
    "gradient": gradient,
    "random": random,
}


def criterion_named(name: str) -> Criterion:
    """Look a criterion up.

    Raises:
        BadConfig: No criterion has that name.
    """
    if name not in CRITERIA:
        raise BadConfig(f"there is no criterion {name!r}; choose one of: {', '.join(CRITERIA)}")
    return CRITERIA[name]
