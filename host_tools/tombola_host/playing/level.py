"""Levels of finished sounds: files are brought to one peak, so that the first sound of an instrument is loud enough."""

from __future__ import annotations

import numpy as np
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array
from tombola_device.contract.errors import BadConfig

PEAK_DB = -1.0
"""dBFS: as loud as it goes, with room for what a lossy coder adds between samples."""
SILENCE_DB = -120.0
FADE_S = 0.02
"""Takes what still rings to zero at the end, so that a file ends without a click."""


def peak_db(audio: Float32Array) -> float:
    """The highest sample, dBFS; SILENCE_DB at the least."""
    peak = float(np.abs(audio).max(initial=0.0))
    return max(20 * float(np.log10(max(peak, 1e-12))), SILENCE_DB)


def normalised(audio: Float32Array, to_db: float = PEAK_DB) -> Float32Array:
    """The same sound with its highest sample at ``to_db`` dBFS; silence stays silence. Shape (T,)."""
    peak = float(np.abs(audio).max(initial=0.0))
    return np.asarray(audio * (10 ** (to_db / 20) / peak), np.float32) if peak > 0 else audio


def amplified(audio: Float32Array, gain_db: float) -> Float32Array:
    """The same sound, so many dB louder. Shape (T,).

    Raises:
        BadConfig: The gain is no finite number, or the sound would be cut off at full scale.
    """
    if not np.isfinite(gain_db):
        raise BadConfig(f"{gain_db} is not a number of dB; give --gain one, such as 6")
    peak_after_db = peak_db(audio) + gain_db
    if peak_after_db > 0:
        most_db = np.floor(10 * -peak_db(audio)) / 10
        raise BadConfig(
            f"{gain_db:+g} dB would raise the peak to {peak_after_db:+.1f} dBFS and clip it; give at most "
            f"{most_db:g}, or leave --gain out: the sound then peaks at {PEAK_DB:g} dBFS"
        )
    return np.asarray(audio * 10 ** (gain_db / 20), np.float32)


def faded(audio: Float32Array) -> Float32Array:
    """The same sound, silent at its end. Shape (T,)."""
    fade = np.interp(np.arange(len(audio)), [len(audio) - 1 - FADE_S * SAMPLE_RATE_HZ, len(audio) - 1], [1, 0])
    return np.asarray(audio * fade, np.float32)
