"""The messages in bytes: scope with spectrum, maps, and blocks of sound (docs/browser.md). Pure."""

from __future__ import annotations

import struct
from typing import Final

import numpy as np
import numpy.typing as npt

from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array

SCOPE_SAMPLES: Final = 1024
WINDOW_SAMPLES: Final = 4096
BANDS: Final = 256
LOWEST_HZ, HIGHEST_HZ = 20.0, 20_000.0
FLOOR_DB: Final = -120.0
SCOPE, MAP = 1, 2
_HEAD: Final = struct.Struct("<BBHI")
_SOUND_HEAD: Final = struct.Struct("<II")


class Spectrum:
    """Powers in bands of equal width in octaves.

    >>> tone = np.sin(2 * np.pi * 1000 / SAMPLE_RATE_HZ * np.arange(WINDOW_SAMPLES)).astype(np.float32)
    >>> bands = Spectrum().of(tone)
    >>> int(bands.argmax()), round(float(bands.max()) / 2 + FLOOR_DB)
    (145, -1)
    """

    def __init__(self) -> None:
        self._window = np.hanning(WINDOW_SAMPLES)
        edges = np.geomspace(LOWEST_HZ, HIGHEST_HZ, BANDS + 1) * WINDOW_SAMPLES / SAMPLE_RATE_HZ
        low = np.floor(edges[:-1] + 0.5).astype(int)
        high = np.floor(edges[1:] + 0.5).astype(int)
        pairs = zip(low.tolist(), high.tolist(), strict=True)
        self._bins = [slice(first, max(last, first + 1)) for first, last in pairs]

    def of(self, samples: Float32Array) -> npt.NDArray[np.uint8]:
        """The peak of each band, 2 × (dBFS + 120). (4096,) → (256,)."""
        spectrum = np.abs(np.fft.rfft(samples * self._window)) * (2 / self._window.sum())
        peaks = np.array([spectrum[bins].max() for bins in self._bins])
        level_db = 20 * np.log10(np.maximum(peaks, 1e-6))
        bands: npt.NDArray[np.uint8] = np.clip(2 * (level_db - FLOOR_DB), 0, 255).astype(np.uint8)
        return bands


def scope_of(samples: Float32Array, spectrum: Spectrum) -> bytes:
    """Scope and spectrum of the newest samples, the same for all pages. (4096,)."""
    return pcm(samples[-SCOPE_SAMPLES:]) + spectrum.of(samples).tobytes()


def scope_message(seq: int, scope: bytes) -> bytes:
    """What ``scope_of`` gives, for one page."""
    return _HEAD.pack(SCOPE, 0, SCOPE_SAMPLES, seq) + scope


def map_message(seq: int, which: int, cells: npt.NDArray[np.uint8]) -> bytes:
    """A map. ``cells``: shape (side, side, 4)."""
    return _HEAD.pack(MAP, which, len(cells), seq) + cells.tobytes()


def sound_message(seq: int, written_us: int, sound: bytes) -> bytes:
    """A block of sound, from ``pcm``; ``written_us``: when its first sample was rendered."""
    return _SOUND_HEAD.pack(seq & 0xFFFFFFFF, written_us & 0xFFFFFFFF) + sound


def pcm(samples: Float32Array) -> bytes:
    """16 bit, little-endian."""
    scaled: bytes = np.clip(np.rint(samples * 32767.0), -32768, 32767).astype("<i2").tobytes()
    return scaled
