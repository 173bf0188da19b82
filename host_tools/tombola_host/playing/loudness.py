"""How loud a sound is to the ear, and sounds brought to one loudness, so that louder does not win a comparison."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.signal import lfilter
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array

from tombola_host.playing.level import PEAK_DB, peak_db

# BS.1770-4, tables 1 and 2: at 48 kHz the head as a sphere, then the revised low-frequency B curve.
_SHELF: Final = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
_HIGH_PASS: Final = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
BLOCK_SAMPLES: Final = round(0.4 * SAMPLE_RATE_HZ)
HOP_SAMPLES: Final = BLOCK_SAMPLES // 4
ABSOLUTE_GATE: Final = -70.0
RELATIVE_GATE: Final = -10.0
OFFSET: Final = -0.691
SILENT: Final = -120.0


def loudness_lufs(audio: Float32Array) -> float:
    """Integrated loudness of a mono sound, LUFS; SILENT if nothing of it is above the gate.

    A sound shorter than 0.4 s is one block.

    Args:
        audio: 48 kHz. Shape (T,).

    Source: ITU-R BS.1770-4.

    >>> tone = np.sin(2 * np.pi * 997 * np.arange(48_000) / 48_000).astype(np.float32)
    >>> round(loudness_lufs(tone), 2)
    -3.01
    """
    weighted = lfilter(*_HIGH_PASS, lfilter(*_SHELF, np.asarray(audio, np.float64)))
    starts = range(0, max(len(weighted) - BLOCK_SAMPLES, 0) + 1, HOP_SAMPLES)
    power = np.array([np.mean(weighted[start : start + BLOCK_SAMPLES] ** 2) for start in starts if len(weighted)])
    loud = power[_lufs(power) > ABSOLUTE_GATE]
    if not len(loud):
        return SILENT
    return float(_lufs(loud[_lufs(loud) > _lufs(loud.mean()) + RELATIVE_GATE].mean()))


def matched(sounds: list[Float32Array], to_lufs: float) -> list[Float32Array]:
    """The same sounds, all equally loud: at ``to_lufs``, or lower if the peak of one would rise above PEAK_DB.

    Silence stays silence.
    """
    loudness = [loudness_lufs(sound) for sound in sounds]
    heard = [(own, peak_db(sound)) for own, sound in zip(loudness, sounds, strict=True) if own > SILENT]
    level = min([to_lufs, *(own + PEAK_DB - peak for own, peak in heard)])
    return [
        np.asarray(sound * 10 ** ((level - own) / 20), np.float32) if own > SILENT else sound
        for own, sound in zip(loudness, sounds, strict=True)
    ]


def _lufs(power: np.ndarray) -> np.ndarray:
    return np.asarray(OFFSET + 10 * np.log10(np.maximum(power, 1e-13)))
