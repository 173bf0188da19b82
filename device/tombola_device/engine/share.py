"""How much of each voice one of several renderers plays, where a bundle has more than one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tombola_device.contract.controls import PERIOD_SAMPLES, SILENCE_DB, Float32Array
from tombola_device.engine.gliding import GLIDE_SHARE
from tombola_device.engine.sound import Sound

_ARRIVED = 1e-4
"""-80 dB: what is nearer than that is there."""
_RISE = np.arange(1, PERIOD_SAMPLES + 1, dtype=np.float32) / np.float32(PERIOD_SAMPLES)


class Share:
    """Gains of V voices by the blend weights of some of the M modes.

    Sounds of two renderers have nothing to do with each other, so their powers add: the gain is the root of the weight.

    Args:
        modes: Which of the M are this renderer's.
        voices: V.
    """

    def __init__(self, modes: Sequence[int], voices: int) -> None:
        self._modes = list(modes)
        self.blend: Float32Array = np.zeros((voices, len(modes)), np.float32)
        """Weights of the renderer's modes among themselves, each row with sum 1. Shape (V, m)."""
        self.blend[:, 0] = 1.0
        self.gains = [0.0] * voices
        """At the end of this period."""
        self.before = [0.0] * voices
        """At its start."""
        self._targets = [0.0] * voices
        self._heard = [SILENCE_DB] * voices
        self._ramp: Float32Array = np.zeros(PERIOD_SAMPLES, np.float32)

    def take(self, blend: Float32Array) -> None:
        """A new frame. Modes of which nothing is left keep their weights among themselves while they fade. (V, M)."""
        own = blend[:, self._modes]
        total = own.sum(axis=1, keepdims=True)
        np.divide(own, total, out=self.blend, where=total > 0)
        self._targets = [math.sqrt(max(share, 0.0)) for share in total[:, 0].tolist()]

    def asked(self, voice: int) -> bool:
        """Whether the blend asks for anything of this renderer."""
        return self._targets[voice] > 0.0

    def settle(self, voice: int) -> None:
        """Nothing is heard of the voice that could zip."""
        self.gains[voice] = self._targets[voice]

    def advance(self, levels_db: list[float]) -> list[float]:
        """One period on.

        Args:
            levels_db: Of each voice's envelope.

        Returns:
            The same, and silence for voices of which this renderer plays nothing.

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
        """Bring what was just rendered at full gain to its share.

        Real time: audio thread.
        """
        for voice in range(sound.count):
            if self.before[voice] != 1.0 or self.gains[voice] != 1.0:
                sound.scale(voice, straight(self.before[voice], self.gains[voice], self._ramp))


def straight(start: float, end: float, out: Float32Array) -> Float32Array:
    """A straight line over a period, from behind ``start`` to ``end``; written to ``out``. Shape (128,)."""
    np.multiply(_RISE, np.float32(end - start), out=out)
    out += np.float32(start)
    return out
