"""The level of a mode over time, fitted to its notes; the device follows it while a key is down."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import theilslopes
from tombola_device.contract.controls import FRAME_RATE_HZ, SILENCE_DB
from tombola_device.contract.envelope_keys import MOST_OCTAVES, EnvelopeKey
from tombola_device.contract.manifest import KEYTRACK_NOTE, Envelope

from tombola_host.corpus.clip import Clip
from tombola_host.corpus.corpus import VELOCITY_RANGE_DB
from tombola_host.corpus.course import (
    RISE_WITHIN_S,
    attack_s,
    drop_db,
    release_db_per_s,
    risen_s,
    slope_db_per_s,
)
from tombola_host.corpus.over_keys import keys_of, over_keys

Array = npt.NDArray[np.float64]
SUSTAINED_DB = 12.0
"""A note that has fallen by less than this at its middle is sustained; otherwise it decays."""
ATTACK_S = 0.4
POINTS = 40
HELD_RELEASE_DB_PER_S = -100.0
"""Where no end was recorded: between bowed sections (-89), violin (-110) and flute (-125)."""
STRUCK_RELEASE_DB_PER_S = -90.0
"""Recordings of struck notes ring out; how they end when a key damps them is not in them."""
SHORTEST_ATTACK_S = 0.002
"""A faster one cannot be played: the first period rises in 2.7 ms."""
SLOWEST_DB_PER_S = 0.5
LONGEST_S = 4.0
FEWEST_SEMITONES = 7.0
"""Over a smaller range, a line fitted to the decays has a random slope."""


def fit_envelope(clips: Sequence[Clip], gain_db: float) -> Envelope:
    """The median level curve of all clips, scaled to velocity 1, and how notes differ from it over the keyboard.

    Args:
        clips: At least one.
        gain_db: Gain of the mode's recordings.
    """
    courses = [
        np.asarray(clip.level_db, np.float64) + gain_db + VELOCITY_RANGE_DB * (1 - clip.velocity) for clip in clips
    ]
    sustained = bool(np.median([drop_db(course) for course in courses]) < SUSTAINED_DB)
    notes = np.array([clip.note for clip in clips])
    slopes = np.array([slope_db_per_s(course) for course in courses])
    keytrack = 0.0 if sustained else _keytrack(notes, slopes)
    speeds = keytrack * (notes - KEYTRACK_NOTE) / 12
    faster = None if sustained else over_keys(notes, _octaves(-slopes, SLOWEST_DB_PER_S) - speeds)
    attacks = np.array([attack_s(course, sustained=sustained) for course in courses])
    longer = over_keys(notes, _octaves(attacks, SHORTEST_ATTACK_S))
    release, sooner = _release(clips) if sustained else (STRUCK_RELEASE_DB_PER_S, None)
    keys = _keys(notes, longer, faster, sooner)
    lengths, own = _between(keys, notes, "attack"), _between(keys, notes, "speed")
    risen = [risen_s(course, sustained=sustained) for course in courses]
    rise = float(np.median(np.array(risen) / 2**lengths)) * FRAME_RATE_HZ
    courses = [
        _as_read(course, rise, length, speed)
        for course, length, speed in zip(courses, 2**lengths, 2 ** (speeds + own), strict=True)
    ]
    # A sustained recording ends because its player stopped; on the device the gate decides that.
    longest = max(len(course) for course in courses)
    end = min(ATTACK_S * FRAME_RATE_HZ, longest / 2) if sustained else min(LONGEST_S * FRAME_RATE_HZ, longest - 1)
    last = max(int(end), 2)
    frames = np.unique(np.round(np.geomspace(1, last + 1, POINTS)).astype(int) - 1)
    level = np.array([_median_at(courses, frame, sustained=sustained) for frame in frames])
    level = np.clip(level, SILENCE_DB, -3.0)
    if sustained:
        level[-1] = max(level[-1], np.median(level[len(level) // 2 :]))
    time_s = _with_attack(frames / FRAME_RATE_HZ, level, float(np.median(attacks)), sustained=sustained)
    apart = bool(keys) or keytrack > 0
    return Envelope(
        time_s=[round(float(time), 5) for time in time_s],
        level_db=[round(float(value), 2) for value in level],
        decay_db_per_s=0.0 if sustained else min(float(np.median([slope_db_per_s(course) for course in courses])), -1.0),
        release_db_per_s=release,
        velocity_db=VELOCITY_RANGE_DB,
        keytrack=round(keytrack, 3),
        attack_s=round(risen_s(_dense(time_s, level), sustained=sustained), 5) if apart else 0.0,
        keys=keys,
    )


def _octaves(values: Array, least: float) -> Array:
    return np.asarray(np.log2(np.maximum(values, least)))


def _keys(notes: Array, longer: Array | None, faster: Array | None, sooner: Array | None) -> list[EnvelopeKey]:
    """One list of what was found; where a line was not found, notes do not differ."""
    if longer is None and faster is None and sooner is None:
        return []
    keys = keys_of(list(notes))
    lines = [np.zeros(len(keys)) if line is None else line for line in (longer, faster, sooner)]
    rows = np.clip(np.round(np.column_stack(lines), 3), -MOST_OCTAVES, MOST_OCTAVES)
    return [
        EnvelopeKey(round(float(key), 2), *(float(value) for value in row)) for key, row in zip(keys, rows, strict=True)
    ]


def _between(keys: Sequence[EnvelopeKey], notes: Array, field: str) -> Array:
    if not keys:
        return np.zeros(len(notes))
    return np.asarray(np.interp(notes, [key.note for key in keys], [getattr(key, field) for key in keys]))


def _with_attack(time_s: np.ndarray, level_db: np.ndarray, wanted_s: float, *, sustained: bool) -> np.ndarray:
    """Times of a table, stretched up to its peak until its attack takes as long as that of the recordings.

    The median of curves that rise at different times rises differently from each of them.
    """
    for _ in range(8):
        has_s = attack_s(_dense(time_s, level_db), sustained=sustained)
        factor = float(np.clip(wanted_s / max(has_s, 0.5 / FRAME_RATE_HZ), 0.5, 2.0))
        peak_s = time_s[int(np.argmax(np.where(time_s <= RISE_WITHIN_S, level_db, SILENCE_DB)))]
        time_s = np.minimum(time_s, peak_s) * factor + np.maximum(time_s - peak_s, 0.0)
    return time_s


def _dense(time_s: np.ndarray, level_db: np.ndarray) -> Array:
    """The level of each frame of a table, as far as it may rise."""
    frames = np.arange(0.0, max(time_s[-1], RISE_WITHIN_S), 1 / FRAME_RATE_HZ)
    return np.asarray(np.interp(frames, time_s, level_db))


def _release(clips: Sequence[Clip]) -> tuple[float, Array | None]:
    """The median of the ends that were recorded, and how they differ over ``keys_of`` all notes."""
    # Longer than its part that is learned from, a recording may have its end in what was read beyond.
    found = [(clip.note, release_db_per_s(clip.level_db)) for clip in clips]
    if not any(end for _, end in found):
        found = [(clip.note, clip.character.release_db_per_s) for clip in clips]
    ends = [(note, end) for note, end in found if end is not None]
    if not ends:
        return HELD_RELEASE_DB_PER_S, None
    notes, slopes = zip(*ends, strict=True)
    line = over_keys(notes, _octaves(-np.array(slopes), 1.0))
    everywhere = keys_of([clip.note for clip in clips])
    return round(float(np.median(slopes)), 1), None if line is None else np.interp(everywhere, keys_of(notes), line)


def _keytrack(notes: Array, slopes: Array) -> float:
    """Octaves of speed per octave of pitch: a straight line through the notes' decays, of which some may be odd."""
    if np.ptp(notes) < FEWEST_SEMITONES:
        return 0.0
    return float(np.clip(12 * theilslopes(_octaves(-slopes, SLOWEST_DB_PER_S), notes)[0], 0.0, 2.0))


def _as_read(course: Array, rise: float, length: float, speed: float) -> Array:
    """A course over the time of the table, which the device reads at the speed of the note: its rise, then its body.

    Args:
        course: Level of each frame.
        rise: Frames of the table until it has risen.
        length: How many times as long the note rises.
        speed: How many times as fast its body goes.
    """
    body = max(len(course) - rise * length, 0.0)
    read = np.arange(max(int(rise + body * speed), 1))
    frames = np.minimum(read, rise) * length + np.maximum(read - rise, 0.0) / speed
    return np.asarray(np.interp(frames, np.arange(len(course)), course))


def _median_at(courses: Sequence[np.ndarray], frame: int, *, sustained: bool) -> float:
    """Median over the notes that still sound; a struck note that has ended counts as silence."""
    values = [course[frame] if frame < len(course) else SILENCE_DB for course in courses]
    if sustained:
        values = [course[frame] for course in courses if frame < len(course) * 0.6] or values
    return float(np.median(values))
