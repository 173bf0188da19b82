"""One analysed note: what the networks learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tombola_device.contract.controls import PERIOD_SAMPLES, Float32Array
from tombola_device.contract.errors import ShapeError

from tombola_host.corpus.character import NOTHING_SPECIAL, Character

PARTIALS = 100
NOISE_BANDS = 24


@dataclass(frozen=True, slots=True)
class Clip:
    """One note from its onset on, with its analysis: F frames at 375 Hz, frame i covers samples 128 i … 128 (i + 1).

    Args:
        name: File name, with the part's number where a recording was split.
        path: Where the recording lies.
        origin: What it was read from, the same on every machine: the file's hash, how it was read, the part's number.
        note: What sounds, as a MIDI note number, fractional.
        velocity: 0 … 1, from the loudest frame relative to the loudest clip of the corpus.
        f0_hz: Shape (F,), float32.
        level_db: Level of partials and noise together, dB re full-scale RMS 1.0. Shape (F,), float32.
        partials: RMS amplitude of partial h at ``(h + 1) * f0_hz``. Shape (F, PARTIALS), float32.
        noise: RMS amplitude of each band of ``tombola_device.engine.noise``. Shape (F, NOISE_BANDS), float32.
        audio: 48 kHz, mono. Shape (F * 128,), float32.
        character: How it ends, and what of it is not harmonic.
    """

    name: str
    path: str
    origin: str
    note: float
    velocity: float
    f0_hz: Float32Array
    level_db: Float32Array
    partials: Float32Array
    noise: Float32Array
    audio: Float32Array
    character: Character = NOTHING_SPECIAL

    def __post_init__(self) -> None:
        frames = len(self.f0_hz)
        shapes = {
            "level_db": (self.level_db, (frames,)),
            "partials": (self.partials, (frames, PARTIALS)),
            "noise": (self.noise, (frames, NOISE_BANDS)),
            "audio": (self.audio, (frames * PERIOD_SAMPLES,)),
        }
        for name, (array, shape) in shapes.items():
            if array.shape != shape or array.dtype != np.float32:
                raise ShapeError(
                    f"{self.name}: {name} is {array.dtype} {array.shape}, not float32 {shape}; analyse again"
                )

    @property
    def frames(self) -> int:
        """Number of control frames."""
        return len(self.f0_hz)
