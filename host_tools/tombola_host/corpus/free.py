"""Partials off the harmonic series: which ratios to the pitch a mode has, and how strong each is in each note.

peaks of all notes ─► tracks: K ratios, each a straight line over the keyboard ─► amplitudes, note by note
                                                                              └─► the rest, analysed as ever
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import maximum_filter1d
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ, Float32Array, Float64Array

from tombola_host.corpus.analysis import analyse
from tombola_host.corpus.clip import Clip

FREE_VERSION = 1
"""Part of every cache key of what was learned with free partials: raise it when a change here changes a number."""
MOST = 8
MIDDLE_NOTE = 60.0
OFF_HARMONIC = 0.1
"""Half of the notes have this share of their peaks' power between the partials, or a mode gets no tracks: tubular bells
0.4; winds, strings, voices and tuned bars at most 0.009. A glockenspiel, 0.025, has a better floor with tracks, but its
network then overfits: held out 0.67 instead of 0.51 (docs/notebook/0013-free-partials.md)."""
HEARD_S, SKIPPED_S = 0.4, 0.01
"""Peaks are read of the beginning: what dies away in 50 ms still has a peak there."""
ZERO_PADDING = 4
PEAK_RANGE_DB, MOST_PEAKS = 45.0, 30
LOWEST_RATIO, HIGHEST_HZ = 0.3, 18_000.0
HARMONIC, FREE = 0.03, 0.08
"""A peak nearer to a multiple of f0 than the first share of f0 is a harmonic; one as far as the second is none."""
TOLERANCE = 0.03
"""Half a semitone, in nepers: a recording's peak on a track lies within this distance of its line."""
STEEPEST, SLOPES = 0.02, 17
"""Nepers per semitone: a ratio changes by 27 % over an octave at most. How many slopes are tried."""
LEVEL_IS_BETTER = 0.02
"""How many notes' worth of peaks the steepest slope must gain, per note."""
LEAST_SHARE = 0.25
"""A track is heard in this share of the notes or more."""
LONGEST_WINDOW, SHORTEST_WINDOW = 4096, 512
ROUNDS = 2
"""Partials whose windows see each other: what the first round read of a neighbour, the second takes back."""


@dataclass(frozen=True, slots=True)
class Tracks:
    """K ratios to the pitch, as lines over the keyboard.

    Args:
        log_ratio: Natural logarithm of each ratio at ``MIDDLE_NOTE``. K numbers.
        gain: What it gains per semitone. K numbers.
    """

    log_ratio: tuple[float, ...] = ()
    gain: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.log_ratio)

    def at(self, note: float) -> Float64Array:
        """Logarithms of the ratios at a note. Shape (K,)."""
        return np.array(self.log_ratio) + np.array(self.gain) * (note - MIDDLE_NOTE)

    def widened(self, count: int) -> Tracks:
        """With places for silent partials, which lie on the harmonics 1, 2, …, up to ``count`` tracks."""
        more = range(len(self) + 1, count + 1)
        harmonics = tuple(float(np.log(number)) for number in more)
        return Tracks(self.log_ratio + harmonics, self.gain + (0.0,) * len(more))


NO_TRACKS = Tracks()


@dataclass(frozen=True, slots=True)
class _Peaks:
    """Peaks off the harmonic series: log ratios to f0, and what each weighs, 0 … 1. Shapes (P,)."""

    ratio: Float64Array
    weight: Float64Array


def fit_tracks(clips: Sequence[Clip], most: int = MOST) -> Tracks:
    """The tracks that explain most peaks of most notes; none for a mode that harmonics and noise render well.

    Args:
        clips: Of one mode.
        most: How many tracks at most.
    """
    if not clips or float(np.median([clip.character.off_harmonic for clip in clips])) < OFF_HARMONIC:
        return NO_TRACKS
    found = [_peaks(clip) for clip in clips]
    ratio = np.concatenate([peaks.ratio for peaks in found])
    weight = np.concatenate([peaks.weight for peaks in found])
    owner = np.concatenate([np.full(len(peaks.ratio), index) for index, peaks in enumerate(found)])
    height = np.array([_note(clip) for clip in clips])[owner] - MIDDLE_NOTE
    lines: list[tuple[float, float]] = []
    while len(lines) < most and weight.any():
        at_middle, gain = _best_line(ratio, weight, owner, height, len(clips))
        near = np.abs(ratio - at_middle - gain * height) < TOLERANCE
        if len(np.unique(owner[near & (weight > 0)])) < LEAST_SHARE * len(clips):
            break
        lines.append(_through(ratio, weight * near, height, at_middle, gain))
        weight = np.where(near, 0.0, weight)
    lines.sort()
    return Tracks(tuple(line[0] for line in lines), tuple(line[1] for line in lines))


