"""How a recording goes on after its attack, as a course that the engine can follow for as long as a key is down."""

from __future__ import annotations

import numpy as np
from tombola_device.contract.controls import FRAME_RATE_HZ
from tombola_device.contract.life import COURSE_AGAIN, COURSE_ENDS, COURSE_FRAMES, COURSE_FROM

from tombola_host.generators.voice.recorded import Recorded
from tombola_host.generators.voice.shades import Array, around_trend

BEGINS_FRAMES = round(0.05 * FRAME_RATE_HZ)
"""Before COURSE_FROM a course stands where it is in this time after it: the attack is not its own."""
JOINT_FRAMES, RETURN_FRAMES = round(0.2 * FRAME_RATE_HZ), round(1.0 * FRAME_RATE_HZ)
"""Before a loop begins anew, motion fades into itself in the first time, and a swell goes back in the second."""
HELD_DB, LET_GO_DB = 20.0, 3.0
"""A note holds the median level of what is no further below its peak, and is let go when it last is so far below."""
MOST_DRIFT_CENTS = 8.0
"""A held key stays in tune, whatever its recording did: a violin began 21 cents off for a second."""
DIED_DB = 40.0
"""A note that has died away so far is not followed any more."""


def course_of(one: Recorded) -> Array:
    """The course of a recording: what a held note does again and again, or what ends where a note has died away.

    Returns:
        Cents, dB, directions. Shape (COURSE_FRAMES, 2 + S).
    """
    course = one.course[: _stop(one.level_db, dies=one.dies)].copy()
    course[:, 2:] += (one.swing - 1.0) * around_trend(course[:, 2:])
    course[:COURSE_FROM] = course[COURSE_FROM : COURSE_FROM + BEGINS_FRAMES].mean(axis=0)
    if one.dies:
        ended = _lengthened(course)
        return _returned(ended, ended[-1:])
    # A swell that stayed where a single frame is, would stay out of tune by all of a vibrato.
    motion = around_trend(course, JOINT_FRAMES)
    trend = course - motion
    trend[:, 0] = np.clip(trend[:, 0], -MOST_DRIFT_CENTS, MOST_DRIFT_CENTS)
    loop = _looped(motion) + _swelling(trend)
    return _returned(loop, loop[COURSE_AGAIN : COURSE_AGAIN + COURSE_FRAMES - COURSE_ENDS])


def _stop(level_db: Array, *, dies: bool) -> int:
    """The first frame that is not followed; a click among held notes has a beginning, too."""
    if dies:
        least_db = float(level_db.max()) - DIED_DB
    else:
        least_db = float(np.median(level_db[level_db >= level_db.max() - HELD_DB])) - LET_GO_DB
    return max(int(np.flatnonzero(level_db >= least_db)[-1]) + 1, COURSE_FROM + BEGINS_FRAMES)


def _lengthened(course: Array) -> Array:
    """A course that stays where it ends. (F, n) → (COURSE_ENDS, n)."""
    last = course[-JOINT_FRAMES:].mean(axis=0)
    missing = max(COURSE_ENDS - len(course), 0)
    return np.concatenate([course, np.broadcast_to(last, (missing, len(last)))])[:COURSE_ENDS]


def _swelling(trend: Array) -> Array:
    """A swell that comes back to where a loop begins anew. (F, n) → (COURSE_ENDS, n)."""
    long, frames = _lengthened(trend), RETURN_FRAMES
    back = np.linspace(0.0, 1.0, frames)[:, None]
    long[-frames:] = (1 - back) * long[-frames:] + back * long[COURSE_AGAIN]
    return long


def _looped(motion: Array) -> Array:
    """Motion of any length as a loop; joints are faded, with equal power. (F, n) → (COURSE_ENDS, n)."""
    again = motion[COURSE_FROM:]  # Without what stands still.
    joint = min(JOINT_FRAMES, len(again) // 3)
    rise = np.sqrt(np.linspace(0.0, 1.0, joint))[:, None]
    fall = rise[::-1]
    long = motion
    while len(long) < COURSE_ENDS:
        long = np.concatenate([long[:-joint], long[-joint:] * fall + again[:joint] * rise, again[joint:]])
    loop = long[:COURSE_ENDS].copy()
    loop[-joint:] = loop[-joint:] * fall + loop[COURSE_AGAIN - joint : COURSE_AGAIN] * rise
    return loop


def _returned(course: Array, onward: Array) -> Array:
    """With what is never played: a way from how it goes on back to the start, else points could not say the ends."""
    back = np.linspace(0.0, 1.0, COURSE_FRAMES - COURSE_ENDS + 2)[1:-1, None]
    return np.concatenate([course, (1 - back) * onward + back * course[0]])
