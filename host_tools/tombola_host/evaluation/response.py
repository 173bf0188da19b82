"""How a sound answers to what is under the hands: velocity, and the knobs timbre X and Y."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import uniform_filter1d
from scipy.stats import rankdata
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array

from tombola_host.corpus.analysis import analyse
from tombola_host.corpus.windows import Note
from tombola_host.evaluation.frames import Float64Array, middle_note
from tombola_host.evaluation.played import Instrument, Key

PRESSED_S, LISTENED_S = 0.45, 0.2
"""The end of a short note: the attack is over, and a plucked one is not yet gone."""
AT_LIFE = 0.0
"""What a key or a knob does is measured on a note that does not move by itself."""
WINDOW_SAMPLES, HOP_SAMPLES = 4096, 1024
DESCRIPTORS = ("bright", "noisy")
"""The spectral centroid, octaves, and the share of the noise in the power, dB."""
LEAST_MOVES = (0.01, 0.5)
"""A descriptor that moves by less from end to end has not moved."""
LEAST_NOISE_DB = -40.0
"""What an analysis finds between the partials of a clean tone."""
MONOTONE = 0.95
AUDIBLE_DB = -60.0
"""A partial that is this far below the sound at both ends of a knob is not heard to change."""
PARTIALS = 20
SAME_NOTE = 0.5
DYNAMICS_DB = 6.0
"""Two recordings of a note that differ by less are one dynamic."""
WITHIN_DB = 4.0
"""A note whose level moves by less (5 … 95 %) does not say how it brightens."""
QUIET_DB = 40.0
SWELL_S, LOUD_DB = 0.3, 15.0
"""What changes within a note counts as dynamics if it is slower and louder than this."""


class Dynamics(msgspec.Struct, frozen=True):
    """Brightness over velocity.

    Args:
        rho: Spearman's rank correlation of velocity and spectral centroid, the lowest of all notes.
        monotone: Share of the notes with rho ≥ 0.95.
        slope: Octaves of centroid for 10 dB of level, the middle of the notes.
        real_slope: That of the recordings; None where they do not say.
        real_from: Whether it comes from several recordings of a note, or from what happens within notes.
        notes: How many notes were played.
    """

    rho: float
    monotone: float
    slope: float
    real_slope: float | None
    real_from: Literal["dynamics", "within notes", ""]
    notes: int


class Axis(msgspec.Struct, frozen=True):
    """One timbre knob.

    Args:
        descriptor: Which of DESCRIPTORS it moves in order, most of all; of two as well, the first.
        rho: For each, Spearman's rank correlation with the knob, the lowest of all notes by size, with its sign.
        moved_db: Mean difference over heard partials between the ends of the knob, dB; the middle of the notes.
    """

    descriptor: str
    rho: dict[str, float]
    moved_db: float


def dynamics(
    instrument: Instrument, notes: Sequence[float], velocities: Sequence[float], recordings: Sequence[Note]
) -> Dynamics:
    """Play each note at each velocity.

    Args:
        instrument: Plays.
        notes: MIDI note numbers.
        velocities: Rising, 0 … 1.
        recordings: All of the mode.
    """
    keys = [Key(note, velocity, PRESSED_S, life=AT_LIFE) for note in notes for velocity in velocities]
    heard = np.array([_level_and_centroid(_end(sound)) for sound in instrument.play(keys)])
    heard = heard.reshape(len(notes), len(velocities), 2)
    rhos = [spearman(velocities, centroid) for centroid in heard[..., 1]]
    slopes = [
        slope
        for slope in (_slope(level, centroid) for level, centroid in heard.transpose(0, 2, 1))
        if slope is not None
    ]
    real, source = recorded_slope(recordings)
    return Dynamics(
        float(min(rhos)),
        float(np.mean(np.array(rhos) >= MONOTONE)),
        float(np.median(slopes)) if slopes else 0.0,
        real,
        source,
        len(notes),
    )


def recorded_slope(recordings: Sequence[Note]) -> tuple[float | None, Literal["dynamics", "within notes", ""]]:
    """Octaves of centroid for 10 dB: between recordings of one note where there are several dynamics, else within.

    What happens within notes counts only where at least half of them say it, and is a weak witness: in the demo's
    violin the centroid falls where vibrato and bow make a note swell.
    """
    tracks = [(middle_note(note), *_tracks(note.audio.numpy())) for note in recordings]
    between = []
    for index, (note, level, centroid) in enumerate(tracks):
        for other, other_level, other_centroid in tracks[index + 1 :]:
            apart = float(np.quantile(other_level, 0.9) - np.quantile(level, 0.9))
            if abs(other - note) < SAME_NOTE and abs(apart) >= DYNAMICS_DB:
                between.append(10 * float(np.median(other_centroid) - np.median(centroid)) / apart)
    if between:
        return float(np.median(between)), "dynamics"
    within = [slope for slope in (_swell(level, centroid) for _, level, centroid in tracks) if slope is not None]
    return (float(np.median(within)), "within notes") if within and 2 * len(within) >= len(tracks) else (None, "")


def timbre(instrument: Instrument, notes: Sequence[float], positions: Sequence[float]) -> tuple[Axis, Axis]:
    """Turn each knob from end to end, the other in its middle.

    Args:
        instrument: Plays.
        notes: MIDI note numbers.
        positions: Rising, from 0 to 1.
    """
    ways = [[(place, 0.5) for place in positions], [(0.5, place) for place in positions]]
    keys = [Key(note, held_s=PRESSED_S, life=AT_LIFE, timbre=place) for way in ways for note in notes for place in way]
    sounds = instrument.play(keys)
    rows = [_described(_end(sound), key.note) for sound, key in zip(sounds, keys, strict=True)]
    size = len(notes) * len(positions)
    first, second = (_axis(rows[start : start + size], positions) for start in (0, size))
    return first, second


def spearman(first: Sequence[float] | Float64Array, second: Sequence[float] | Float64Array) -> float:
    """Rank correlation, -1 … 1; 0 where one of them stands still."""
    ranks = rankdata(np.round(first, 9)), rankdata(np.round(second, 9))
    if min(float(np.ptp(rank)) for rank in ranks) == 0:
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def _axis(rows: Sequence[tuple[tuple[float, float], Float64Array]], positions: Sequence[float]) -> Axis:
    count = len(positions)
    turns = [rows[start : start + count] for start in range(0, len(rows), count)]
    rhos = {}
    for which, (name, least) in enumerate(zip(DESCRIPTORS, LEAST_MOVES, strict=True)):
        courses = [[row[0][which] for row in turn] for turn in turns]
        found = [spearman(positions, course) if np.ptp(course) >= least else 0.0 for course in courses]
        # A knob that goes up on one note and down on another is not in order, however well on each.
        rhos[name] = min(found, key=abs) if min(found) * max(found) > 0 else 0.0
    moved = [_moved_db(turn[0][1], turn[-1][1]) for turn in turns]
    return Axis(max(rhos, key=lambda name: abs(rhos[name])), rhos, float(np.median(moved)))


def _moved_db(first: Float64Array, last: Float64Array) -> float:
    heard = np.maximum(first, last) > AUDIBLE_DB
    low, high = (np.maximum(side, AUDIBLE_DB) for side in (first, last))
    return float(np.abs(high - low)[heard].mean()) if heard.any() else 0.0


def _described(audio: Float32Array, note: float) -> tuple[tuple[float, float], Float64Array]:
    """Centroid, octaves, and noise share, dB, and the partials relative to the level, dB, shape (PARTIALS,)."""
    found = analyse(audio, note)
    inside = slice(len(found.level_db) // 4, -(len(found.level_db) // 4) or None)  # Away from the cuts.
    partials, noise = (np.mean(part[inside].astype(np.float64) ** 2, axis=0) for part in (found.partials, found.noise))
    total = partials.sum() + noise.sum() + 1e-20
    share_db = max(10 * float(np.log10(noise.sum() / total + 1e-12)), LEAST_NOISE_DB)
    relative_db = 10 * np.log10(partials[:PARTIALS] / total + 1e-12)
    return (_level_and_centroid(audio)[1], share_db), relative_db


def _end(audio: Float32Array) -> Float32Array:
    """The last LISTENED_S, whole periods."""
    return audio[-round(LISTENED_S * SAMPLE_RATE_HZ / 128) * 128 :]


def _level_and_centroid(audio: Float32Array) -> tuple[float, float]:
    level, centroid = _tracks(audio)
    return float(np.mean(level)), float(np.mean(centroid))


def _tracks(audio: Float32Array) -> tuple[Float64Array, Float64Array]:
    """Level, dB, and centroid of the power, octaves above 1 Hz, of each window that is heard."""
    windows = sliding_window_view(np.pad(audio, (0, max(WINDOW_SAMPLES - len(audio), 0))), WINDOW_SAMPLES)
    shape = np.hanning(WINDOW_SAMPLES)
    power = np.abs(np.fft.rfft(windows[::HOP_SAMPLES] * shape, axis=1) / shape.sum()) ** 2
    hz = np.fft.rfftfreq(WINDOW_SAMPLES, 1 / SAMPLE_RATE_HZ)
    total = power.sum(axis=1) + 1e-14
    level = 10 * np.log10(total)
    centroid = np.log2(power @ hz / total + 1.0)
    heard = level > level.max() - QUIET_DB
    return level[heard], centroid[heard]


def _swell(level: Float64Array, centroid: Float64Array) -> float | None:
    """The slope of slow changes of a loud part. Vibrato moves the level too, but as it moves each partial."""
    frames = round(SWELL_S * SAMPLE_RATE_HZ / HOP_SAMPLES)
    slow_level, slow_centroid = (uniform_filter1d(series, frames, mode="nearest") for series in (level, centroid))
    loud = slow_level > slow_level.max() - LOUD_DB
    return _slope(slow_level[loud], slow_centroid[loud])


def _slope(level: Float64Array, centroid: Float64Array) -> float | None:
    """Octaves for 10 dB; None where the level hardly moves."""
    if len(level) < 3 or np.quantile(level, 0.95) - np.quantile(level, 0.05) < WITHIN_DB:
        return None
    return float(10 * np.polyfit(level, centroid, 1)[0])
