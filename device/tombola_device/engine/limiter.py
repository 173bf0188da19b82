"""The last stage before the sound card: the output never exceeds full scale, and below -3 dBFS nothing is changed."""

from __future__ import annotations

import math

import numpy as np

from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ, Float32Array

THRESHOLD = 10 ** (-3 / 20)
ATTACK_SAMPLES = 32
"""The gain falls in a straight line within 0.7 ms: fast enough that little has to be clipped, without a step."""
RELEASE_S = 0.1


class Limiter:
    """A soft limiter without delay, one period at a time.

    The limiter sees the whole period before it is output, so the gain follows the period's peak: a peak above the
    threshold is compressed towards full scale along a tanh. While the gain is still falling, samples beyond full scale
    are clipped. Both signs have the same gain, so no DC arises.
    """

    def __init__(self) -> None:
        self._gain = 1.0
        self._release = 1.0 - math.exp(-PERIOD_SAMPLES / (RELEASE_S * SAMPLE_RATE_HZ))
        self._ramp = np.zeros(PERIOD_SAMPLES, np.float32)
        self._rise = np.arange(1, PERIOD_SAMPLES + 1, dtype=np.float32) / PERIOD_SAMPLES
        self._fall = np.minimum(np.arange(1, PERIOD_SAMPLES + 1, dtype=np.float32) / ATTACK_SAMPLES, np.float32(1.0))

    def reset(self) -> None:
        """Return to a gain of 1."""
        self._gain = 1.0

    def process(self, block: Float32Array) -> float:
        """Limit one period in place, shape (128,), float32; return its peak before limiting, which may exceed 1.

        Real time: audio thread.
        """
        # Finding the largest and the smallest value takes half the time of finding the largest magnitude.
        peak, low = block.item(block.argmax()), -block.item(block.argmin())
        peak = low if low > peak else peak  # noqa: FURB136 - on a Raspberry Pi max() costs 300 instructions more
        if peak <= THRESHOLD and self._gain == 1.0:
            return peak
        recovered = self._gain + (1.0 - self._gain) * self._release
        if recovered > 0.9999:
            recovered = 1.0
        target = min(recovered, _gain_for(peak))
        shape = self._rise if target > self._gain else self._fall
        np.multiply(shape, np.float32(target - self._gain), out=self._ramp)
        self._ramp += np.float32(self._gain)
        block *= self._ramp
        np.clip(block, -1.0, 1.0, out=block)
        self._gain = target
        return peak


def _gain_for(peak: float) -> float:
    """The gain that brings a peak to its place on the curve; 1 below the threshold."""
    if peak <= THRESHOLD:
        return 1.0
    room = 1.0 - THRESHOLD
    return (THRESHOLD + room * math.tanh((peak - THRESHOLD) / room)) / peak
