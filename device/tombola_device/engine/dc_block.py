"""Removes a constant offset from the sound, so that a bundle cannot push the loudspeakers to one side."""

from __future__ import annotations

import math
from typing import Final

from tombola_device.contract.controls import FRAME_RATE_HZ, PERIOD_SAMPLES, SILENCE_DB

CORNER_HZ: Final = 0.5
SILENT: Final = 10 ** (SILENCE_DB / 20)
_MEAN_OF_RISE: Final = (PERIOD_SAMPLES + 1) / (2 * PERIOD_SAMPLES)


class DcBlock:
    """Tracks the mean of the periods, and gives the correction to add: a straight line over each period.

    Two poles at 0.5 Hz smooth the mean. An offset is gone after about two seconds. Of a low E (41 Hz) the correction
    contains only -76 dB, and the images of that lie at -98 dB, which is inaudible. A filter with one step per sample
    would need a compiled loop; this one needs two numbers per period, which the mixer adds in its matrix product.
    """

    def __init__(self) -> None:
        self._share = 1.0 - math.exp(-2 * math.pi * CORNER_HZ / FRAME_RATE_HZ)
        self.reset()

    def reset(self) -> None:
        """Forget the offset."""
        self._first = self._offset = self._added = 0.0
        self.level = 0.0
        """The correction at the start of the next period."""
        self.slope = 0.0
        """How much the correction grows until the last sample of that period, in a straight line."""

    def heard(self, mean: float) -> None:
        """Compute the next ``level`` and ``slope`` from the mean of the period to which these were added.

        Real time: audio thread.
        """
        share, before = self._share, self._offset
        self._first = first = self._first + (mean - self._added - self._first) * share
        self._offset = offset = before + (first - before) * share
        self.slope = slope = before - offset
        self.level = -before
        self._added = slope * _MEAN_OF_RISE - before

    def fade(self) -> bool:
        """Let a correction as quiet as silence end at 0 over the next period; return whether it is 0 already.

        Call this when no voice will sound.

        Real time: audio thread.
        """
        if abs(self.level) < SILENT:
            level = self.level
            self.reset()
            self.level, self.slope = level, -level
        return self.level == 0.0
