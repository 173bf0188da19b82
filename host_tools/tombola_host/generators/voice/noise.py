"""The device's noise bands, as batches for training."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from tombola_device.contract.controls import PERIOD_SAMPLES
from tombola_device.engine.noise import noise_table
from torch import Tensor


class NoiseSource:
    """Windows from the noise bands that the device plays.

    Args:
        bands: B, number of bands.
    """

    def __init__(self, bands: int) -> None:
        self._table = torch.from_numpy(noise_table(bands))

    def draw(self, windows: int, frames: int, rng: np.random.Generator) -> Tensor:
        """Shape (W, F, B, T); each window starts at its own place."""
        bands, length = self._table.shape
        samples = frames * PERIOD_SAMPLES
        starts = rng.integers(0, length, windows)
        # All bands start at one place: copying slices is ten times faster than gathering a place for each band.
        slices = [self._looped(int(start), samples) for start in starts]
        return torch.stack(slices).reshape(windows, bands, frames, PERIOD_SAMPLES).transpose(1, 2)

    def _looped(self, start: int, samples: int) -> Tensor:
        parts = []
        while samples > 0:
            part = self._table[:, start : start + samples]
            parts.append(part)
            samples, start = samples - part.shape[1], 0
        return torch.cat(parts, dim=1)


@cache
def noise_source(bands: int) -> NoiseSource:
    """The shared source for a number of bands; its table takes 25 MB and a tenth of a second."""
    return NoiseSource(bands)
