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
LENGTHS = np.arange(-4.0, 4.01, 0.125)
LEANING = 0.01
"""Among lengths that are heard alike, which very short ones are, the one that changes least."""
SLOWEST_DB_PER_S = 0.5
MOST_KEYTRACK = 2.0
SPEED_BY_DB = 25.0
"""Notes are compared by how fast they fall by this. A recording of a low note falls no further; one of a high note
falls by 50 dB, fast and then slowly. Compared by the whole, the bass of a piano was played 2.5 times too fast."""
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
    falls = _octaves(-np.array([slope_db_per_s(course, SPEED_BY_DB) for course in courses]), SLOWEST_DB_PER_S)
    keytrack = 0.0 if sustained else 12 * _per_semitone(notes, falls)
    faster = None if sustained else over_keys(notes, falls, _per_semitone)
    speeds = keytrack * (notes - KEYTRACK_NOTE) / 12 + _between(notes, faster)
    table = _Table(courses, speeds, np.zeros(len(clips)), sustained=sustained)
    longer = over_keys(notes, _lengths(table, courses, notes, speeds))
    if not sustained and longer is not None:
        # Struck notes that rise alike when read have a clearer peak. Held ones that swell have common dips as well, if
        # they are one recording at several speeds; in their own times these cancel.
        table = _Table(courses, speeds, _between(notes, longer), sustained=sustained)
        longer = over_keys(notes, _lengths(table, courses, notes, speeds))
    time_s, attack_end_s = table.stretched(float(np.median(_lengths(table, courses, notes, speeds, longer))))
    release, sooner = _release(clips) if sustained else (STRUCK_RELEASE_DB_PER_S, None)
    keys = _keys(notes, longer, faster, sooner)
    decay = min(float(np.median([slope_db_per_s(course) for course in table.courses])), -1.0)
    return Envelope(
        time_s=[round(float(time), 5) for time in time_s],
        level_db=[round(float(value), 2) for value in table.level_db],
        decay_db_per_s=0.0 if sustained else decay,
        release_db_per_s=release,
        velocity_db=VELOCITY_RANGE_DB,
        keytrack=round(keytrack, 3),
        attack_s=round(attack_end_s, 5) if keys or keytrack > 0 else 0.0,
        keys=keys,
    )


class _Table:
    """The median of courses, as a device reads them.

    Args:
        courses: Level of each frame, of N notes.
        speeds: Octaves by which the bodies of notes go faster. Shape (N,).
        lengths: Octaves by which notes rise longer. Shape (N,).
        sustained: Whether notes last.
    """

    def __init__(self, courses: Sequence[Array], speeds: Array, lengths: Array, *, sustained: bool) -> None:
        self.sustained = sustained
        risen = np.array([risen_s(course, sustained=sustained) for course in courses])
        rise = float(np.median(risen / 2**lengths)) * FRAME_RATE_HZ
        ways = zip(courses, 2**lengths, 2**speeds, strict=True)
        self.courses = [_as_read(course, rise, length, speed) for course, length, speed in ways]
        # A sustained recording ends because its player stopped; on the device the gate decides that.
        longest = max(len(course) for course in self.courses)
        end = min(ATTACK_S * FRAME_RATE_HZ, longest / 2) if sustained else min(LONGEST_S * FRAME_RATE_HZ, longest - 1)
        frames = np.unique(np.round(np.geomspace(1, max(int(end), 2) + 1, POINTS)).astype(int) - 1)
        level = np.array([_median_at(self.courses, frame, sustained=sustained) for frame in frames])
        self.time_s, self.level_db = frames / FRAME_RATE_HZ, np.clip(level, SILENCE_DB, -3.0)
        if sustained:
            self.level_db[-1] = max(self.level_db[-1], np.median(self.level_db[len(frames) // 2 :]))
        within = np.arange(0.0, max(self.time_s[-1], RISE_WITHIN_S), 1 / FRAME_RATE_HZ)
        self._risen_s = risen_s(np.interp(within, self.time_s, self.level_db), sustained=sustained)

    def attack_s(self, note: float, speed: float, length: float) -> float:
        """The attack of a note that a device plays, whose body is faster and whose rise is longer by these octaves."""
        since_s = np.arange(0.0, RISE_WITHIN_S + 0.1, 1 / FRAME_RATE_HZ)
        rise_s = self._risen_s * 2**length
        read_s = np.minimum(since_s / 2**length, self._risen_s) + np.maximum(since_s - rise_s, 0.0) * 2**speed
        level_db = np.interp(read_s, self.time_s, self.level_db)
        return attack_s(level_db, note, sustained=self.sustained, late_frames=1.0)

    def stretched(self, length: float) -> tuple[Array, float]:
        """The times of a table that rises longer by so many octaves, and when it has risen."""
        risen_s = self._risen_s * 2**length
        rising, body = np.minimum(self.time_s, self._risen_s), np.maximum(self.time_s - self._risen_s, 0.0)
        return rising * 2**length + body, risen_s


def _lengths(
    table: _Table, courses: Sequence[Array], notes: Array, speeds: Array, longer: Array | None = None
) -> Array:
    """By how many octaves longer the rise of a table must be for each note to be played as it was recorded. (N,).

    Args:
        longer: What notes have already, at ``keys_of`` them.
    """
    found, already = [], _between(notes, longer)
    for course, note, speed, own in zip(courses, notes, speeds, already, strict=True):
        recorded = attack_s(course, note, sustained=table.sustained)
        played = np.array([table.attack_s(note, speed, length + own) for length in LENGTHS])
        off = np.abs(np.log2(played / recorded)) + LEANING * np.abs(LENGTHS)
        found.append(float(LENGTHS[int(off.argmin())]))
    return np.array(found)


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


def _between(notes: Array, line: Array | None) -> Array:
    """The values of a line at the notes through whose keys it goes. Shape (N,)."""
    return np.zeros(len(notes)) if line is None else np.asarray(np.interp(notes, keys_of(list(notes)), line))


def _release(clips: Sequence[Clip]) -> tuple[float, Array | None]:
    """The median of the ends that were recorded, and how they differ over ``keys_of`` all notes."""
    # Longer than its part that is learned from, a recording may have its end in what was read beyond.
    found = [(clip.note, release_db_per_s(np.asarray(clip.level_db, np.float64))) for clip in clips]
    if not any(end for _, end in found):
        found = [(clip.note, clip.character.release_db_per_s) for clip in clips]
    ends = [(note, end) for note, end in found if end is not None]
    if not ends:
        return HELD_RELEASE_DB_PER_S, None
    notes, slopes = zip(*ends, strict=True)
    line = over_keys(notes, _octaves(-np.array(slopes), 1.0))
    everywhere = keys_of([clip.note for clip in clips])
    return round(float(np.median(slopes)), 1), None if line is None else np.interp(everywhere, keys_of(notes), line)


def _per_semitone(notes: Array, falls: Array) -> float:
    """Octaves of speed per semitone of pitch: a straight line through the notes' decays, of which some may be odd."""
    if np.ptp(notes) < FEWEST_SEMITONES:
        return 0.0
    return float(np.clip(theilslopes(falls, notes)[0], 0.0, MOST_KEYTRACK / 12))


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
