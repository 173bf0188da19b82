"""Packs the strikes of a mode: how each recording begins, and how it goes on."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from tombola_device.contract.life import ATTACK_AT, ATTACK_CENTS, ATTACK_DB, ATTACK_UNIT, Attacks
from tombola_device.engine.life import GROWTH_FRAMES

from tombola_host.generators.voice.recorded import STRIKE_FRAMES, Recorded
from tombola_host.generators.voice.shades import Array

POINTS = list(ATTACK_AT)
MOST_STEPS = 127


def fit_attacks(found: Sequence[Recorded], courses: Sequence[Array], steps: bytes, grown: int) -> Attacks:
    """The attacks of a mode's recordings, less what the growing course already moves.

    Args:
        found: The recordings, rising.
        courses: Of each, from ``course_of``. Shape (COURSE_FRAMES, 2 + S) each.
        steps: The same as signed bytes.
        grown: The periods in which a course grows to its full size.
    """
    steps_done = np.arange(1, STRIKE_FRAMES + 1) // GROWTH_FRAMES * GROWTH_FRAMES
    growth = np.minimum(steps_done / grown, 1.0)[:, None]
    takes = []
    for one, course in zip(found, courses, strict=True):
        strike = one.course[:STRIKE_FRAMES] - growth * course[:STRIKE_FRAMES]
        unit = np.array([ATTACK_CENTS, ATTACK_DB, *[ATTACK_UNIT] * (strike.shape[1] - 2)])
        takes.append(np.clip(np.rint(strike[POINTS] / unit), -MOST_STEPS, MOST_STEPS).astype(np.int8).tobytes())
    velocities = [round(one.velocity, 3) for one in found]
    return Attacks([round(one.pitch, 2) for one in found], takes, zlib.compress(steps, 9), velocities)
