"""The pitch of one note from frame to frame: a search near the note, then the pace at which its partials turn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import median_filter, uniform_filter1d
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ, Float32Array

from tombola_host.corpus.unrolling import Unrolled, periods_for

SEARCH_CENTS = 90.0
SEARCH_STEP_CENTS = 3.0
SEARCH_PERIODS = 8
SEARCH_SHORTEST, SEARCH_LONGEST = 2048, 8192
SEARCH_EVERY = 4
"""The search is only where the pace starts from: 94 times a second are enough."""
PITCH_PARTIALS = 12
HIGHEST_PITCH_HZ = 6_000.0
LONG_ABOVE_HZ = 160.0
"""Eight periods are steadier than four, but below this pitch they are longer than half a vibrato's turn may be."""
PACE_SHORTEST = 384
SOUNDING = 0.01
LARGEST_STEP = 0.06
"""A semitone: what the pace may differ from the search by."""
_ZERO_PADDING = 4
"""With four times as many bins, interpolating magnitudes linearly between them errs by less than 1 %."""
_CHUNK_FRAMES = 256


def follow(audio: Float32Array, note: float) -> np.ndarray:
    """F0 of each frame at its centre. Shape (F,), Hz.

    Args:
        audio: 48 kHz, mono, a whole number of periods. Shape (F * 128,), float32.
        note: The steady part's MIDI note number; f0 is found within ±90 cents of it.
    """
    centre_hz = 440.0 * 2 ** ((note - 69) / 12)
    found_hz = _search(audio, centre_hz)
    frames = len(audio) // PERIOD_SAMPLES
    f0_hz = np.interp(np.arange(frames), np.arange(len(found_hz)) * SEARCH_EVERY, found_hz)
    return np.asarray(f0_hz * (1 + _pace(audio, f0_hz)))


def _search(audio: Float32Array, centre_hz: float) -> np.ndarray:
    """The f0 at which the first partials together are strongest, of every fourth frame. Shape (⌈F / 4⌉,), Hz."""
    cents = np.arange(-SEARCH_CENTS, SEARCH_CENTS + 1, SEARCH_STEP_CENTS)
    candidates_hz = centre_hz * 2 ** (cents / 1200)
    count = _pitch_partials(centre_hz)
    grid_hz = (candidates_hz[:, None] * np.arange(1, count + 1)).ravel()
    window = 2 * int(np.ceil(SEARCH_PERIODS * SAMPLE_RATE_HZ / centre_hz / 2))
    offsets, strengths = [], []
    for spectrum in _power_spectra(audio, int(np.clip(window, SEARCH_SHORTEST, SEARCH_LONGEST))):
        magnitude = _read(spectrum, grid_hz)
        score = np.sqrt(magnitude.reshape(len(spectrum), cents.size, count) + 1e-9).sum(axis=2)
        best = np.clip(score.argmax(axis=1), 1, cents.size - 2)
        rows = np.arange(len(best))
        left, peak, right = score[rows, best - 1], score[rows, best], score[rows, best + 1]
        shift = 0.5 * (left - right) / np.minimum(left - 2 * peak + right, -1e-9)
        offsets.append(cents[best] + SEARCH_STEP_CENTS * np.clip(shift, -1, 1))
        strengths.append(magnitude.max(axis=1))
    offset, strength = np.concatenate(offsets), np.concatenate(strengths)
    # Where the note has died away the search follows noise: hold the median of the part that sounds.
    sounding = strength >= SOUNDING * strength.max()
    offset = np.where(sounding, offset, np.median(offset[sounding]))
    return np.asarray(centre_hz * 2 ** (median_filter(offset, 3, mode="nearest") / 1200))


def _pace(audio: Float32Array, f0_hz: np.ndarray) -> np.ndarray:
    """By how much the partials turn faster than f0 says, as a share of f0. Shape (F,).

    Weak partials count nearly as much as strong ones: where two strings beat, a single one turns erratically.
    """
    if len(f0_hz) < 2:
        return np.zeros(len(f0_hz))
    middle_hz = float(np.median(f0_hz))
    periods = periods_for(middle_hz, 8 if middle_hz > LONG_ABOVE_HZ else 4, PACE_SHORTEST)
    note = Unrolled(audio, f0_hz, periods)
    harmonic = np.arange(1, _pitch_partials(middle_hz) + 1)
    turning = np.concatenate([spectrum[:, periods * harmonic] for spectrum in note.spectra(periods)])
    step = note.steps[:, None]
    between = turning[1:] * turning[:-1].conj() * np.exp(-2j * np.pi * harmonic * step)
    weight = np.sqrt(np.abs(between)) * harmonic
    turns = np.angle(between) / (2 * np.pi * step)
    faster = (weight * turns).sum(axis=1) / ((weight * harmonic).sum(axis=1) + 1e-20)
    strength = np.abs(between).sum(axis=1)
    faster = np.where(strength >= SOUNDING**2 * strength.max(), np.clip(faster, -LARGEST_STEP, LARGEST_STEP), 0.0)
    at_frames = np.concatenate([faster[:1], 0.5 * (faster[1:] + faster[:-1]), faster[-1:]])
    return np.asarray(uniform_filter1d(median_filter(at_frames, 3, mode="nearest"), 3, mode="nearest"))


def _pitch_partials(f0_hz: float) -> int:
    return int(np.clip(HIGHEST_PITCH_HZ / f0_hz, 1, PITCH_PARTIALS))


def _power_spectra(audio: Float32Array, window: int) -> Iterator[np.ndarray]:
    """Power spectra centred on every fourth frame. Shape (frames ≤ 256, bins)."""
    frames = len(audio) // PERIOD_SAMPLES
    hann = np.hanning(window + 1)[:-1].astype(np.float32)
    before = window // 2 - PERIOD_SAMPLES // 2
    views = sliding_window_view(np.pad(audio, (before, window)), window)[: frames * PERIOD_SAMPLES]
    views = views[:: SEARCH_EVERY * PERIOD_SAMPLES]
    transform = _ZERO_PADDING * int(2 ** np.ceil(np.log2(window)))
    scale = 2.0 / float(hann.sum()) ** 2
    for start in range(0, len(views), _CHUNK_FRAMES):
        spectrum = np.fft.rfft(views[start : start + _CHUNK_FRAMES] * hann, transform, axis=1)
        yield (spectrum.real**2 + spectrum.imag**2) * scale


def _read(spectrum: np.ndarray, frequency_hz: np.ndarray) -> np.ndarray:
    """Magnitudes (F, bins) at n frequencies, between bins linearly. Shape (F, n)."""
    bins = spectrum.shape[1]
    position = np.clip(frequency_hz * (2 * (bins - 1) / SAMPLE_RATE_HZ), 0, bins - 1.001)
    index = position.astype(np.int64)
    fraction = position - index
    return np.asarray(np.sqrt(spectrum[:, index]) * (1 - fraction) + np.sqrt(spectrum[:, index + 1]) * fraction)
