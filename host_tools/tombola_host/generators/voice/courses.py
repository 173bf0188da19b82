"""How a recording goes on after its attack, as a course that the engine can follow for as long as a key is down."""

from __future__ import annotations

import numpy as np
from tombola_device.contract.controls import FRAME_RATE_HZ
from tombola_device.contract.life import COURSE_ENDS, COURSE_FRAMES, COURSE_FROM

from tombola_host.generators.voice.recorded import Recorded
from tombola_host.generators.voice.shades import Array, around_trend

BEGINS_S = 0.05
"""Before COURSE_FROM a course stands where it is in this time after it: the attack is not its own."""
JOINT_S, RETURN_S = 0.2, 1.0
"""Where a loop begins anew, motion fades into itself in the first time, and a swell goes back to its start in the
second."""
HELD_DB, LET_GO_DB = 20.0, 3.0
"""A note holds the median level of what is no further below its peak, and is let go when it last is so far below."""
DIED_DB = 40.0
"""A note that has died away so far is not followed any more."""


def course_of(one: Recorded) -> Array:
    """The course of a recording: a loop without its release, or what ends where a note has died away.

    Returns:
        Cents, dB, directions. Shape (COURSE_FRAMES, 2 + L).
    """
    course = one.course[: _stop(one.level_db, dies=one.dies)].copy()
    begun = min(COURSE_FROM, len(course) - 1)
    settled = course[begun : begun + round(BEGINS_S * FRAME_RATE_HZ)].mean(axis=0)
    course[:begun] = settled
    if one.dies:
        return _ended(course)
    motion = around_trend(course)
    return _looped(motion) + _swelling(course - motion)


def _stop(level_db: Array, *, dies: bool) -> int:
    """The first frame that is not followed."""
    if dies:
        least_db = float(level_db.max()) - DIED_DB
    else:
        least_db = float(np.median(level_db[level_db >= level_db.max() - HELD_DB])) - LET_GO_DB
    return int(np.flatnonzero(level_db >= least_db)[-1]) + 1


def _ended(course: Array) -> Array:
    """A course that stays where it ends, and goes back to its start only after that has been read. (F, n) → loop."""
    last = course[-round(JOINT_S * FRAME_RATE_HZ) :].mean(axis=0)
    missing = max(COURSE_FRAMES - len(course), 0)
    long = np.concatenate([course, np.broadcast_to(last, (missing, len(last)))])[:COURSE_FRAMES]
    return _returned(long, COURSE_FRAMES - COURSE_ENDS)


def _swelling(trend: Array) -> Array:
    """A swell that stays where a short recording ends, and goes back to its start at the end of the loop."""
    missing = max(COURSE_FRAMES - len(trend), 0)
    long = np.concatenate([trend, np.broadcast_to(trend[-1], (missing, trend.shape[1]))])[:COURSE_FRAMES]
    return _returned(long, round(RETURN_S * FRAME_RATE_HZ))


def _returned(course: Array, frames: int) -> Array:
    """With the last frames a straight way back to the start."""
    back = np.linspace(0.0, 1.0, frames + 1)[1:, None]
    course[-frames:] = (1 - back) * course[-frames:] + back * course[0]
    return course


def _looped(motion: Array) -> Array:
    """Motion of any length as a loop; joints are faded, with equal power. (F, n) → (COURSE_FRAMES, n)."""
    joint = min(round(JOINT_S * FRAME_RATE_HZ), len(motion) // 3)
    rise = np.sqrt(np.linspace(0.0, 1.0, joint))[:, None]
    fall = rise[::-1]
    long = motion
    while len(long) < COURSE_FRAMES:
        long = np.concatenate([long[:-joint], long[-joint:] * fall + motion[:joint] * rise, motion[joint:]])
    loop = long[:COURSE_FRAMES].copy()
    # Backwards into its start, which stays as it was recorded: it follows the attack.
    loop[-joint:] = loop[-joint:] * fall + motion[:joint][::-1] * rise
    return loop
