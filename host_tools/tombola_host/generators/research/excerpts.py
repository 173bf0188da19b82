"""Excerpts of notes at 16 kHz, the rate of the published networks, with note and level in blocks of 10 ms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr
import torch
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ
from torch import Tensor

from tombola_host.corpus.windows import LEVEL, NOTE, ModeData, Note

RATE_HZ = 16_000
BLOCK_SAMPLES = 160
BANDS = 16
"""Bands of the spectrum that criteria of information are told."""


@dataclass(frozen=True, slots=True)
class Excerpts:
    """B excerpts of F blocks, T = 160 F samples.

    Args:
        audio: Shape (B, T), full scale ±1.0.
        note: MIDI note. Shape (B, F).
        level_db: Shape (B, F).
    """

    audio: Tensor
    note: Tensor
    level_db: Tensor

    def facts(self) -> Tensor:
        """Note, level and the energy of bands of the spectrum, per block. Shape (B, F, 2 + bands)."""
        blocks = self.audio.reshape(*self.note.shape, BLOCK_SAMPLES)
        power = torch.fft.rfft(blocks * torch.hann_window(BLOCK_SAMPLES)).abs().square()[..., 1:]
        bands = power.reshape(*power.shape[:2], BANDS, -1).mean(dim=-1)
        return torch.cat([self.note[..., None], self.level_db[..., None], torch.log(bands + 1e-8)], dim=-1)


def excerpt(note: Note, start_block: int, blocks: int) -> Excerpts:
    """One excerpt; silence after the note's end. Shapes with B = 1."""
    audio = torch.from_numpy(np.ascontiguousarray(soxr.resample(note.audio.numpy(), SAMPLE_RATE_HZ, RATE_HZ)))
    begin = start_block * BLOCK_SAMPLES
    heard = audio[begin : begin + blocks * BLOCK_SAMPLES]
    heard = torch.nn.functional.pad(heard, (0, blocks * BLOCK_SAMPLES - len(heard)))
    times = (torch.arange(blocks) + start_block) * BLOCK_SAMPLES / RATE_HZ
    rows = note.scalars[(times * SAMPLE_RATE_HZ / PERIOD_SAMPLES).long().clamp(max=len(note.scalars) - 1)]
    return Excerpts(heard[None], rows[None, :, NOTE], rows[None, :, LEVEL])


class ExcerptSampler:
    """Draws batches of excerpts; half of them begin at a note's onset.

    Args:
        data: One mode.
        blocks: Length of an excerpt.
    """

    def __init__(self, data: Sequence[ModeData], blocks: int) -> None:
        notes = [note for mode in data for note in mode.notes]
        longest = max(len(note.audio) * RATE_HZ // SAMPLE_RATE_HZ // BLOCK_SAMPLES for note in notes)
        # Each note is resampled once.
        self._whole = [excerpt(note, 0, max(longest, blocks)) for note in notes]
        self._lengths = [len(note.audio) * RATE_HZ // SAMPLE_RATE_HZ // BLOCK_SAMPLES for note in notes]
        self._blocks = blocks

    def draw(self, count: int, rng: np.random.Generator) -> Excerpts:
        """``count`` excerpts."""
        picked = []
        for index in rng.integers(len(self._whole), size=count):
            latest = max(self._lengths[index] - self._blocks, 0)
            start = 0 if rng.random() < 0.5 else int(rng.integers(latest + 1))
            picked.append((self._whole[index], start))
        return Excerpts(
            torch.cat([e.audio[:, s * BLOCK_SAMPLES : (s + self._blocks) * BLOCK_SAMPLES] for e, s in picked]),
            torch.cat([e.note[:, s : s + self._blocks] for e, s in picked]),
            torch.cat([e.level_db[:, s : s + self._blocks] for e, s in picked]),
        )
