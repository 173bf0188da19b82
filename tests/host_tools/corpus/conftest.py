"""Sounds and files that the corpus tests make themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array

Tone = Callable[..., Float32Array]
Write = Callable[..., Path]


def make_tone(
    note: float,
    seconds: float = 0.5,
    *,
    rate_hz: int = SAMPLE_RATE_HZ,
    partials: int = 8,
    step: int = 1,
    level: float = 0.2,
) -> Float32Array:
    """Partials 1, 1 + step, … of a note, falling as 1/h, 10 ms attack, 40 ms release, a little noise."""
    time_s = np.arange(int(seconds * rate_hz)) / rate_hz
    f0_hz = 440.0 * 2 ** ((note - 69) / 12)
    sound = np.zeros_like(time_s)
    for harmonic in range(1, partials * step + 1, step):
        if harmonic * f0_hz < 0.45 * rate_hz:
            sound += level / harmonic * np.sin(2 * np.pi * harmonic * f0_hz * time_s + harmonic)
    envelope = np.minimum(1.0, np.minimum(time_s / 0.01, (seconds - time_s) / 0.04))
    noise = np.random.default_rng(round(note * 100)).standard_normal(len(time_s))
    return ((sound + 1e-4 * noise) * envelope).astype(np.float32)


@pytest.fixture(scope="session")
def tone() -> Tone:
    return make_tone


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds"
    folder.mkdir()
    return folder


@pytest.fixture
def write(sounds: Path) -> Write:
    def _write(name: str, audio: Float32Array, rate_hz: int = SAMPLE_RATE_HZ, **options: str) -> Path:
        path = sounds / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, audio, rate_hz, **options)
        return path

    return _write
