"""What a recording says beside its spectra: how its note ends, and what of it lies off the harmonic series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array

from tombola_host.corpus.harmonics import steady_peaks
from tombola_host.corpus.trim import HOP_SAMPLES, levels_db

SMOOTHED_S = 0.025
RELEASE_BELOW_DB, RELEASE_FALL_DB = 6.0, 20.0
"""The end of a held note is its fall from 6 to 26 dB below its middle."""
HELD_DB = 8.0
"""A note that has fallen by less than this from its first quarter to its middle was held."""
NEAR_PARTIAL = 0.15
"""A peak further than this share of f0 from a multiple of the first partial is not read as a partial."""
STRETCH_TO = 20
"""The highest partial whose place is compared with a multiple of the first."""


@dataclass(frozen=True, slots=True)
class Character:
    """Measures of one note.

    Args:
        release_db_per_s: How it fell when its player let go, < 0; None where that was not recorded.
        stretch_cents: How far its partials lie from the multiples of the first, weighted by their strength; ≥ 0.
        off_harmonic: Share of the power of its spectral peaks that lies between the partials, 0 … 1.
    """

    release_db_per_s: float | None = None
    stretch_cents: float = 0.0
    off_harmonic: float = 0.0


NOTHING_SPECIAL = Character()
"""A harmonic note whose end was not recorded."""


def character(piece: Float32Array, sounding: Float32Array, note: float) -> Character:
    """Measure a note.

    Args:
        piece: All that was recorded of it, with its end. 48 kHz, mono.
        sounding: The part that is learned from. 48 kHz, mono.
        note: MIDI note number.
    """
    stretch_cents, off_harmonic = _harmony(sounding, 440.0 * 2 ** ((note - 69) / 12))
    return Character(release_db_per_s(piece), stretch_cents, off_harmonic)


def release_db_per_s(piece: Float32Array) -> float | None:
    """How a held note falls at its end, dB per second; None if it was not held or does not fall by 26 dB."""
    power = uniform_filter1d(10 ** (levels_db(piece) / 10), round(SMOOTHED_S * SAMPLE_RATE_HZ / HOP_SAMPLES))
    level = 10 * np.log10(np.maximum(power, 1e-14))
    loud = np.flatnonzero(level > level.max() - 40.0)
    first, last = int(loud[0]), int(loud[-1])
    quarter = (last - first) // 4
    if quarter < 1 or np.median(level[first : first + quarter]) - level[first + 2 * quarter] > HELD_DB:
        return None
    middle_db = float(np.median(level[first + quarter : last - quarter + 1]))
    from_frame = int(np.flatnonzero(level >= middle_db - RELEASE_BELOW_DB)[-1])
    low = np.flatnonzero(level[from_frame:] <= middle_db - RELEASE_BELOW_DB - RELEASE_FALL_DB)
    if not low.size:
        return None
    return -RELEASE_FALL_DB / (int(low[0]) * HOP_SAMPLES / SAMPLE_RATE_HZ)


def _harmony(sounding: Float32Array, f0_hz: float) -> tuple[float, float]:
    """Stretch in cents, and the share of power off the harmonic series."""
    # Per partial over all frames, with its sign: so a vibrato is no stretch.
    cents, weights = np.zeros((2, STRETCH_TO + 1))
    off = power = 0.0
    for frame in steady_peaks(sounding, f0_hz):
        strength = frame.weight**2
        near_first = np.abs(frame.hz - f0_hz) < NEAR_PARTIAL * f0_hz
        own_hz = float(frame.hz[near_first][strength[near_first].argmax()]) if near_first.any() else f0_hz
        harmonic = np.maximum(np.round(frame.hz / own_hz), 1).astype(np.int64)
        away = np.abs(frame.hz - harmonic * own_hz) > NEAR_PARTIAL * own_hz
        power += float((strength**2).sum())
        off += float((strength[away] ** 2).sum())
        counted = ~away & (harmonic > 1) & (harmonic <= STRETCH_TO)
        deviation = 1200 * np.log2(frame.hz[counted] / (harmonic[counted] * own_hz))
        np.add.at(cents, harmonic[counted], strength[counted] * deviation)
        np.add.at(weights, harmonic[counted], strength[counted])
    return float(np.abs(cents).sum() / max(weights.sum(), 1e-9)), off / max(power, 1e-9)
