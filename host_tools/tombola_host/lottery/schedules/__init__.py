"""Schedules of a lottery. A new schedule is one file here and one line in ``SCHEDULES``."""

from __future__ import annotations

from tombola_device.contract.errors import BadConfig

from tombola_host.lottery.schedules.at_start import at_start, at_start_in_rounds
from tombola_host.lottery.schedules.base import DrawSchedule
from tombola_host.lottery.schedules.bottleneck import bottleneck
from tombola_host.lottery.schedules.early_bird import early_bird
from tombola_host.lottery.schedules.fixed_step import fixed_step
from tombola_host.lottery.schedules.gradual import gradual
from tombola_host.lottery.schedules.iterative import iterative
from tombola_host.lottery.schedules.one_shot import one_shot
from tombola_host.lottery.schedules.regrowth import regrowth
from tombola_host.lottery.schedules.smart_ratio import smart_ratio

SCHEDULES: dict[str, DrawSchedule] = {
    "iterative": iterative,
    "one-shot": one_shot,
    "gradual": gradual,
    "early-bird": early_bird,
    "bottleneck": bottleneck,
    "fixed-step": fixed_step,
    "regrowth": regrowth,
    "at-start": at_start,
    "at-start-rounds": at_start_in_rounds,
    "smart-ratio": smart_ratio,
}


def schedule_named(name: str) -> DrawSchedule:
    """Look a schedule up.

    Raises:
        BadConfig: No schedule has that name.
    """
    if name not in SCHEDULES:
        raise BadConfig(f"there is no schedule {name!r}; choose one of: {', '.join(SCHEDULES)}")
    return SCHEDULES[name]
