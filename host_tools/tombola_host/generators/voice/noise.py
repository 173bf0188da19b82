"""The device's own noise bands, as batches to learn from."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from tombola_device.contract.controls import PERIOD_SAMPLES
from tombola_device.engine.noise import noise_table
from torch import Tensor


class NoiseSource:
    """Windows of the same noise bands that the device plays.

    Args:
        bands: B.
    """

    def __init__(self, bands: int) -> None:
        self._table = torch.from_numpy(noise_table(bands))

    def draw(self, windows: int, frames: int, rng: np.random.Generator) -> Tensor:
        """Shape (W, F, B, T), each window from a place of its own."""
        bands, length = self._table.shape
        samples = frames * PERIOD_SAMPLES
        starts = rng.integers(0, length, windows)
        # All bands from one place: slices are copied ten times faster than a place for each band is gathered.
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
    """The one table of so many bands: 25 MB and a tenth of a second."""
    return NoiseSource(bands)
