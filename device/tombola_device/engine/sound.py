"""The sound of the voices in one period, and the part of it that continues into the next: rows of one matrix."""

from __future__ import annotations

import numpy as np

from tombola_device.contract.controls import PERIOD_SAMPLES, Float32Array


class Sound:
    """The memory that a graph writes.

    The rows are, in this order: ``spare`` rows for the mixer, one row for each voice, and, for graphs whose sound
    overlaps, two slots that are written in turn. A slot has two rows for each voice: one for this period and one for
    the next.

    Args:
        voices: V.
        overlap: Whether the sound made in one period continues into the next.
        spare: Number of rows before the voices'.
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
        """The slot that was written last."""
        self.count = 0
        """Number of rendered voices in this period: all up to the highest one that sounds."""

    def share(self, voices: int, slot: int) -> Float32Array:
        """The rows that sum to the sound of the first voices after ``slot`` was written: 1, else 0. Shape (R,)."""
        rows = np.zeros(len(self.rows), np.float32)
        rows[self.spare : self.spare + voices] = 1.0
        slots = rows[self.spare + self.voices :].reshape(2, -1, 2)
        slots[slot, :voices, 0] = slots[1 - slot, :voices, 1] = 1.0
        return rows

    def of(self, voice: int) -> Float32Array:
        """The sound of one voice in the last period; a copy. Shape (128,)."""
        rows = self.share(voice + 1, self.slot) - self.share(voice, self.slot)
        return np.asarray(rows @ self.rows, np.float32)

    def scale(self, voice: int, curve: Float32Array) -> None:
        """Multiply the sound of one voice in the last period by a curve. Shape (128,)."""
        self.audio[voice] *= curve
        for rows, half in ((self.overlaps[self.slot], 0), (self.overlaps[1 - self.slot], PERIOD_SAMPLES)):
            for row in rows[voice : voice + 1]:
                row[half : half + PERIOD_SAMPLES] *= curve

    def reset(self, voice: int) -> None:
        """Discard the sound that would continue one voice into the next period."""
        for slot in self.overlaps:
            slot[voice : voice + 1] = 0.0
