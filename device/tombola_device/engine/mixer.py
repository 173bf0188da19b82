"""All voices into one sound, and out of it what is constant: one product per period."""

from __future__ import annotations

import numpy as np

from tombola_device.contract.controls import PERIOD_SAMPLES, Float32Array
from tombola_device.engine.dc_block import DcBlock
from tombola_device.engine.numbers import numbers
from tombola_device.engine.sound import Sound

_DC_ROWS = 2
"""Before the voices' rows: what grows along the period to 1, and 1 throughout. ``DcBlock`` says how much of each."""


class Mixer:
    """The sum of V voices at one gain, without offset.

    Args:
        voices: V.
        gain: Of each voice.
        overlap: Whether what voices play sounds on into the next period.
    """

    def __init__(self, voices: int, gain: float, *, overlap: bool = False) -> None:
        self.sound = Sound(voices, overlap=overlap, spare=_DC_ROWS)
        """What each voice plays, to be written."""
        self._rows = self.sound.rows
        self._rows[0], self._rows[1] = np.arange(1, PERIOD_SAMPLES + 1) / PERIOD_SAMPLES, 1.0
        # By slot and number of voices; row 0 and 1 are the offset's.
        self._gains = [
            [gain * self.sound.share(count, slot) for count in range(voices + 1)]
            for slot in range(len(self.sound.overlaps))
        ]
        self._corrections = [[numbers(gains) for gains in slot] for slot in self._gains]
        self._average = np.full(PERIOD_SAMPLES, 1.0 / PERIOD_SAMPLES, np.float32)
        mean = np.zeros((), np.float32)
        self._mean, self._mean_read = mean, mean.data
        self._dc_block = DcBlock()

    def reset(self) -> None:
        """Forget the offset."""
        self._dc_block.reset()

    def mix(self, voices: int, out: Float32Array) -> None:
        """Write the sum of the first ``voices`` voices; of none, exact silence once their offset is gone.

        Real time: audio thread.
        """
        dc_block, slot = self._dc_block, self.sound.slot
        if not voices and dc_block.fade():
            out.fill(0.0)
            return
        correction = self._corrections[slot][voices]
        correction[0], correction[1] = dc_block.slope, dc_block.level
        self._gains[slot][voices].dot(self._rows, out)
        out.dot(self._average, self._mean)
        dc_block.heard(self._mean_read[()])
