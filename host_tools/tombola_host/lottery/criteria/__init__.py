"""Criteria that score units. A new criterion is one file here and one line in ``CRITERIA``."""

from __future__ import annotations

from tombola_device.contract.errors import BadConfig

from tombola_host.lottery.criteria.activation import activation
from tombola_host.lottery.criteria.at_start import grasp, snip
from tombola_host.lottery.criteria.base import Criterion
from tombola_host.lottery.criteria.cost import cost
from tombola_host.lottery.criteria.fisher import fisher
from tombola_host.lottery.criteria.gradient import gradient
from tombola_host.lottery.criteria.gradient_size import large_gradient, small_gradient
from tombola_host.lottery.criteria.information import information, information_edge
from tombola_host.lottery.criteria.magnitude import magnitude
from tombola_host.lottery.criteria.movement import movement
from tombola_host.lottery.criteria.normalisation import normalisation
from tombola_host.lottery.criteria.random import random
from tombola_host.lottery.criteria.synflow import synflow
from tombola_host.lottery.criteria.worst import worst

CRITERIA: dict[str, Criterion] = {
    "magnitude": magnitude,
    "gradient": gradient,
    "large-gradient": large_gradient,
    "small-gradient": small_gradient,
    "fisher": fisher,
    "movement": movement,
    "activation": activation,
    "normalisation": normalisation,
    "information": information,
    "information-edge": information_edge,
    "cost": cost,
    "snip": snip,
    "grasp": grasp,
    "synflow": synflow,
    "random": random,
    "worst": worst,
}


def criterion_named(name: str) -> Criterion:
    """Look a criterion up.

    Raises:
        BadConfig: No criterion has that name.
    """
    if name not in CRITERIA:
        raise BadConfig(f"there is no criterion {name!r}; choose one of: {', '.join(CRITERIA)}")
    return CRITERIA[name]
