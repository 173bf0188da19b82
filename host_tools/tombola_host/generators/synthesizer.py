"""From amplitudes to sound: one wavetable per period for the partials, fixed noise bands with moving gains.

All partials share one f0, so one period of the wave is a matrix product of the partials' amplitudes; a phase
accumulator reads it, and the cost no longer grows with partials × samples. Amplitudes and frequency move linearly
from one period's end to the next, so nothing clicks and nothing waits for the future: the delay is 0 samples.
"""

from __future__ import annotations

import math

import torch
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ
from torch import Tensor, nn
from torch.nn import functional

TABLE_SAMPLES = 512
"""Read linearly, partial h of a table of N has images (h / (N - h))² below it: -52 dB at 25, -39 dB at 50."""
PARTIALS_END_HZ = 20_500.0
PARTIALS_FADE_HZ = 1_000.0
SILENCE_AMPLITUDE = 1e-4
"""-80 dB, subtracted from the level's amplitude so that silence is exactly zero."""


class Synthesizer(nn.Module):
    """Partials and noise bands to sound. It learns nothing: its buffers are constants.

    N stands for any number of independent periods: voices, or voices × frames offline. H partials, B noise bands,
    T samples. Written for few nodes: on the device every node of the graph costs as much as 100 multiplications.
    """

    slope: Tensor
    basis: Tensor
    motion: Tensor
    grid_rest: Tensor
    grid_scale: Tensor
    ends: Tensor

    def __init__(self, partials: int, noise_bands: int) -> None:
        super().__init__()
        self.partials, self.noise_bands = partials, noise_bands
        harmonic = torch.arange(1, partials + 1, dtype=torch.float64)
        slope = torch.cat([harmonic * (SAMPLE_RATE_HZ / PARTIALS_FADE_HZ), torch.zeros(noise_bands)])
        # Linear interpolation attenuates partial h by sinc²(h / N): give that back. √2, because amplitudes are RMS.
        droop = math.sqrt(2) / torch.sinc(harmonic / TABLE_SAMPLES) ** 2
        turns = harmonic[:, None] * torch.arange(TABLE_SAMPLES + 1) / TABLE_SAMPLES
        basis = torch.sin(2 * math.pi * (turns - turns.floor())) * droop[:, None]

        # Turns at sample t = phase + start (t - t² / 2 T) + increment t² / 2 T; the last column is the next phase.
        time = torch.arange(PERIOD_SAMPLES + 1, dtype=torch.float64)
        bent = time.square() / (2 * PERIOD_SAMPLES)
        motion = torch.stack([torch.ones_like(time), time - bent, bent])
        ramp = (time[:-1] + 1) / PERIOD_SAMPLES
        # Columns 0, 2, 4 … are places across the table, columns 1, 3, 5 … down from the old table to the new.
        columns = torch.zeros(3, 2 * PERIOD_SAMPLES + 1, dtype=torch.float64)
        columns[:, 0 : 2 * PERIOD_SAMPLES : 2], columns[:, -1] = motion[:, :-1], motion[:, -1]
        rest = torch.full((2 * PERIOD_SAMPLES,), -1.0, dtype=torch.float64)
        rest[1::2] = 2 * ramp - 1
        scale = torch.zeros(2 * PERIOD_SAMPLES, dtype=torch.float64)
        scale[0::2] = 2.0
        constants = {"slope": slope, "basis": basis, "motion": columns, "grid_rest": rest, "grid_scale": scale}
        constants["ends"] = torch.stack([1 - ramp, ramp])
        for name, value in constants.items():
            self.register_buffer(name, value.float(), persistent=False)

    def audible(self, increment: Tensor) -> Tensor:
        """Weight of each amplitude at an f0 of so many cycles per sample: 1, for partials fading to 0 below Nyquist.

        (…, 1) → (…, H + B).
        """
        return (PARTIALS_END_HZ / PARTIALS_FADE_HZ - increment * self.slope).clamp(0.0, 1.0)

    def at_level(self, log_amplitude: Tensor, audible: Tensor, level: Tensor) -> Tensor:
        """Scale amplitudes so that their power is that of a level; what would alias is silent.

        Args:
            log_amplitude: Natural logarithm, to any common factor. Shape (…, H + B).
            audible: Shape (…, H + B).
            level: RMS amplitude. Shape (…, 1).
        """
        amplitude = torch.exp(log_amplitude) * audible
        norm = torch.linalg.vector_norm(amplitude, dim=-1, keepdim=True)
        gain: Tensor = torch.relu(level - SILENCE_AMPLITUDE) / (norm + 1e-6)
        return amplitude * gain

    def forward(
        self, before: Tensor, amplitude: Tensor, phase: Tensor, start: Tensor, increment: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One period of sound.

        Args:
            before: Amplitudes at the period's start. Shape (N, H + B).
            amplitude: Amplitudes at its end. Shape (N, H + B).
            phase: Turns at its start, 0 … 1. Shape (N, 1).
            start: Cycles per sample at its start. Shape (N, 1).
            increment: Cycles per sample at its end. Shape (N, 1).
            noise: Noise bands of RMS 1. Shape (N, B, T).

        Returns:
            Sound, shape (N, T), and the phase at the end, shape (N, 1).
        """
        both = torch.cat([before, amplitude], dim=1).reshape(-1, 2, self.partials + self.noise_bands)
        partials, gains = both.split([self.partials, self.noise_bands], dim=2)
        turns = torch.matmul(torch.cat([phase, start, increment], dim=1), self.motion)
        places, after = (turns - torch.floor(turns)).split([2 * PERIOD_SAMPLES, 1], dim=1)
        grid = (places * self.grid_scale + self.grid_rest).reshape(-1, 1, PERIOD_SAMPLES, 2)
        tables = torch.matmul(partials, self.basis).unsqueeze(1)
        tone = functional.grid_sample(tables, grid, mode="bilinear", padding_mode="border", align_corners=True)
        hiss = (torch.matmul(gains, noise) * self.ends).sum(dim=1)
        return tone.reshape(-1, PERIOD_SAMPLES) + hiss, after
