"""Pace and phase of voices over many periods, as the engine keeps them from one to the next."""

from __future__ import annotations

import torch
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ
from tombola_device.engine.motion import LEAST_START
from torch import Tensor


def pace_of(note: Tensor) -> Tensor:
    """Pace of a note: cycles per sample, in double precision."""
    return torch.exp2((note.double() - 69) / 12) * (440.0 / SAMPLE_RATE_HZ)


def turned(pace: Tensor, turns: Tensor, pace_before: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the same as ``tombola_device.engine.motion``, over F periods.

    Args:
        pace: Pace at the end of each period. Shape (V, F), double.
        turns: Phase at the start of the first period. Shape (V, 1), double.
        pace_before: Pace at the start of the first period. Shape (V, 1), double.

    Returns:
        Motion (V, F, 3), turns (V, 1) and pace (V, 1) at the end.
    """
    start = torch.maximum(torch.cat([pace_before, pace[:, :-1]], dim=1), LEAST_START * pace)
    all_turns = torch.cat([turns, turns + (start + pace).cumsum(1) * (PERIOD_SAMPLES / 2)], dim=1)
    all_turns = all_turns - all_turns.round()
    return torch.stack([all_turns[:, :-1], start, pace], dim=-1), all_turns[:, -1:], pace[:, -1:]
