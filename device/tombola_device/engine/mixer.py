"""Sums all voices into one sound and removes a constant offset: one matrix product per period."""

from __future__ import annotations

from typing import Final

import numpy as np

from tombola_device.contract.controls import PERIOD_SAMPLES, Float32Array
from tombola_device.engine.dc_block import DcBlock
from tombola_device.engine.numbers import numbers
from tombola_device.engine.sound import Sound

DC_ROWS: Final = 2
"""Rows before the voices': a ramp that reaches 1 at the end of the period, and a row of ones. ``DcBlock`` gives their
gains."""


class Mixer:
    """The sum of V voices at one gain, without a constant offset.

    Args:
        gain: Gain of each voice.
        sounds: The sound of each renderer. The first has ``DC_ROWS`` spare rows.
    """

    def __init__(self, gain: float, *sounds: Sound) -> None:
        self._sound, *self._others = sounds
        self._rows = self._sound.rows
        self._rows[0], self._rows[1] = np.arange(1, PERIOD_SAMPLES + 1) / PERIOD_SAMPLES, 1.0
        self._gains = _gains(self._sound, gain)  # Rows 0 and 1 correct the offset.
        self._corrections = [[numbers(gains) for gains in slot] for slot in self._gains]
        self._other_gains = [_gains(sound, gain) for sound in self._others]
        self._part = np.zeros(PERIOD_SAMPLES, np.float32)
        self._average = np.full(PERIOD_SAMPLES, 1.0 / PERIOD_SAMPLES, np.float32)
        mean = np.zeros((), np.float32)
        self._mean, self._mean_read = mean, mean.data
        self._dc_block = DcBlock()

    def reset(self) -> None:
        """Forget the offset."""
        self._dc_block.reset()

    def mix(self, out: Float32Array) -> None:
        """Write the sum of the rendered voices; with none, exact silence once the offset has faded.

        Real time: audio thread.
        """
        dc_block, sound, others = self._dc_block, self._sound, self._others
        count, slot = sound.count, sound.slot
        if not count and not (others and any(other.count for other in others)) and dc_block.fade():
            out.fill(0.0)
            return
        correction = self._corrections[slot][count]
        correction[0], correction[1] = dc_block.slope, dc_block.level
        self._gains[slot][count].dot(self._rows, out)
        if others:
            self._add_others(out)
        out.dot(self._average, self._mean)
        dc_block.heard(self._mean_read[()])

    def _add_others(self, out: Float32Array) -> None:
        for sound, gains in zip(self._others, self._other_gains, strict=True):
            if sound.count:
                gains[sound.slot][sound.count].dot(sound.rows, self._part)
                out += self._part


def _gains(sound: Sound, gain: float) -> list[list[Float32Array]]:
    """Gain of each row, by slot and by number of voices."""
    return [[gain * sound.share(count, slot) for count in range(sound.voices + 1)] for slot in range(2)]
