"""From the sound of one note to f0, level, partials and noise bands, 375 frames a second.

The partials are read off a spectrum whose window spans at least four periods: there the side lobes of a Hann window
from two neighbouring partials both vanish half-way between them, so that what is left in the gaps is noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import median_filter, uniform_filter1d
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ, SILENCE_DB, Float32Array
from tombola_device.engine.noise import band_weights

from tombola_host.corpus.clip import NOISE_BANDS, PARTIALS

ANALYSIS_VERSION = 2
"""Part of every cache key: raise it when a change here changes a number."""

WINDOW_PERIODS = 4
SHORTEST_WINDOW, LONGEST_WINDOW = 1024, 8192
ZERO_PADDING = 4
"""With four times as many bins, interpolating magnitudes linearly between them errs by less than 1 %."""
SEARCH_CENTS = 90.0
PITCH_PARTIALS = 12
MAIN_LOBE_BINS = 2.0
HIGHEST_PARTIAL_HZ = 20_000.0
_CHUNK_FRAMES = 256


@dataclass(frozen=True, slots=True)
class Analysis:
    """The arrays of a ``Clip`` that are measured. Shapes as there."""

    f0_hz: Float32Array
    level_db: Float32Array
    partials: Float32Array
    noise: Float32Array


def analyse(audio: Float32Array, note: float) -> Analysis:
    """Measure one note.

    Args:
        audio: 48 kHz, mono, a whole number of periods. Shape (F * 128,), float32.
        note: The steady part's MIDI note number, fractional.

    Source: the partials-plus-noise model of Serra & Smith 1990, "Spectral modeling synthesis".
    """
    centre_hz = 440.0 * 2 ** ((note - 69) / 12)
    window = _window_samples(centre_hz)
    f0_hz = _refine_f0(audio, centre_hz, window)
    partials, noise = [], []
    start = 0
    for spectrum in _spectra(audio, window):
        chunk_f0 = f0_hz[start : start + len(spectrum)]
        chunk_partials, chunk_noise = _partials_and_noise(spectrum, chunk_f0, window)
        partials.append(chunk_partials)
        noise.append(chunk_noise)
        start += len(spectrum)
    all_partials = np.concatenate(partials).astype(np.float32)
    # One spectrum is a very uneven estimate of a noise's power: average over 5 frames (13 ms).
    all_noise = np.sqrt(uniform_filter1d(np.concatenate(noise) ** 2, 5, axis=0)).astype(np.float32)
    power = np.sum(all_partials.astype(np.float64) ** 2, axis=1) + np.sum(all_noise.astype(np.float64) ** 2, axis=1)
    level_db = np.maximum(10 * np.log10(power + 1e-12), SILENCE_DB).astype(np.float32)
    return Analysis(f0_hz.astype(np.float32), level_db, all_partials, all_noise)


def _window_samples(f0_hz: float) -> int:
    wanted = int(np.ceil(WINDOW_PERIODS * SAMPLE_RATE_HZ / f0_hz / 2)) * 2
    return int(np.clip(wanted, SHORTEST_WINDOW, LONGEST_WINDOW))


def _spectra(audio: Float32Array, window: int) -> Iterator[np.ndarray]:
    """Power spectra centred on the frames, scaled so that a sine's peak is its mean square.

    Yields arrays of shape (frames ≤ 256, bins).
    """
    frames = len(audio) // PERIOD_SAMPLES
    hann = np.hanning(window + 1)[:-1].astype(np.float32)
    before = window // 2 - PERIOD_SAMPLES // 2
    padded = np.pad(audio, (before, window))
    views = sliding_window_view(padded, window)[::PERIOD_SAMPLES][:frames]
    fft_samples = ZERO_PADDING * int(2 ** np.ceil(np.log2(window)))
    scale = 2.0 / float(hann.sum()) ** 2
    for start in range(0, frames, _CHUNK_FRAMES):
        spectrum = np.fft.rfft(views[start : start + _CHUNK_FRAMES] * hann, fft_samples, axis=1)
        yield (spectrum.real**2 + spectrum.imag**2) * scale


def _read(spectrum: np.ndarray, frequency_hz: np.ndarray) -> np.ndarray:
    """Magnitude at any frequency, between bins linearly. Both (F, n)."""
    bins = spectrum.shape[1]
    position = np.clip(frequency_hz * (2 * (bins - 1) / SAMPLE_RATE_HZ), 0, bins - 1.001)
    index = position.astype(np.int64)
    fraction = position - index
    rows = np.arange(len(spectrum))[:, None]
    low, high = spectrum[rows, index], spectrum[rows, index + 1]
    return np.asarray(np.sqrt(low) * (1 - fraction) + np.sqrt(high) * fraction)


def _refine_f0(audio: Float32Array, centre_hz: float, window: int) -> np.ndarray:
    """The f0 within ±90 cents at which the first partials together are strongest, smoothed. Shape (F,), Hz."""
    cents = np.arange(-SEARCH_CENTS, SEARCH_CENTS + 1, 3.0)
    candidates_hz = centre_hz * 2 ** (cents / 1200)
    count = int(np.clip(6_000 / centre_hz, 1, PITCH_PARTIALS))
    grid_hz = (candidates_hz[:, None] * np.arange(1, count + 1)).ravel()
    offsets, strengths = [], []
    for spectrum in _spectra(audio, min(2 * window, LONGEST_WINDOW)):
        magnitude = _read(spectrum, np.broadcast_to(grid_hz, (len(spectrum), grid_hz.size)))
        score = np.sqrt(magnitude.reshape(len(spectrum), cents.size, count) + 1e-9).sum(axis=2)
        best = np.clip(score.argmax(axis=1), 1, cents.size - 2)
        rows = np.arange(len(best))
        left, peak, right = score[rows, best - 1], score[rows, best], score[rows, best + 1]
        shift = 0.5 * (left - right) / np.minimum(left - 2 * peak + right, -1e-9)
        offsets.append(cents[best] + 3.0 * np.clip(shift, -1, 1))
        strengths.append(magnitude.max(axis=1))
    offset, strength = np.concatenate(offsets), np.concatenate(strengths)
    # Where the note has died away the search follows noise: hold the median of the part that sounds.
    sounding = strength >= 0.01 * strength.max()
    offset = np.where(sounding, offset, np.median(offset[sounding]))
    offset = uniform_filter1d(median_filter(offset, 9, mode="nearest"), 9, mode="nearest")
    return np.asarray(centre_hz * 2 ** (offset / 1200))


def _partials_and_noise(spectrum: np.ndarray, f0_hz: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """RMS amplitudes of partials, shape (F, PARTIALS), and of noise bands, shape (F, NOISE_BANDS)."""
    bins = spectrum.shape[1]
    frequency_hz = np.arange(bins) * (SAMPLE_RATE_HZ / (2 * (bins - 1)))
    lobe_hz = MAIN_LOBE_BINS * SAMPLE_RATE_HZ / window
    # Power of white noise in one bin, relative to a sine's peak, per Hz: the window's noise bandwidth is 1.5 bins.
    density_per_peak = window / (1.5 * SAMPLE_RATE_HZ)

    distance_hz = np.abs((frequency_hz[None, :] / f0_hz[:, None] + 0.5) % 1.0 - 0.5) * f0_hz[:, None]
    gap = distance_hz > np.minimum(lobe_hz, 0.42 * f0_hz)[:, None]
    gap |= frequency_hz[None, :] < 0.5 * f0_hz[:, None]
    weights = band_weights(frequency_hz, NOISE_BANDS).T
    seen = gap @ weights
    density = (np.where(gap, spectrum, 0.0) @ weights) * density_per_peak / np.maximum(seen, 1e-9)
    density = _fill_unseen(density, seen > 0.02 * weights.sum(axis=0))
    noise_power = density * weights.sum(axis=0) * (frequency_hz[1] - frequency_hz[0])

    harmonic = np.arange(1, PARTIALS + 1)
    partial_hz = f0_hz[:, None] * harmonic
    # Strings are slightly inharmonic: look a little to both sides, less than to the gap.
    reach = np.minimum(0.1 * f0_hz[:, None], lobe_hz / 2)
    peak = np.max([_read(spectrum, partial_hz + step * reach) for step in (-1.0, -0.5, 0.0, 0.5, 1.0)], axis=0)
    per_partial = np.maximum(partial_hz, frequency_hz[1])
    floor = _interpolate_bands(density, frequency_hz, weights, per_partial) / density_per_peak
    partials = np.sqrt(np.maximum(peak**2 - 2.0 * floor, 0.0))
    return np.where(partial_hz < HIGHEST_PARTIAL_HZ, partials, 0.0), np.sqrt(noise_power)


def _fill_unseen(density: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Bands narrower than the distance of two partials have no gap: take the neighbours' density, in dB."""
    log_density = np.log(density + 1e-20)
    bands = np.arange(density.shape[1])
    for row, known in zip(log_density, seen, strict=True):
        if known.any() and not known.all():
            row[~known] = np.interp(bands[~known], bands[known], row[known])
    return np.exp(log_density)


def _interpolate_bands(
    density: np.ndarray, frequency_hz: np.ndarray, weights: np.ndarray, at_hz: np.ndarray
) -> np.ndarray:
    """Noise density at the partials: the nearest band's. Shape of ``at_hz``."""
    nearest = weights.argmax(axis=1)
    index = np.clip((at_hz / frequency_hz[1]).astype(np.int64), 0, len(frequency_hz) - 1)
    return np.take_along_axis(density, nearest[index], axis=1)
