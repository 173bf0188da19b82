"""Measures whether a blend moves evenly from one sound to another: in level, and in brightness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from tombola_device.contract.controls import FRAME_RATE_HZ, PERIOD_SAMPLES, SAMPLE_RATE_HZ, SCALAR_COLUMNS, Float32Array
from torch import Tensor

from tombola_host.generators.family import Family, GeneratorTrainee

SWEEP_S = 2.0
EDGE_S = 0.5
"""Each sweep begins and ends with this much of a pure mode, whose level is the reference."""
POINTS = 20
LEVEL_DB = -20.0

Sweep = Callable[[Tensor], Float32Array]
"""Plays controls. (F, 7 + M) → (F * 128,)."""


class HasRange(Protocol):
    """Anything with a note range, such as a mode.

    >>> class Violin:
    ...     note_range = (55.0, 91.0)
    >>> mode: HasRange = Violin()
    >>> mode.note_range
    (55.0, 91.0)
    """

    @property
    def note_range(self) -> tuple[float, float]:
        """Lowest and highest MIDI note."""


@dataclass(frozen=True, slots=True)
class BlendQuality:
    """Result of sweeps between all pairs of modes, each on a note in the range of both.

    Args:
        worst_dip_db: Largest drop of the level below the straight line between its ends; 0: none.
        monotone: Share of the steps at which the spectral centroid moves towards its end, 0 … 1; because of noise,
            even a perfect blend stays below 1.
        overshoot_octaves: Largest distance of the centroid from the range between its ends.
    """

    worst_dip_db: float
    monotone: float
    overshoot_octaves: float


def blend_quality(sweep: Sweep, modes: Sequence[HasRange]) -> BlendQuality | None:
    """Measure all pairs; None for a single mode."""
    dips, monotone, overshoot = [], [], []
    for first in range(len(modes)):
        for second in range(first + 1, len(modes)):
            sound = sweep(sweep_controls(first, second, len(modes), _common_note(modes[first], modes[second])))
            level, centroid = _curves(sound)
            line = np.interp(np.arange(len(level)), [0, len(level) - 1], [level[0], level[-1]])
            dips.append(float(np.max(line - level)))
            moved = np.diff(centroid) * np.sign(centroid[-1] - centroid[0])
            monotone.append(float(np.mean(moved > -0.02)))
            low, high = sorted((centroid[0], centroid[-1]))
            overshoot.append(float(max(centroid.max() - high, low - centroid.min(), 0.0)))
    if not dips:
        return None
    return BlendQuality(max(0.0, *dips), float(np.mean(monotone)), max(overshoot))


def sweep_controls(first: int, second: int, modes: int, note: float) -> Tensor:
    """A held note whose blend moves from one pure mode to another. Shape (F, 7 + M)."""
    edge, moving = int(EDGE_S * FRAME_RATE_HZ), int(SWEEP_S * FRAME_RATE_HZ)
    position = torch.cat([torch.zeros(edge), torch.linspace(0, 1, moving), torch.ones(edge)])
    controls = torch.zeros(len(position), len(SCALAR_COLUMNS) + modes)
    controls[:, SCALAR_COLUMNS.index("note")] = note
    controls[:, SCALAR_COLUMNS.index("loudness_db")] = LEVEL_DB
    controls[:, SCALAR_COLUMNS.index("velocity")] = 0.8
    controls[:, len(SCALAR_COLUMNS) + first] = 1 - position
    controls[:, len(SCALAR_COLUMNS) + second] += position
    return controls


def trainee_sweep(family: Family, trainee: GeneratorTrainee) -> Sweep:
    """Play by one network: one forward pass, whatever the blend."""
    return lambda controls: family.play(trainee, controls)


def mixture_sweep(family: Family, trainees: Sequence[GeneratorTrainee]) -> Sweep:
    """Play by one network per mode, their sounds mixed by the blend's weights."""
    plays = [trainee_sweep(family, trainee) for trainee in trainees]

    def play(controls: Tensor) -> Float32Array:
        scalars, blend = controls.split([len(SCALAR_COLUMNS), len(trainees)], dim=1)
        alone = torch.cat([scalars, torch.ones(len(controls), 1)], dim=1)
        weights = blend.repeat_interleave(PERIOD_SAMPLES, dim=0).numpy()
        return np.asarray(sum(weights[:, mode] * one(alone) for mode, one in enumerate(plays)), np.float32)

    return play


def _common_note(first: HasRange, second: HasRange) -> float:
    low = max(first.note_range[0], second.note_range[0])
    high = min(first.note_range[1], second.note_range[1])
    return float(round((low + high) / 2))


def _curves(sound: Float32Array) -> tuple[np.ndarray, np.ndarray]:
    """Level in dB and spectral centroid in octaves at POINTS + 1 places of a sweep, from pure mode to pure mode."""
    window = int(0.1 * SAMPLE_RATE_HZ)
    centres = np.linspace(0.6 * EDGE_S, EDGE_S + SWEEP_S + 0.4 * EDGE_S, POINTS + 1) * SAMPLE_RATE_HZ
    level, centroid = [], []
    frequency = np.fft.rfftfreq(window, 1 / SAMPLE_RATE_HZ)
    for centre in centres.astype(int):
        part = sound[centre - window // 2 : centre - window // 2 + window]
        power = np.abs(np.fft.rfft(part * np.hanning(window))) ** 2
        level.append(10 * np.log10(np.mean(part**2) + 1e-12))
        centroid.append(np.log2((power * frequency).sum() / (power.sum() + 1e-20) + 1.0))
    return np.array(level), np.array(centroid)
