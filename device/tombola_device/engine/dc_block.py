"""Takes a constant offset out of the sound, so that a bundle cannot push the loudspeakers to one side."""

from __future__ import annotations

import math
from typing import Final

from tombola_device.contract.controls import FRAME_RATE_HZ, PERIOD_SAMPLES, SILENCE_DB

CORNER_HZ: Final = 0.5
SILENT: Final = 10 ** (SILENCE_DB / 20)
_MEAN_OF_RISE: Final = (PERIOD_SAMPLES + 1) / (2 * PERIOD_SAMPLES)


class DcBlock:
    """Follows the mean of the periods; what is to be added moves in a straight line over each period.

    The mean goes through two poles at 0.5 Hz: an offset is gone after some two seconds, and of a low E of 41 Hz so
    little is left in what is subtracted (-76 dB) that its images, at -98 dB, are not heard. A recursion per sample
    would need a compiled loop; this is two numbers, which whoever mixes the voices mixes in with them.
    """

    def __init__(self) -> None:
        self._share = 1.0 - math.exp(-2 * math.pi * CORNER_HZ / FRAME_RATE_HZ)
        self.reset()

    def reset(self) -> None:
        """Forget the offset."""
        self._mean = self._first = self._offset = self._added = 0.0

    def correction(self, *, silent: bool) -> tuple[float, float]:
        """What to add to the next period: the second number, and of the first a growing part, all at its last sample.

        Args:
            silent: Nothing will sound: an offset that is as quiet as silence goes to 0 at once, so that silence is
                exact.

        Real time: audio thread.
        """
        before = self._offset
        if silent and abs(before) < SILENT:
            self.reset()
            return before, -before
        self._first += (self._mean - self._first) * self._share
        self._offset += (self._first - before) * self._share
        slope = before - self._offset
        self._added = slope * _MEAN_OF_RISE - before
        return slope, -before

    def heard(self, mean: float) -> None:
        """The mean of the period to which the correction was added.

        Real time: audio thread.
        """
        self._mean = mean - self._added
