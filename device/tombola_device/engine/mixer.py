"""All voices into one sound, and out of it what is constant: one product per period."""

from __future__ import annotations

import numpy as np

from tombola_device.contract.controls import PERIOD_SAMPLES, Float32Array
from tombola_device.engine.dc_block import DcBlock
from tombola_device.engine.numbers import numbers

_DC_ROWS = 2
"""Before the voices' rows: what grows along the period to 1, and 1 throughout. ``DcBlock`` says how much of each."""


class Mixer:
    """The sum of V voices at one gain, without offset.

    Args:
        voices: V.
        gain: Of each voice.
    """

    def __init__(self, voices: int, gain: float) -> None:
        rows = np.zeros((_DC_ROWS + voices, PERIOD_SAMPLES), np.float32)
        rows[0], rows[1] = np.arange(1, PERIOD_SAMPLES + 1) / PERIOD_SAMPLES, 1.0
        self.voices: Float32Array = rows[_DC_ROWS:]
        """What each voice plays, to be written. Shape (V, 128)."""
        gains = np.full(len(rows), gain, np.float32)
        self._gains = numbers(gains)
        self._first = [(gains[: _DC_ROWS + count], rows[: _DC_ROWS + count]) for count in range(voices + 1)]
        self._average = np.full(PERIOD_SAMPLES, 1.0 / PERIOD_SAMPLES, np.float32)
        self._dc_block = DcBlock()

    def reset(self) -> None:
        """Forget the offset."""
        self._dc_block.reset()

    def mix(self, voices: int, out: Float32Array) -> None:
        """Write the sum of the first ``voices`` voices; of none, exact silence once their offset is gone.

        Real time: audio thread.
        """
        slope, level = self._dc_block.correction(silent=voices == 0)
        if not voices and not level:
            out.fill(0.0)
            return
        self._gains[0], self._gains[1] = slope, level
        gains, rows = self._first[voices]
        gains.dot(rows, out)
        self._dc_block.heard(float(out.dot(self._average)))
