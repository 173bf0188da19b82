"""Finds the fundamental of a note from the peaks of its spectrum, without octave errors.

A subharmonic of the note explains all of its peaks, but half of the subharmonic's partials are missing; an overtone has
all of its partials, but leaves peaks unexplained. The product of both shares is largest at the note itself.

Source: the two-way mismatch of Maher & Beauchamp 1994, "Fundamental frequency estimation of musical signals", with
shares instead of distances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import maximum_filter1d, percentile_filter
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array

from tombola_host.corpus.trim import HOP_SAMPLES, levels_db

WINDOW_SAMPLES = 8_192
"""171 ms: partials 24 Hz apart are two."""
LONG_WINDOW_SAMPLES = 16_384
LONG_WINDOW_BELOW_HZ = 50.0
MAX_FRAMES = 24
HOP_S = 0.05
STEADY_DB = 20.0
ATTACK_S = 0.06
LOWEST_HZ, HIGHEST_HZ = 25.0, 5_000.0
HIGHEST_PEAK_HZ = 12_000.0
MAX_PEAKS = 30
PEAK_RANGE_DB = 50.0
PEAK_ABOVE_FLOOR_DB = 12.0
PARTIALS = 15
REFINE_PARTIALS = 6
"""Higher partials of a string are sharp by more than a few cents."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """Spectral peaks of one frame: ``hz``, ``weight`` = square root of the amplitude, the largest is 1. Shape (P,)."""

    hz: np.ndarray
    weight: np.ndarray


def steady_peaks(audio: Float32Array, lowest_hz: float) -> list[Peaks]:
    """Peaks of up to 24 frames, taken after the attack and within 20 dB of the loudest frame."""
    window = LONG_WINDOW_SAMPLES if lowest_hz < LONG_WINDOW_BELOW_HZ else WINDOW_SAMPLES
    window = min(window, len(audio))
    frames = _steady_frames(audio, window)
    transform = 1 << int(np.ceil(np.log2(2 * window)))
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(window).astype(np.float32), transform, axis=1)) + 1e-9
    bin_hz = SAMPLE_RATE_HZ / transform
    highest = int(HIGHEST_PEAK_HZ / bin_hz)
    log_spectrum = 20 * np.log10(spectrum[:, : highest + 2])
    # The floor is wider than the distance of any two partials below 1 kHz and much wider than a peak.
    step = 8
    floor = percentile_filter(log_spectrum[:, ::step], 40, size=(1, max(int(600 / bin_hz / step), 3)))
    floor = np.repeat(floor, step, axis=1)[:, : log_spectrum.shape[1]]
    width = max(int(0.6 * transform / window), 1) * 2 + 1
    is_peak = maximum_filter1d(log_spectrum, width, axis=1) == log_spectrum
    is_peak[:, [0, -1]] = False
    is_peak &= log_spectrum > log_spectrum.max(axis=1, keepdims=True) - PEAK_RANGE_DB
    is_peak &= log_spectrum > floor + PEAK_ABOVE_FLOOR_DB
    return [_frame_peaks(row, flags, bin_hz) for row, flags in zip(log_spectrum, is_peak, strict=True)]


def _steady_frames(audio: Float32Array, window: int) -> np.ndarray:
    """Windows spread evenly over the steady part. Shape (n ≤ 24, window)."""
    level = levels_db(audio)
    loud = np.flatnonzero(level > level.max() - STEADY_DB)
    first = int(loud[0]) * HOP_SAMPLES + int(ATTACK_S * SAMPLE_RATE_HZ)
    last = (int(loud[-1]) + 1) * HOP_SAMPLES - window
    last = min(max(last, 0), len(audio) - window)
    first = min(first, last)
    count = int(np.clip(round((last - first) / SAMPLE_RATE_HZ / HOP_S), 1, MAX_FRAMES))
    starts = np.linspace(first, last, count).astype(np.int64)
    return np.asarray(sliding_window_view(audio, window)[starts])


def _frame_peaks(log_spectrum: np.ndarray, flags: np.ndarray, bin_hz: float) -> Peaks:
    index = np.flatnonzero(flags)
    index = np.sort(index[np.argsort(log_spectrum[index])[-MAX_PEAKS:]])
    left, peak, right = log_spectrum[index - 1], log_spectrum[index], log_spectrum[index + 1]
    # A Hann peak is nearly a parabola in dB; at this zero padding the error is below 0.02 bins.
    shift = 0.5 * (left - right) / np.minimum(left - 2 * peak + right, -1e-9)
    weight = 10 ** ((peak - peak.max(initial=-200.0)) / 40)
    hz = (index + np.clip(shift, -0.5, 0.5)) * bin_hz
    return Peaks(hz[hz > LOWEST_HZ / 2], weight[hz > LOWEST_HZ / 2])


def fit(peaks: list[Peaks], candidate_hz: np.ndarray) -> np.ndarray:
    """How well each fundamental explains the frames: 0 … 1, the median over them. Shape (n,)."""
    scores = [_fit_frame(frame, candidate_hz) for frame in peaks if frame.hz.size]
    return np.median(scores, axis=0) if scores else np.zeros(len(candidate_hz))


def _fit_frame(peaks: Peaks, candidate_hz: np.ndarray) -> np.ndarray:
    closeness, harmonic = _closeness(peaks, candidate_hz)
    explained = (closeness * peaks.weight).sum(axis=1) / peaks.weight.sum()
    # Partials asked for: up to the highest one that any peak fills. Presence counts softly, over 40 dB of amplitude.
    present = np.zeros((len(candidate_hz), PARTIALS + 1))
    rows = np.broadcast_to(np.arange(len(candidate_hz))[:, None], harmonic.shape)
    inside = (harmonic >= 1) & (harmonic <= PARTIALS)
    np.maximum.at(present, (rows[inside], harmonic[inside]), (closeness * np.sqrt(peaks.weight))[inside])
    present = present[:, 1:]
    filled = present > 0.2
    asked = PARTIALS - np.argmax(filled[:, ::-1], axis=1)
    asked = np.where(filled.any(axis=1), asked, PARTIALS)
    # The first few count most: high partials come and go.
    importance = 1 / np.sqrt(np.arange(1, PARTIALS + 1)) * (np.arange(PARTIALS) < asked[:, None])
    coverage = (np.minimum(present / 0.5, 1.0) * importance).sum(axis=1) / importance.sum(axis=1)
    return np.asarray(explained * coverage)


def _closeness(peaks: Peaks, candidate_hz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How near each peak lies to a multiple of each candidate, 0 … 1, and which multiple. Shapes (n, P)."""
    ratio = peaks.hz[None, :] / candidate_hz[:, None]
    harmonic = np.maximum(np.round(ratio), 1).astype(np.int64)
    tolerance = np.minimum(0.02 + 0.012 * harmonic, 0.2)
    return np.clip(1.5 - 1.5 * np.abs(ratio - harmonic) / tolerance, 0.0, 1.0), harmonic


def refine(peaks: list[Peaks], near_hz: float, reach_cents: float) -> tuple[np.ndarray, np.ndarray]:
    """The fundamental of each frame, within ``reach_cents`` of ``near_hz``, and how well it fits. Shapes (n,)."""
    grid_hz = near_hz * 2 ** (np.arange(-reach_cents, reach_cents + 1, 5.0) / 1200)
    found, fits = [], []
    for frame in peaks:
        if not frame.hz.size:
            continue
        ratio = frame.hz[None, :] / grid_hz[:, None]
        harmonic = np.maximum(np.round(ratio), 1)
        usable = frame.weight**2 * (harmonic <= REFINE_PARTIALS)
        # A peak may be off by 15 cents from the multiple and still pull.
        near = np.clip(1 - np.abs(1200 * np.log2(ratio / harmonic)) / 15, 0, 1)
        strength = (near * usable).sum(axis=1)
        best = int(strength.argmax())
        pull = usable[best] * (near[best] > 0)
        if pull.sum() > 0:
            found.append(float((pull * harmonic[best] * frame.hz).sum() / (pull * harmonic[best] ** 2).sum()))
            fits.append(float(_fit_frame(frame, np.array([found[-1]]))[0]))
    return np.array(found), np.array(fits)
