"""Levels of rendered sounds: all files get the same peak, so that the first sound of an instrument is loud enough."""

from __future__ import annotations

import numpy as np
from tombola_device.contract.controls import Float32Array
from tombola_device.contract.errors import BadConfig

PEAK_DB = -1.0
"""dBFS: as loud as possible, with room for the overshoot that a lossy codec adds between samples."""
SILENCE_DB = -120.0


def peak_db(audio: Float32Array) -> float:
    """Peak level, dBFS; at least SILENCE_DB."""
    peak = float(np.abs(audio).max(initial=0.0))
    return max(20 * float(np.log10(max(peak, 1e-12))), SILENCE_DB)


def normalised(audio: Float32Array, to_db: float = PEAK_DB) -> Float32Array:
    """The sound with its peak at ``to_db`` dBFS; silence stays silence. Shape (T,)."""
    peak = float(np.abs(audio).max(initial=0.0))
    return np.asarray(audio * (10 ** (to_db / 20) / peak), np.float32) if peak > 0 else audio


def amplified(audio: Float32Array, gain_db: float) -> Float32Array:
    """The sound amplified by a gain in dB. Shape (T,).

    Raises:
        BadConfig: The sound would be clipped at full scale.
    """
    peak_after_db = peak_db(audio) + gain_db
    if peak_after_db > 0:
        most_db = np.floor(10 * -peak_db(audio)) / 10
        raise BadConfig(
            f"{gain_db:+g} dB would raise the peak to {peak_after_db:+.1f} dBFS and clip it; give at most "
            f"{most_db:g}, or leave --gain out to have it as loud as possible"
        )
    return np.asarray(audio * 10 ** (gain_db / 20), np.float32)
