"""Synthetic notes whose motion, attack and decay are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tombola_device.contract.controls import FRAME_RATE_HZ, PERIOD_SAMPLES, SAMPLE_RATE_HZ
from tombola_host.corpus.analysis import analyse
from tombola_host.corpus.clip import Clip
from tombola_host.corpus.corpus import Corpus
from tombola_host.corpus.material import Material, from_corpus
from tombola_host.corpus.summary import summarise

HARMONICS = 10


def make_wander(frames: int, deviation: float, seed: int, low_hz: float = 0.6, high_hz: float = 8.0) -> np.ndarray:
    """Random motion of this standard deviation, evenly spread over a band. Shape (F,)."""
    rng = np.random.default_rng(seed)
    hz = np.fft.rfftfreq(frames, 1 / FRAME_RATE_HZ)
    spectrum = rng.standard_normal(len(hz)) + 1j * rng.standard_normal(len(hz))
    wave = np.fft.irfft(np.where((hz >= low_hz) & (hz < high_hz), spectrum, 0.0), frames)
    return deviation * wave / wave.std()


def make_note(
    note: float,
    seconds: float = 2.4,
    *,
    life: float = 0.0,
    seed: int = 0,
    tilt_db: float = -4.0,
    level_db: np.ndarray | float = -20.0,
    hiss_db: float = -70.0,
) -> np.ndarray:
    """Ten partials, each ``tilt_db`` below the last. At life 1: level ± 1.5 dB, pitch ± 8 cents, partials ± 3 dB."""
    frames = round(seconds * FRAME_RATE_HZ)
    time = np.arange(frames * PERIOD_SAMPLES) / PERIOD_SAMPLES

    def at_samples(series: np.ndarray | float) -> np.ndarray:
        return np.interp(time, np.arange(frames) + 0.5, np.broadcast_to(series, frames))

    def moved(deviation: float, number: int) -> np.ndarray:
        return at_samples(make_wander(frames, life * deviation, 100 * seed + number) if life else 0.0)

    f0_hz = 440 * 2 ** ((note - 69) / 12 + moved(8.0, 0) / 1200)
    turns = np.cumsum(f0_hz) / SAMPLE_RATE_HZ
    partials_db = [tilt_db * h + moved(3.0, 2 + h) for h in range(HARMONICS)]
    total = sum(10 ** (one / 10) for one in partials_db)
    gain = 10 ** ((at_samples(level_db) + moved(1.5, 1)) / 20) / np.sqrt(total)
    wave = sum(
        np.sqrt(2) * 10 ** (one / 20) * np.sin(2 * np.pi * (h + 1) * turns + h * h) for h, one in enumerate(partials_db)
    )
    rng = np.random.default_rng(seed)
    return (gain * wave + 10 ** (hiss_db / 20) * rng.standard_normal(len(wave))).astype(np.float32)


def make_material(sounds: dict[float, np.ndarray]) -> Material:
    """Recordings of these notes, analysed; one in five is held out."""
    clips = []
    for note, audio in sounds.items():
        found = analyse(audio, note)
        arrays = (found.f0_hz, found.level_db, found.partials, found.noise, audio)
        clips.append(Clip(f"note {note:g}", "", f"note {note:g}", note, 1.0, *arrays))
    return from_corpus("sung", Corpus("sung", tuple(clips), (), summarise("sung", len(clips), clips, [], [])), "CC0")


@pytest.fixture(scope="session")
def wander() -> Callable[..., np.ndarray]:
    return make_wander


@pytest.fixture(scope="session")
def sung() -> Callable[..., np.ndarray]:
    return make_note


@pytest.fixture(scope="session")
def recorded_notes() -> Callable[[dict[float, np.ndarray]], Material]:
    return make_material
