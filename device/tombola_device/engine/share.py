"""The share of each voice that a renderer plays in a bundle with several renderers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tombola_device.contract.controls import PERIOD_SAMPLES, SILENCE_DB, Float32Array
from tombola_device.engine.gliding import GLIDE_SHARE
from tombola_device.engine.sound import Sound

_ARRIVED = 1e-4
"""-80 dB: a gain this near to its target jumps to it."""
_RISE = np.arange(1, PERIOD_SAMPLES + 1, dtype=np.float32) / np.float32(PERIOD_SAMPLES)


class Share:
    """Gains of V voices, from the blend weights of some of the M modes.

    The sounds of two renderers are uncorrelated, so their powers add: the gain is the square root of the weight.

    Args:
        modes: Indices of this renderer's modes among the M.
        voices: V.
    """

    def __init__(self, modes: Sequence[int], voices: int) -> None:
        self._modes = list(modes)
        self.blend: Float32Array = np.zeros((voices, len(modes)), np.float32)
        """Weights of the renderer's modes, scaled so that each row sums to 1. Shape (V, m)."""
        self.blend[:, 0] = 1.0
        self.gains = [0.0] * voices
        """Gain of each voice at the end of this period."""
        self.before = [0.0] * voices
        """Gain of each voice at the start of this period."""
        self._targets = [0.0] * voices
        self._heard = [SILENCE_DB] * voices
        self._ramp: Float32Array = np.zeros(PERIOD_SAMPLES, np.float32)

    def take(self, blend: Float32Array) -> None:
        """Read a new frame. A voice that fades out here keeps the ratio of its modes. Shape (V, M)."""
        own = blend[:, self._modes]
        total = own.sum(axis=1, keepdims=True)
        np.divide(own, total, out=self.blend, where=total > 0)
        self._targets = [math.sqrt(max(share, 0.0)) for share in total[:, 0].tolist()]

    def asked(self, voice: int) -> bool:
        """Whether the blend includes any of this renderer's modes."""
        return self._targets[voice] > 0.0

    def settle(self, voice: int) -> None:
        """Jump a silent voice to its target gain: no click can be heard."""
        self.gains[voice] = self._targets[voice]

    def advance(self, levels_db: list[float]) -> list[float]:
        """Advance by one period.

        Args:
            levels_db: Level of each voice's envelope.

        Returns:
            The same levels; SILENCE_DB for voices that this renderer does not play.

        Real time: audio thread.
        """
        gains, heard = self.gains, self._heard
        for voice, target in enumerate(self._targets):
            gain = self.before[voice] = gains[voice]
            gain += (target - gain) * GLIDE_SHARE
            gains[voice] = gain if abs(target - gain) > _ARRIVED else target
            heard[voice] = levels_db[voice] if self.before[voice] or gains[voice] else SILENCE_DB
        return heard

    def apply(self, sound: Sound) -> None:
        """Scale the sound just rendered, which is at full gain, to this renderer's share.

        Real time: audio thread.
        """
        for voice in range(sound.count):
            if self.before[voice] != 1.0 or self.gains[voice] != 1.0:
                sound.scale(voice, straight(self.before[voice], self.gains[voice], self._ramp))


def straight(start: float, end: float, out: Float32Array) -> Float32Array:
    """Write a straight line over a period, from just after ``start`` to ``end``, into ``out``. Shape (128,)."""
    np.multiply(_RISE, np.float32(end - start), out=out)
    out += np.float32(start)
    return out
