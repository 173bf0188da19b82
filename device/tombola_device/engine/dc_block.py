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
        self._first = self._offset = self._added = 0.0
        self.level = 0.0
        """What to add to the next period."""
        self.slope = 0.0
        """What more of it at its last sample; up to there in a straight line."""

    def heard(self, mean: float) -> None:
        """The mean of the period to which ``level`` and ``slope`` were added; what is to be added next follows.

        Real time: audio thread.
        """
        share, before = self._share, self._offset
        self._first = first = self._first + (mean - self._added - self._first) * share
        self._offset = offset = before + (first - before) * share
        self.slope = slope = before - offset
        self.level = -before
        self._added = slope * _MEAN_OF_RISE - before

    def fade(self) -> bool:
        """Nothing will sound: an offset as quiet as silence goes to 0 over the next period. Whether it is there.

        Real time: audio thread.
        """
        if abs(self.level) < SILENT:
            level = self.level
            self.reset()
            self.level, self.slope = level, -level
        return self.level == 0.0
