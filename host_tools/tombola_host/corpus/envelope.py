"""The level of a mode over time, fitted to its notes; the device follows it while a key is down."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tombola_device.contract.controls import FRAME_RATE_HZ, SILENCE_DB
from tombola_device.contract.manifest import KEYTRACK_NOTE, Envelope

from tombola_host.corpus.clip import Clip
from tombola_host.corpus.corpus import VELOCITY_RANGE_DB

SUSTAINED_DB = 12.0
"""A note that has fallen by less than this at its middle is sustained; otherwise it decays."""
ATTACK_S = 0.4
POINTS = 40
HELD_RELEASE_DB_PER_S = -100.0
"""Where no end was recorded: between bowed sections (-89), violin (-110) and flute (-125)."""
STRUCK_RELEASE_DB_PER_S = -90.0
"""Recordings of struck notes ring out; how they end when a key damps them is not in them."""
RISE_FROM, RISE_TO = 0.1, 0.9
"""Of the full amplitude: between them lies the attack."""
FULL_FROM_S, RISE_WITHIN_S = 0.1, 0.6
"""A sustained note is full at its median level between these times, for it may swell on; a struck one at its peak."""
LONGEST_S = 4.0
FEWEST_SEMITONES = 7.0
"""Over a smaller range, a line fitted to the decays has a random slope."""


def fit_envelope(clips: Sequence[Clip], gain_db: float) -> Envelope:
    """The median level curve of all clips, scaled to velocity 1, with their median attack and release.

    Args:
        clips: At least one.
        gain_db: Gain of the mode's recordings.
    """
    courses = [clip.level_db + gain_db + VELOCITY_RANGE_DB * (1 - clip.velocity) for clip in clips]
    sustained = np.median([_drop_db(course) for course in courses]) < SUSTAINED_DB
    keytrack = 0.0 if sustained else _keytrack(clips, courses)
    speeds = [_speed(clip, keytrack) for clip in clips]
    # Played, the attack of a note runs at its speed, too.
    attack = float(
        np.median([attack_s(course, sustained=sustained) for course in courses]) / np.median(1 / np.array(speeds))
    )
    courses = [_at_speed(course, speed) for course, speed in zip(courses, speeds, strict=True)]
    # A sustained recording ends because its player stopped; on the device the gate decides that.
    longest = max(len(course) for course in courses)
    end = min(ATTACK_S * FRAME_RATE_HZ, longest / 2) if sustained else min(LONGEST_S * FRAME_RATE_HZ, longest - 1)
    last = max(int(end), 2)
    frames = np.unique(np.round(np.geomspace(1, last + 1, POINTS)).astype(int) - 1)
    level = np.array([_median_at(courses, frame, sustained=sustained) for frame in frames])
    level = np.clip(level, SILENCE_DB, -3.0)
    if sustained:
        level[-1] = max(level[-1], np.median(level[len(level) // 2 :]))
    time_s = _with_attack(frames / FRAME_RATE_HZ, level, attack, sustained=sustained)
    return Envelope(
        time_s=[round(float(time), 5) for time in time_s],
        level_db=[round(float(value), 2) for value in level],
        decay_db_per_s=0.0 if sustained else min(float(np.median([_slope(course) for course in courses])), -1.0),
        release_db_per_s=_release(clips) if sustained else STRUCK_RELEASE_DB_PER_S,
        velocity_db=VELOCITY_RANGE_DB,
        keytrack=round(keytrack, 3),
    )


def attack_s(level_db: np.ndarray, *, sustained: bool) -> float:
    """Time from 10 to 90 % of a note's full amplitude, between frames linearly."""
    amplitude = 10 ** (np.asarray(level_db[: int(RISE_WITHIN_S * FRAME_RATE_HZ)], np.float64) / 20)
    held = amplitude[min(round(FULL_FROM_S * FRAME_RATE_HZ), len(amplitude) - 1) :]
    full = float(np.median(held) if sustained else amplitude.max())
    frames = [_first_above(amplitude, share * full) for share in (RISE_FROM, RISE_TO)]
    return (frames[1] - frames[0]) / FRAME_RATE_HZ


def _first_above(amplitude: np.ndarray, threshold: float) -> float:
    frame = int(np.argmax(amplitude >= threshold))
    if frame == 0:
        return 0.0
    before, after = amplitude[frame - 1], amplitude[frame]
    return frame - 1 + float((threshold - before) / (after - before))


def _with_attack(time_s: np.ndarray, level_db: np.ndarray, wanted_s: float, *, sustained: bool) -> np.ndarray:
    """Times of a table, stretched up to its peak until its attack takes as long as that of the recordings.

    The median of curves that rise at different times rises differently from each of them.
    """
    for _ in range(8):
        dense = np.arange(0.0, max(time_s[-1], RISE_WITHIN_S), 1 / FRAME_RATE_HZ)
        has_s = attack_s(np.interp(dense, time_s, level_db), sustained=sustained)
        factor = float(np.clip(wanted_s / max(has_s, 0.5 / FRAME_RATE_HZ), 0.5, 2.0))
        peak_s = time_s[int(np.argmax(np.where(time_s <= RISE_WITHIN_S, level_db, SILENCE_DB)))]
        time_s = np.minimum(time_s, peak_s) * factor + np.maximum(time_s - peak_s, 0.0)
    return time_s


def _release(clips: Sequence[Clip]) -> float:
    recorded = [clip.character.release_db_per_s for clip in clips if clip.character.release_db_per_s is not None]
    return round(float(np.median(recorded)), 1) if recorded else HELD_RELEASE_DB_PER_S


def _keytrack(clips: Sequence[Clip], courses: Sequence[np.ndarray]) -> float:
    """Octaves of speed per octave of pitch: a straight line through the notes' decays."""
    notes = np.array([clip.note for clip in clips])
    if np.ptp(notes) < FEWEST_SEMITONES:
        return 0.0
    speed = np.log2(np.maximum([-_slope(course) for course in courses], 0.5))
    return float(np.clip(12 * np.polyfit(notes, speed, 1)[0], 0.0, 2.0))


def _speed(clip: Clip, keytrack: float) -> float:
    return float(2 ** (keytrack * (clip.note - KEYTRACK_NOTE) / 12))


def _at_speed(course: np.ndarray, speed: float) -> np.ndarray:
    """The curve stretched by ``speed``, as it would be for the note KEYTRACK_NOTE."""
    frames = np.arange(max(int(len(course) * speed), 1))
    return np.asarray(np.interp(frames / speed, np.arange(len(course)), course))


def _drop_db(course: np.ndarray) -> float:
    return float(course.max() - course[len(course) // 2])


def _median_at(courses: Sequence[np.ndarray], frame: int, *, sustained: bool) -> float:
    """Median over the notes that still sound; a struck note that has ended counts as silence."""
    values = [course[frame] if frame < len(course) else SILENCE_DB for course in courses]
    if sustained:
        values = [course[frame] for course in courses if frame < len(course) * 0.6] or values
    return float(np.median(values))


def _slope(course: np.ndarray) -> float:
    """Decay after the attack, dB per second, as a straight line down to 50 dB below the peak."""
    body = course[int(course.argmax()) :]
    if len(body) < 2:  # a note that is loudest at its end shows no decay
        return 0.0
    body = body[: max(int(np.argmax(body < body[0] - 50)) or len(body), 2)]
    return float(np.polyfit(np.arange(len(body)) / FRAME_RATE_HZ, body, 1)[0])
