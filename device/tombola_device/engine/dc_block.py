"""Takes a constant offset out of the sound, so that a bundle cannot push the loudspeakers to one side."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from tombola_device.contract.controls import FRAME_RATE_HZ, PERIOD_SAMPLES, SILENCE_DB, Float32Array

CORNER_HZ: Final = 0.5
INAUDIBLE: Final = 1e-7
"""Below the last bit of 24: nothing need be taken away."""

SILENT: Final = 10 ** (SILENCE_DB / 20)


class DcBlock:
    """Follows the mean of the periods and subtracts it, moving in a straight line over each period.

    The mean goes through two poles at 0.5 Hz: an offset is gone after some two seconds, and of a low E of 41 Hz so
    little is left in what is subtracted (-76 dB) that its images, at -98 dB, are not heard. A recursion per
    sample would need a compiled loop; this is one product of vectors while there is no offset.
    """

    def __init__(self) -> None:
        self._share = 1.0 - math.exp(-2 * math.pi * CORNER_HZ / FRAME_RATE_HZ)
        self._first = self._offset = 0.0
        self._weights = np.full(PERIOD_SAMPLES, 1.0 / PERIOD_SAMPLES, np.float32)
        self._rise = np.arange(1, PERIOD_SAMPLES + 1, dtype=np.float32) / np.float32(PERIOD_SAMPLES)
        self._ramp = np.zeros(PERIOD_SAMPLES, np.float32)

    def reset(self) -> None:
        """Forget the offset."""
        self._first = self._offset = 0.0

    def process(self, block: Float32Array, *, silent: bool = False) -> None:
        """Take the offset out of one period, in place.

        Args:
            block: Shape (128,), float32.
            silent: Nothing sounds: an offset that is as quiet as silence goes to 0 at once, so that silence is exact.

        Real time: audio thread.
        """
        before = self._offset
        if silent and abs(before) < SILENT:
            self.reset()
            if before:
                block -= (1.0 - self._rise) * np.float32(before)
            return
        self._first += (float(np.dot(block, self._weights)) - self._first) * self._share
        self._offset += (self._first - before) * self._share
        if abs(self._offset) < INAUDIBLE and abs(before) < INAUDIBLE:
            return
        np.multiply(self._rise, np.float32(before - self._offset), out=self._ramp)
        self._ramp -= np.float32(before)
        block += self._ramp
