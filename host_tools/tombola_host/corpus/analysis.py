"""From the sound of one note to f0, level, partials and noise bands, 375 frames a second.

Everything is read on a time axis on which the note's pitch stands still (``unrolling``). Windows are as short as two
periods, at which a partial's neighbours vanish from its bin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.special import gamma
from tombola_device.contract.controls import SAMPLE_RATE_HZ, SILENCE_DB, Float32Array
from tombola_device.engine.noise import band_weights

from tombola_host.corpus.clip import NOISE_BANDS, PARTIALS
from tombola_host.corpus.intonation import follow
from tombola_host.corpus.unrolling import Unrolled, noise_gain, periods_for

ANALYSIS_VERSION = 3
"""Part of every cache key: raise it when a change here changes a number."""

PARTIAL_PERIODS, PARTIAL_SHORTEST = 2, 256
NOISE_PERIODS, NOISE_SHORTEST = 4, 1024
NOISE_EVERY = 2
HIGHEST_PARTIAL_HZ = 20_000.0
GAP = 0.25
"""Noise is read where the nearest partial is this share of f0 away or more."""
HANN_BINS = 1.5
"""Noise bandwidth of a Hann window."""
NOISE_EXPONENT = 0.1
"""Noise is averaged as power to this exponent, which is nearly the mean in dB: what leaks into a gap counts little."""
SMOOTHED_NOISE = 7
"""One spectrum is an uneven estimate of a noise's power: averaged over 14 frames (37 ms)."""
SMOOTHED_PARTIAL_FRAMES = 7


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
    f0_hz = follow(audio, note)
    periods = periods_for(float(np.median(f0_hz)), NOISE_PERIODS, NOISE_SHORTEST)
    unrolled = Unrolled(audio, f0_hz, periods)
    density, width_hz = _noise(unrolled, periods)
    density = np.repeat(density, NOISE_EVERY, axis=0)[: len(f0_hz)]
    noise = np.sqrt(density * width_hz)
    partials = _partials(unrolled, density)
    partials *= np.arange(1, PARTIALS + 1) * f0_hz[:, None] < HIGHEST_PARTIAL_HZ
    power = np.sum(partials**2, axis=1) + np.sum(noise**2, axis=1)
    level_db = np.maximum(10 * np.log10(power + 1e-12), SILENCE_DB)
    return Analysis(*(np.asarray(array, np.float32) for array in (f0_hz, level_db, partials, noise)))


def _noise(note: Unrolled, periods: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise of every second frame in power per Hz, shape (⌈F / 2⌉, B), and the bands' widths in Hz, shape (B,)."""
    bins = np.arange(periods * note.period_samples // 2 + 1)
    bin_hz = note.f0_hz / periods
    weights = band_weights(bins * bin_hz, NOISE_BANDS).T * (bins * bin_hz < SAMPLE_RATE_HZ / 2)[:, None]
    share = bins / periods % 1
    gain = noise_gain(bins, periods)
    # Below the first partial there is nothing to take away, and the two bins of a microphone's offset to leave out.
    below = (bins >= 2) & (bins < periods / 2)
    between = (np.minimum(share, 1 - share) >= GAP) & ~below
    seen = weights[below].sum(axis=0) + weights[between].sum(axis=0)
    raised = [
        (_power(plain[:, below]) ** NOISE_EXPONENT) @ weights[below]
        + ((_power(noise[:, between]) / gain[between]) ** NOISE_EXPONENT) @ weights[between]
        for plain, noise in zip(
            note.spectra(periods, NOISE_EVERY), note.noise_spectra(periods, NOISE_EVERY), strict=True
        )
    ]
    mean = uniform_filter1d(np.concatenate(raised) / np.maximum(seen, 1e-9), SMOOTHED_NOISE, axis=0, mode="nearest")
    power = (mean / gamma(1 + NOISE_EXPONENT)) ** (1 / NOISE_EXPONENT)
    width = weights.sum(axis=0)
    return _fill_unseen(power / (HANN_BINS * bin_hz), seen > 0.02 * width), width * bin_hz


def _fill_unseen(density: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Bands narrower than the distance of two partials have no gap: take the neighbours' density, in dB."""
    if seen.all() or not seen.any():
        return density
    bands = np.arange(len(seen))
    shares = [np.interp(bands, bands[seen], one) for one in np.eye(int(seen.sum()))]
    return np.asarray(np.exp(np.log(density[:, seen] + 1e-20) @ np.array(shares)))


def _partials(note: Unrolled, density: np.ndarray) -> np.ndarray:
    """RMS amplitudes of the partials, without the noise in their bins. Shape (F, PARTIALS)."""
    periods = periods_for(note.f0_hz, PARTIAL_PERIODS, PARTIAL_SHORTEST)
    harmonic = np.arange(1, min(PARTIALS, note.period_samples // 2 - 1) + 1)
    power = np.concatenate([_power(spectrum[:, periods * harmonic]) for spectrum in note.spectra(periods)])
    nearest = band_weights(harmonic * note.f0_hz, NOISE_BANDS).argmax(axis=0)
    noise = density[:, nearest] * (HANN_BINS * note.f0_hz / periods)
    # A partial that rises above the noise keeps all its movement; one that does not would flicker.
    smooth = uniform_filter1d(power, SMOOTHED_PARTIAL_FRAMES, axis=0, mode="nearest")
    share = np.clip(1 - noise / np.maximum(smooth, 1e-20), 0.0, 1.0)
    partials = np.zeros((len(power), PARTIALS))
    partials[:, : len(harmonic)] = np.sqrt(power * share)
    return partials


def _power(spectrum: np.ndarray) -> np.ndarray:
    return np.asarray(spectrum.real**2 + spectrum.imag**2)
