"""What voices play in one period, and what of it sounds on into the next: rows of one matrix, to be summed."""

from __future__ import annotations

import numpy as np

from tombola_device.contract.controls import PERIOD_SAMPLES, Float32Array


class Sound:
    """The memory into which a graph writes.

    Rows: ``spare`` ones for whoever sums, then one for each voice, then, for graphs whose sound overlaps, two slots
    that are written in turn, in each two rows for each voice: what belongs to the period and what to the next.

    Args:
        voices: V.
        overlap: Whether what a graph makes in one period sounds on into the next.
        spare: How many rows stand before the voices'.
    """

    def __init__(self, voices: int, *, overlap: bool, spare: int = 0) -> None:
        self.voices, self.spare = voices, spare
        beyond = spare + voices
        self.rows: Float32Array = np.zeros((beyond + (4 * voices if overlap else 0), PERIOD_SAMPLES), np.float32)
        """Shape (R, 128)."""
        self.audio: Float32Array = self.rows[spare:beyond]
        """Shape (V, 128)."""
        slots = self.rows[beyond:].reshape(2, -1, 2 * PERIOD_SAMPLES)
        self.overlaps: tuple[Float32Array, Float32Array] = (slots[0], slots[1])
        """Shape (V, 256) each; (0, 256) without overlap."""
        self.slot = 0
        """Which of them was written last."""
        self.count = 0
        """How many voices were rendered in this period: the highest one that sounds, and all below it."""

    def share(self, voices: int, slot: int) -> Float32Array:
        """Which rows make the sound of the first voices when ``slot`` was written last: 1 or 0. Shape (R,)."""
        rows = np.zeros(len(self.rows), np.float32)
        rows[self.spare : self.spare + voices] = 1.0
        slots = rows[self.spare + self.voices :].reshape(2, -1, 2)
        slots[slot, :voices, 0] = slots[1 - slot, :voices, 1] = 1.0
        return rows

    def of(self, voice: int) -> Float32Array:
        """What one voice plays in the period that was written last; a copy. Shape (128,)."""
        rows = self.share(voice + 1, self.slot) - self.share(voice, self.slot)
        return np.asarray(rows @ self.rows, np.float32)

    def scale(self, voice: int, curve: Float32Array) -> None:
        """Multiply all that one voice plays in the period that was written last. Shape (128,)."""
        self.audio[voice] *= curve
        for rows, half in ((self.overlaps[self.slot], 0), (self.overlaps[1 - self.slot], PERIOD_SAMPLES)):
            for row in rows[voice : voice + 1]:
                row[half : half + PERIOD_SAMPLES] *= curve

    def reset(self, voice: int) -> None:
        """Forget what one voice would sound on with."""
        for slot in self.overlaps:
            slot[voice : voice + 1] = 0.0
