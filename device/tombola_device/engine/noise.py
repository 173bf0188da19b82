"""White noise, split into bands once, so that filtering it in each period is one small matrix product."""

from __future__ import annotations

import math

import numpy as np

from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ, Float32Array

TABLE_SAMPLES = 1 << 17
"""The bands repeat after 2.7 s; each voice and each band starts at another place, so no loop can be heard."""
LOWEST_HZ, HIGHEST_HZ = 60.0, 22_000.0


def band_centres_hz(bands: int) -> np.ndarray:
    """Centre frequencies, evenly spaced on the ERB-rate scale. Shape (bands,), Hz.

    Source: Glasberg & Moore 1990, "Derivation of auditory filter shapes from notched-noise data".
    """
    low, high = (21.4 * math.log10(1 + 0.00437 * frequency_hz) for frequency_hz in (LOWEST_HZ, HIGHEST_HZ))
    return np.asarray((10 ** (np.linspace(low, high, bands) / 21.4) - 1) / 0.00437, np.float64)


def band_weights(frequency_hz: np.ndarray, bands: int) -> np.ndarray:
    """Share of the power at each frequency that each band gets; shares sum to 1. Shape (bands, len(frequency_hz))."""
    position = np.interp(frequency_hz, band_centres_hz(bands), np.arange(bands))
    return np.asarray(np.clip(1.0 - np.abs(position[None, :] - np.arange(bands)[:, None]), 0.0, 1.0), np.float64)


def noise_table(bands: int, seed: int = 0) -> Float32Array:
    """Noise bands, each of RMS 1.0, that loop seamlessly. Shape (bands, TABLE_SAMPLES), float32.

    Source: the idea of Barahona-Ríos & Collins 2023, "NoiseBandNet" (fixed noise bands, learned gains).
    """
    rng = np.random.default_rng(seed)
    frequency_hz = np.fft.rfftfreq(TABLE_SAMPLES, 1 / SAMPLE_RATE_HZ)
    amplitude = np.sqrt(band_weights(frequency_hz, bands))
    table = np.empty((bands, TABLE_SAMPLES), np.float32)
    spectrum = np.zeros(frequency_hz.size, np.complex128)
    for band in range(bands):
        phase = rng.uniform(0.0, 2 * np.pi, frequency_hz.size)
        (inside,) = np.nonzero(amplitude[band])  # Only a few bins: the table takes half the time of a start.
        spectrum[:] = 0.0
        spectrum[inside] = amplitude[band][inside] * np.exp(1j * phase[inside])
        signal = np.fft.irfft(spectrum, TABLE_SAMPLES)
        table[band] = signal / np.sqrt(np.mean(signal**2))
    return table


def overlapping(noise: Float32Array, following: Float32Array) -> Float32Array:
    """One period of noise bands fading in, and the next period fading out: two (…, B, 128) → (…, B, 256).

    Multiplied by a gain and overlap-added from period to period, this gives noise whose gain moves in straight lines.
    """
    rise = np.arange(1, PERIOD_SAMPLES + 1, dtype=np.float32) / np.float32(PERIOD_SAMPLES)
    return np.ascontiguousarray(np.concatenate([noise * rise, following * (1 - rise)], axis=-1))
