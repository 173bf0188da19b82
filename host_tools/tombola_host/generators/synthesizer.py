"""From amplitudes to sound: one wavetable per period for the partials, fixed noise bands with moving gains.

All partials share one f0, so one period of the wave is a matrix product of the partials' amplitudes; a phase
accumulator reads it, and the cost no longer grows with partials × samples. Amplitudes and frequency move linearly
from one period's end to the next, so nothing clicks and nothing waits for the future: the delay is 0 samples.

Partials are cosines, so the wave is even and half of it is the table. In phase they would add up to a pulse; their
signs follow the Rudin-Shapiro sequence, which keeps the peak near that of noise of the same power.

Source of the signs: Boyd 1986, "Multitone signals with low crest factor".
"""

from __future__ import annotations

import math
from typing import Any

import torch
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ
from torch import Tensor, nn
from torch.nn import functional

TABLE_SAMPLES = 512
"""Of a whole turn. Read linearly, partial h of N samples has images (h / (N - h))² below it: -52 dB at 25, -39 dB at
50."""
HALF_TABLE = TABLE_SAMPLES // 2 + 1
PARTIALS_END_HZ = 20_500.0
PARTIALS_FADE_HZ = 1_000.0
SILENCE_AMPLITUDE = 1e-4
"""-80 dB, subtracted from the level's amplitude so that silence is exactly zero."""


class _UnitPower(torch.autograd.Function):
    """``functional.normalize`` as the one ONNX operator that it is; the exporter would write five."""

    @staticmethod
    def forward(_: object, amplitude: Tensor) -> Tensor:
        return functional.normalize(amplitude, dim=-1)

    @staticmethod
    def symbolic(graph: Any, amplitude: Any) -> Any:  # noqa: ANN401 - torch does not say what they are
        return graph.op("LpNormalization", amplitude, axis_i=-1, p_i=2).setType(amplitude.type())


class Synthesizer(nn.Module):
    """Partials and noise bands to sound. It learns nothing: its buffers are constants.

    V voices, F frames, H partials, B noise bands, T samples, W = HALF_TABLE. Written for few nodes: on the device
    every node of the graph costs as much as 200 multiplications. *Pace* is (cycles per sample, 1): with that 1,
    whatever is linear but for an offset is one product.
    """

    fade: Tensor
    basis: Tensor
    places: Tensor
    grid_scale: Tensor
    grid_origin: Tensor
    ends: Tensor
    both: Tensor

    def __init__(self, partials: int, noise_bands: int) -> None:
        super().__init__()
        self.partials, self.noise_bands = partials, noise_bands
        harmonic = torch.arange(1, partials + 1, dtype=torch.float64)
        slope = torch.cat([harmonic * (SAMPLE_RATE_HZ / PARTIALS_FADE_HZ), torch.zeros(noise_bands)])
        # Linear interpolation attenuates partial h by sinc²(h / N): give that back. √2, because amplitudes are RMS.
        droop = math.sqrt(2) / torch.sinc(harmonic / TABLE_SAMPLES) ** 2
        turns = harmonic[:, None] * torch.arange(HALF_TABLE) / TABLE_SAMPLES
        basis = torch.cos(2 * math.pi * (turns - turns.floor())) * (droop * _signs(partials))[:, None]

        # Turns at time t = turns + start (t - t² / 2 T) + pace t² / 2 T, from (turns, start, 1, pace, 1). Times are
        # 1 … T: the last sample is where the next period goes on from.
        time = torch.arange(1, PERIOD_SAMPLES + 1, dtype=torch.float64)
        bent, none = time.square() / (2 * PERIOD_SAMPLES), torch.zeros_like(time)
        ramp = time / PERIOD_SAMPLES
        # Columns 0, 2, 4 … are places along the table, columns 1, 3, 5 … on the way from the old table to the new.
        places = torch.zeros(5, 2 * PERIOD_SAMPLES, dtype=torch.float64)
        places[:, 0::2] = torch.stack([torch.ones_like(time), time - bent, none, bent, none])
        places[-1, 1::2] = ramp / 2
        # From turns, and that way, to grid_sample's coordinates, in which a row of N samples is 2 long and a sample
        # 2 / N: without aligned corners and with zeros around, which are never read, onnxruntime is twice as fast.
        across, down = 2 * TABLE_SAMPLES / HALF_TABLE, 2.0
        grid_scale = torch.tensor([across, down], dtype=torch.float64).repeat(PERIOD_SAMPLES)
        grid_origin = torch.tensor([1 / HALF_TABLE - 1, -0.5], dtype=torch.float64).repeat(PERIOD_SAMPLES)
        constants = {
            "fade": torch.stack([-slope, torch.full_like(slope, PARTIALS_END_HZ / PARTIALS_FADE_HZ)]),
            "basis": basis,
            "places": places,
            "grid_scale": grid_scale,
            "grid_origin": grid_origin,
            "ends": torch.stack([1 - ramp, ramp]),
            "both": torch.ones(1, 2),
        }
        for name, value in constants.items():
            self.register_buffer(name, value.float(), persistent=False)

    def audible(self, pace: Tensor) -> Tensor:
        """Weight of each amplitude at a pace: 1, for partials fading to 0 below Nyquist. (…, 2) → (…, H + B)."""
        return torch.matmul(pace, self.fade).clamp(0.0, 1.0)

    def at_level(self, relative: Tensor, audible: Tensor, level: Tensor) -> Tensor:
        """Scale amplitudes so that their power is that of a level; what would alias is silent.

        Args:
            relative: Amplitudes to any common factor. Shape (…, H + B).
            audible: Shape (…, H + B).
            level: RMS amplitude. Shape (…, 1).
        """
        heard = relative * audible
        exported = torch.onnx.is_in_onnx_export()
        unit: Tensor = _UnitPower.apply(heard) if exported else functional.normalize(heard, dim=-1)  # type: ignore[no-untyped-call]
        return unit * torch.relu(level - SILENCE_AMPLITUDE)

    def wave(self, amplitude: Tensor) -> tuple[Tensor, Tensor]:
        """Amplitudes (…, H + B) → half a period of the partials' wave (…, W), gains of the noise bands (…, B)."""
        partials, gains = amplitude.split([self.partials, self.noise_bands], dim=-1)
        return torch.matmul(partials, self.basis), gains

    def forward(self, tables: Tensor, gains: Tensor, motion: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """One period of sound of N voices, or of N independent frames.

        Args:
            tables: Waves at the period's start and end. Shape (N, 1, 2, W).
            gains: Of the noise bands, at its start and end. Shape (N, 1, 2, B).
            motion: Turns at its start, pace at its start, pace at its end. Shape (N, 1, 1, 5).
            noise: Noise bands of RMS 1. Shape (N, 1, B, T).

        Returns:
            Sound, shape (N, 1, 1, T), and turns at the end, -1/2 … 1/2, shape (N, 1, 1, 1).
        """
        turns = torch.matmul(motion, self.places)
        off = turns - torch.round(turns)
        # How far from the next whole turn, at which the half table begins. The way down stays what it is.
        grid = (off.abs() * self.grid_scale + self.grid_origin).reshape(-1, 1, PERIOD_SAMPLES, 2)
        tone = functional.grid_sample(tables, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        hiss = torch.matmul(self.both, torch.matmul(gains, noise) * self.ends)
        return tone + hiss, off[..., -2:-1]


def _signs(partials: int) -> Tensor:
    """The Rudin-Shapiro sequence: -1 where a number has an odd count of neighbouring ones in binary. Shape (H,)."""
    return torch.tensor([(-1.0) ** (number & (number >> 1)).bit_count() for number in range(partials)])
