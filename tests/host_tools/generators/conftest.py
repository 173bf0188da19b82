"""Notes that are known because they were made here, and a network that plays one spectrum."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tombola_device.contract.controls import FRAME_RATE_HZ, PERIOD_SAMPLES, SCALAR_COLUMNS
from tombola_host.corpus.clip import NOISE_BANDS, PARTIALS
from tombola_host.corpus.corpus import VELOCITY_RANGE_DB
from tombola_host.corpus.windows import LEVEL, NOTE, VELOCITY, Note
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.size import VoiceSize

NEPER = np.log(10) / 20
AMPLITUDES = PARTIALS + NOISE_BANDS
LOUD = 10
TYPICAL_DB = np.where(np.arange(AMPLITUDES) < LOUD, -3.0 * np.arange(AMPLITUDES), -90.0)
PLAYED_DB = -10.0
"""The level of the envelope that plays it."""


def make_note(
    pitch: float = 60.0,
    seconds: float = 2.0,
    velocity: float = 0.8,
    slope_db: float = -9.0,
    noise_db: float = -50.0,
    cents: np.ndarray | float = 0.0,
    level_db: np.ndarray | float = 0.0,
    moved: np.ndarray | float = 0.0,
) -> Note:
    """A note whose partials fall by so many dB per octave, and what moves it. ``moved``: nepers, (F, H + B)."""
    octaves = np.log2(np.arange(1, PARTIALS + 1))
    spectrum = np.concatenate([slope_db * octaves, np.full(NOISE_BANDS, noise_db)]) * NEPER
    spectrum -= np.log(np.sum(np.exp(2 * spectrum))) / 2
    return _told(pitch, seconds, velocity, cents, -20.0 + np.asarray(level_db), spectrum + moved)


def make_recording(
    pitch: float = 60.0,
    seconds: float = 3.0,
    velocity: float = 1.0,
    cents: np.ndarray | float = 0.0,
    level_db: np.ndarray | float = 0.0,
    moved_db: np.ndarray | float = 0.0,
) -> Note:
    """A note that differs by so much from what is played of it: cents, dB, the loud partials (F, LOUD) in dB."""
    relative_db = np.tile(TYPICAL_DB, (round(seconds * FRAME_RATE_HZ), 1))
    relative_db[:, :LOUD] += moved_db
    relative_db -= 10 * np.log10((10 ** (relative_db / 10)).sum(axis=1, keepdims=True))
    struck_db = PLAYED_DB + VELOCITY_RANGE_DB * (velocity - 1.0)
    return _told(pitch, seconds, velocity, cents, struck_db + np.asarray(level_db), relative_db * NEPER)


def _told(pitch, seconds, velocity, cents, level_db, relative) -> Note:
    frames = round(seconds * FRAME_RATE_HZ)
    scalars = np.zeros((frames, len(SCALAR_COLUMNS)))
    scalars[:, NOTE], scalars[:, LEVEL], scalars[:, VELOCITY] = pitch + np.asarray(cents) / 100, level_db, velocity
    every = np.broadcast_to(relative, (frames, AMPLITUDES))
    made = (torch.from_numpy(array.astype(np.float32)) for array in (scalars, every))
    return Note(f"{pitch}", *made, torch.zeros(frames * PERIOD_SAMPLES))


def make_typical(network: Voice) -> Voice:
    """The same network, when it plays the typical spectrum always."""
    with torch.no_grad():
        network.head.weight.zero_()
        network.spectrum[:] = torch.from_numpy(TYPICAL_DB * NEPER)
    return network


def make_knowing(rows_db: np.ndarray) -> Voice:
    """A network of one mode that plays the typical spectrum; its shared directions move the loud partials so.

    Args:
        rows_db: dB. Shape (S, LOUD).
    """
    network = make_typical(Voice(1, VoiceSize(4, 4)))
    network.strikes = torch.zeros(len(rows_db), AMPLITUDES)
    network.strikes[:, :LOUD] = torch.from_numpy((rows_db * NEPER).astype(np.float32))
    return network


@pytest.fixture(scope="session")
def note() -> Callable[..., Note]:
    return make_note


@pytest.fixture(scope="session")
def recording() -> Callable[..., Note]:
    return make_recording


@pytest.fixture(scope="session")
def typical() -> Callable[[Voice], Voice]:
    return make_typical


@pytest.fixture(scope="session")
def knowing() -> Callable[..., Voice]:
    return make_knowing
