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


def make_speech(seconds: float = 6.0) -> Float32Array:
    """What speech is to a pitch tracker: a buzz that glides all the time, in syllables of 0.2 s, with formants."""
    rng = np.random.default_rng(0)
    time_s = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    knots_s = np.arange(0, seconds + 0.2, 0.15)
    # Phrases fall by some semitones, accents rise: after the shape of declination and accents in spoken sentences.
    note = np.interp(time_s, knots_s, 48 - 3 * (knots_s % 2.0) + rng.uniform(-3, 3, knots_s.size))
    phase = 2 * np.pi * np.cumsum(440.0 * 2 ** ((note - 69) / 12)) / SAMPLE_RATE_HZ
    formant_hz = np.interp(time_s, knots_s, rng.uniform(300, 2000, knots_s.size))
    f0_hz = np.gradient(phase) * SAMPLE_RATE_HZ / (2 * np.pi)
    sound = sum(np.sin(h * phase) / (1 + ((h * f0_hz - formant_hz) / 300) ** 2) for h in range(1, 30))
    syllables = np.clip(1.4 * np.sin(np.pi * ((time_s / 0.2) % 1.0)), 0, 1)
    return np.asarray(0.1 * sound * syllables + 1e-4 * rng.standard_normal(time_s.size), np.float32)


@pytest.fixture(scope="session")
def speech() -> Float32Array:
    return make_speech()


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
