"""Small networks and synthetic notes, so that the learning side is tested without recordings and in seconds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest
import torch
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ, SCALAR_COLUMNS, SILENCE_DB
from tombola_device.engine.noise import noise_table
from tombola_host.corpus.clip import NOISE_BANDS, PARTIALS, Clip
from tombola_host.corpus.windows import ModeData, mode_data
from tombola_host.generators.voice.latents import NoteLatents
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.generators.voice.trainee import VoiceTrainee

COLUMNS = len(SCALAR_COLUMNS)


def make_voice(modes: int = 2, hidden: int = 12, seed: int = 0, *, noise: bool = True, activity=None) -> Voice:
    """A voice with random weights and a falling spectrum of its own for every mode."""
    torch.manual_seed(seed)
    network = Voice(modes, VoiceSize(hidden, hidden), activity).eval()
    with torch.no_grad():
        tilt = -torch.arange(PARTIALS) * torch.linspace(0.1, 0.4, modes)[:, None]
        network.spectrum[:, :PARTIALS] = tilt + 0.3 * torch.randn(modes, PARTIALS)
        network.spectrum[:, PARTIALS:] = -3.0 + 0.3 * torch.randn(modes, NOISE_BANDS)
        if not noise:
            network.spectrum[:, PARTIALS:] = -40.0
            network.head.weight[PARTIALS:] = 0.0
    return network


def make_controls(frames: int, note: float, blend=(1.0,), loudness_db: float = -20.0, voices: int = 1) -> torch.Tensor:
    """A held note in a fixed blend. Shape (V, F, 7 + M)."""
    controls = torch.zeros(voices, frames, COLUMNS + len(blend))
    controls[..., SCALAR_COLUMNS.index("note")] = note
    controls[..., SCALAR_COLUMNS.index("loudness_db")] = loudness_db
    controls[..., SCALAR_COLUMNS.index("velocity")] = 0.7
    controls[..., COLUMNS:] = torch.tensor(blend)
    return controls


def make_moving(voices: int, frames: int, modes: int, seed: int) -> torch.Tensor:
    """Notes, levels, timbre and blends that all move. Shape (V, F, 7 + M)."""
    rng = np.random.default_rng(seed)
    low = np.array([40.0, -40.0, 0.0, 0.0, 0.0, -1.0, -1.0])
    high = np.array([80.0, -10.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    across = np.linspace(0, 1, frames)[None, :, None]
    ends = rng.uniform(low, high, (2, voices, 1, COLUMNS))
    blends = rng.dirichlet(np.ones(modes), (2, voices, 1))
    moved = [first + (last - first) * across for first, last in (ends, blends)]
    return torch.from_numpy(np.concatenate(moved, axis=2).astype(np.float32))


def make_noise(voices: int, frames: int, start: int = 0) -> torch.Tensor:
    """Slices of the device's own noise, one after another. Shape (V, F, B, T)."""
    table = torch.from_numpy(noise_table(NOISE_BANDS))
    parts = [table.roll(-start - 9000 * voice, 1)[:, : frames * PERIOD_SAMPLES] for voice in range(voices)]
    return torch.stack(parts).reshape(voices, NOISE_BANDS, frames, PERIOD_SAMPLES).transpose(1, 2)


def make_clip(note: float, frames: int = 160, tilt: float = 0.5, level_db: float = -20.0, name: str = "") -> Clip:
    """Partials falling by ``tilt`` nepers each, as analysis would find them, and the sound that they make."""
    f0_hz = 440.0 * 2 ** ((note - 69) / 12)
    harmonic = np.arange(1, PARTIALS + 1)
    amplitude = np.exp(-tilt * harmonic) * (harmonic * f0_hz < SAMPLE_RATE_HZ / 2.5)
    amplitude *= 10 ** (level_db / 20) / np.linalg.norm(amplitude)
    time_s = np.arange(frames * PERIOD_SAMPLES) / SAMPLE_RATE_HZ
    audible = np.flatnonzero(amplitude > 1e-5)
    audio = sum(np.sqrt(2) * amplitude[h] * np.sin(2 * np.pi * f0_hz * (h + 1) * time_s + h) for h in audible)
    full = np.full(frames, 1.0, np.float32)
    return Clip(
        name=name or f"note {note}",
        path="",
        origin=hashlib.sha256(audio.tobytes()).hexdigest(),
        note=note,
        velocity=0.8,
        f0_hz=full * np.float32(f0_hz),
        level_db=full * np.float32(max(level_db, SILENCE_DB)),
        partials=full[:, None] * amplitude.astype(np.float32),
        noise=np.full((frames, NOISE_BANDS), 1e-5, np.float32),
        audio=audio.astype(np.float32),
    )


def make_mode(name: str = "toy", notes=(57.0, 64.0), frames: int = 160, tilt: float = 0.5) -> ModeData:
    """A mode of such notes, at their own level."""
    return mode_data(name, [make_clip(note, frames, tilt) for note in notes], 0.0)


@pytest.fixture(scope="session")
def trainee() -> Callable[..., VoiceTrainee]:
    return lambda network: VoiceTrainee(network, NoteLatents(network.modes, 1, network.size.input))


@pytest.fixture(scope="session")
def voice() -> Callable[..., Voice]:
    return make_voice


@pytest.fixture(scope="session")
def held() -> Callable[..., torch.Tensor]:
    return make_controls


@pytest.fixture(scope="session")
def moving() -> Callable[..., torch.Tensor]:
    return make_moving


@pytest.fixture(scope="session")
def hiss() -> Callable[..., torch.Tensor]:
    return make_noise


@pytest.fixture(scope="session")
def clip() -> Callable[..., Clip]:
    return make_clip


@pytest.fixture(scope="session")
def mode() -> Callable[..., ModeData]:
    return make_mode


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """More threads than cores make small tensors slow, and sums depend on their number."""
    torch.set_num_threads(1)
