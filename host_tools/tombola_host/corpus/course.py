"""The course of a note's level: how it rises, dies away and ends."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from tombola_device.contract.controls import FRAME_RATE_HZ

Array = npt.NDArray[np.float64]
RISE_FROM, RISE_TO = 0.1, 0.9
"""Of the full amplitude: between them lies the attack."""
FULL_FROM_S, RISE_WITHIN_S = 0.1, 0.6
"""A sustained note is full at its median level between these times, for it may swell on; a struck one at its peak."""
STEP_S, HEARD_OVER_S, HEARD_PERIODS = 0.001, 0.01, 2
END_FROM_DB, END_TO_DB, LEAST_END_DB = -6.0, -36.0, 20.0
"""Below the level that was held. A room rings on: an end that falls by 20 dB at -111 dB/s may fall by 36 at -67."""
END_S, SMOOTHED_S = 0.5, 0.03
FASTER = 2.0
"""What falls less than so many times as fast as before has died away; nobody let it go (high tines)."""


def drop_db(course: Array) -> float:
    """How far a note has fallen at its middle."""
    return float(course.max() - course[len(course) // 2])


def attack_s(level_db: Array, note: float, *, sustained: bool, late_frames: float = 0.0) -> float:
    """Time from 10 to 90 % of a note's full amplitude, as it is heard: over 10 ms, and two periods of a low note.

    Args:
        level_db: From the onset on. Shape (F,).
        note: MIDI note number.
        sustained: Whether it is full at the level that it holds, or at its peak.
        late_frames: When the first level is reached, from silence; a device has it at the end of its first period.
    """
    amplitude = 10 ** (np.asarray(level_db[: int((RISE_WITHIN_S + 0.1) * FRAME_RATE_HZ)], np.float64) / 20)
    reached_s = (np.arange(len(amplitude)) + late_frames) / FRAME_RATE_HZ
    if late_frames:
        amplitude, reached_s = np.append(0.0, amplitude), np.append(0.0, reached_s)
    seconds = np.arange(0.0, max(reached_s[-1], STEP_S), STEP_S)
    energy = np.append(0.0, np.cumsum(np.interp(seconds, reached_s, amplitude) ** 2))
    half = round(max(HEARD_OVER_S, HEARD_PERIODS / (440.0 * 2 ** ((note - 69) / 12))) / STEP_S / 2)
    at = np.arange(min(len(seconds), round(RISE_WITHIN_S / STEP_S)))
    heard = np.sqrt((energy[np.minimum(at + half, len(seconds))] - energy[np.maximum(at - half, 0)]) / (2 * half))
    held = heard[min(round(FULL_FROM_S / STEP_S), len(heard) - 1) :]
    full = float(np.median(held) if sustained else heard.max())
    high = int(np.argmax(heard >= RISE_TO * full))
    below = np.flatnonzero(heard[: high + 1] < RISE_FROM * full)
    return float(max(high - (int(below[-1]) + 1 if below.size else 0), 1)) * STEP_S


def risen_s(level_db: Array, *, sustained: bool) -> float:
    """Time since the onset in which a note reaches 90 % of its full amplitude, between frames linearly."""
    amplitude = 10 ** (np.asarray(level_db[: int(RISE_WITHIN_S * FRAME_RATE_HZ)], np.float64) / 20)
    held = amplitude[min(round(FULL_FROM_S * FRAME_RATE_HZ), len(amplitude) - 1) :]
    full = float(np.median(held) if sustained else amplitude.max())
    return _first_above(amplitude, RISE_TO * full) / FRAME_RATE_HZ


def _first_above(amplitude: Array, threshold: float) -> float:
    frame = int(np.argmax(amplitude >= threshold))
    if frame == 0:
        return 0.0
    before, after = amplitude[frame - 1], amplitude[frame]
    return frame - 1 + float((threshold - before) / (after - before))


def slope_db_per_s(course: Array, fall_db: float = 50.0) -> float:
    """Decay after the attack, as a straight line down to so far below the peak."""
    body = course[int(course.argmax()) :]
    if len(body) < 2:  # a note that is loudest at its end shows no decay
        return 0.0
    return _line(body[: max(int(np.argmax(body < body[0] - fall_db)) or len(body), 2)])


def release_db_per_s(course: Array) -> float | None:
    """The slope of the end of a held note; None where its end is not in the recording."""
    from scipy.ndimage import uniform_filter1d

    window = round(SMOOTHED_S * FRAME_RATE_HZ)
    power = uniform_filter1d(10 ** (np.asarray(course, np.float64) / 10), window, mode="nearest")
    level_db = 10 * np.log10(np.maximum(power, 1e-14))
    let_go = int(np.flatnonzero(level_db >= np.median(level_db[level_db >= level_db.max() - 12.0]) + END_FROM_DB)[-1])
    held_db = float(np.quantile(level_db[max(let_go - round(END_S * FRAME_RATE_HZ), 0) : let_go + 1], 0.75))
    end = level_db[int(np.flatnonzero(level_db >= held_db + END_FROM_DB)[-1]) :]
    low = end < held_db + END_TO_DB
    end = end[: int(np.argmax(low)) if low.any() else len(end)]
    if len(end) < 3 or held_db - float(end[-1]) < LEAST_END_DB:
        return None
    slope, before = _line(end), _line(level_db[max(let_go - round(END_S * FRAME_RATE_HZ), 0) : let_go])
    return slope if slope < min(FASTER * before, -1.0) else None


def _line(level_db: Array) -> float:
    return float(np.polyfit(np.arange(len(level_db)) / FRAME_RATE_HZ, level_db, 1)[0]) if len(level_db) > 1 else 0.0