def split_off(clip: Clip, tracks: Tracks) -> tuple[Clip, Float32Array]:
    """Take the free partials out of a note.

    Returns:
        The same note with the analysis of what is left, its level with all; the free partials' RMS amplitudes, shape
        (F, K), zero above 18 kHz.
    """
    f0_hz = float(np.median(clip.f0_hz))
    hz = f0_hz * np.exp(_in(clip, tracks))
    sound = clip.audio.astype(np.float64)
    courses = np.zeros((clip.frames, len(tracks)), complex)
    turning = np.exp(-2j * np.pi * hz[:, None] / SAMPLE_RATE_HZ * np.arange(len(sound)))
    for _ in range(ROUNDS):
        for index in np.flatnonzero(hz < HIGHEST_HZ).tolist():
            size = int(np.clip(2 * SAMPLE_RATE_HZ / _distance(hz, index, f0_hz), SHORTEST_WINDOW, LONGEST_WINDOW))
            course = _course(sound * turning[index], size // 2 * 2)
            courses[:, index] += course
            sound -= _played(course, turning[index])
    found = analyse(sound.astype(np.float32), clip.note)
    amplitude = np.sqrt(2) * np.abs(courses)
    power = 10 ** (found.level_db.astype(np.float64) / 10) + (amplitude**2).sum(axis=1)
    level_db = (10 * np.log10(power)).astype(np.float32)
    rest = replace(clip, f0_hz=found.f0_hz, level_db=level_db, partials=found.partials, noise=found.noise)
    return rest, amplitude.astype(np.float32)


def _note(clip: Clip) -> float:
    """What sounds in the middle, as a MIDI note number."""
    return 69 + 12 * float(np.log2(np.median(clip.f0_hz) / 440))


def _peaks(clip: Clip) -> _Peaks:
    f0_hz = float(np.median(clip.f0_hz))
    start = int(SKIPPED_S * SAMPLE_RATE_HZ)
    sound = clip.audio[start : start + int(HEARD_S * SAMPLE_RATE_HZ)]
    size = 1 << int(np.ceil(np.log2(ZERO_PADDING * len(sound))))
    level_db = 20 * np.log10(np.abs(np.fft.rfft(sound * np.hanning(len(sound)), size)) + 1e-9)
    bin_hz = SAMPLE_RATE_HZ / size
    floor_db = level_db.max() - PEAK_RANGE_DB
    peak = (maximum_filter1d(level_db, 4 * ZERO_PADDING + 1) == level_db) & (level_db > floor_db)
    peak[: int(LOWEST_RATIO * f0_hz / bin_hz)] = False
    peak[int(HIGHEST_HZ / bin_hz) :] = False
    index = np.flatnonzero(peak)
    index = index[np.argsort(level_db[index])[-MOST_PEAKS:]]
    ratio = index * bin_hz / f0_hz
    away = np.abs(ratio - np.maximum(np.round(ratio), 1))
    # By its dB above the floor: a soft partial between two harmonics is heard as well as seen.
    weight = np.clip((away - HARMONIC) / (FREE - HARMONIC), 0, 1) * (level_db[index] - floor_db) / PEAK_RANGE_DB
    return _Peaks(np.log(ratio[weight > 0]), weight[weight > 0])


def _best_line(
    ratio: Float64Array, weight: Float64Array, owner: np.ndarray, height: Float64Array, notes: int
) -> tuple[float, float]:
    """The line through one of the peaks on which most peaks lie; each note counts with its best one."""
    slopes = np.linspace(-STEEPEST, STEEPEST, SLOPES)
    at_middle = ratio[:, None] - slopes * height[:, None]
    best, line = -np.inf, (0.0, 0.0)
    for row in at_middle[weight > 0]:
        near = weight[:, None] * np.clip(1 - ((at_middle - row) / TOLERANCE) ** 2, 0, None)
        score = np.zeros((notes, SLOPES))
        np.maximum.at(score, owner, near)
        total = score.sum(axis=0) - LEVEL_IS_BETTER * notes * np.abs(slopes) / STEEPEST
        at = int(total.argmax())
        if total[at] > best:
            best, line = float(total[at]), (float(row[at]), float(slopes[at]))
    return line


def _through(
    ratio: Float64Array, weight: Float64Array, height: Float64Array, at_middle: float, gain: float
) -> tuple[float, float]:
    """A line moved to the middle of the peaks that lie on it."""
    plane = np.stack([np.ones_like(height), height], axis=1)
    normal = (plane * weight[:, None]).T @ plane + np.diag([1e-9, 1.0])
    moved = np.linalg.solve(normal, (plane * weight[:, None]).T @ (ratio - at_middle - gain * height))
    return at_middle + float(moved[0]), gain + float(moved[1])


def _in(clip: Clip, tracks: Tracks) -> Float64Array:
    """Log ratios of the partials where they lie in this recording: at its peaks near the tracks. Shape (K,)."""
    typical, peaks = tracks.at(_note(clip)), _peaks(clip)
    if not peaks.ratio.size:
        return typical
    off = peaks.ratio - typical[:, None]
    nearest = np.take_along_axis(off, np.abs(off).argmin(axis=1)[:, None], axis=1)[:, 0]
    return np.asarray(typical + np.where(np.abs(nearest) < TOLERANCE, nearest, 0.0))


def _distance(hz: Float64Array, index: int, f0_hz: float) -> float:
    """From a partial to the nearest other, free or harmonic; at least 1 Hz."""
    ratio = hz[index] / f0_hz
    others = np.abs(np.delete(hz, index) - hz[index]).min(initial=np.inf)
    return float(max(min(others, f0_hz * abs(ratio - max(round(ratio), 1))), 1.0))


def _course(turned: np.ndarray, size: int) -> np.ndarray:
    """Mean under a Hann window about each frame's centre, of what of it lies in the sound. Shape (F,), complex."""
    hann = np.hanning(size + 1)[:-1]
    starts = np.arange(len(turned) // PERIOD_SAMPLES) * PERIOD_SAMPLES + (PERIOD_SAMPLES + size) // 2
    summed, weighed = (
        sliding_window_view(np.pad(part, size), size)[starts] @ hann for part in (turned, np.ones(len(turned)))
    )
    return np.asarray(summed / weighed)


def _played(course: np.ndarray, turning: np.ndarray) -> Float64Array:
    """The partial as it sounds, its course in straight lines. Shape (T,)."""
    centres = (np.arange(len(course)) + 0.5) * PERIOD_SAMPLES
    time = np.arange(len(turning))
    smooth = np.interp(time, centres, course.real) + 1j * np.interp(time, centres, course.imag)
    return np.asarray(2 * (smooth * turning.conj()).real)
