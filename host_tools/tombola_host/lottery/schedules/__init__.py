"""Schedules of a lottery. A new schedule is one file here and one line in ``SCHEDULES``."""

from __future__ import annotations

from tombola_device.contract.errors import BadConfig

from tombola_host.lottery.schedules.base import DrawSchedule
from tombola_host.lottery.schedules.iterative import iterative
from tombola_host.lottery.schedules.one_shot import one_shot

SCHEDULES: dict[str, DrawSchedule] = {
    "iterative": iterative,
    "one-shot": one_shot,
}


def schedule_named(name: str) -> DrawSchedule:
    """Look a schedule up.

    Raises:
        BadConfig: No schedule has that name.
    """
    if name not in SCHEDULES:
        raise BadConfig(f"there is no schedule {name!r}; choose one of: {', '.join(SCHEDULES)}")
    return SCHEDULES[name]
