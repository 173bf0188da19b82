"""Turns amplitudes into sound: a wavetable per period for the partials, and noise bands with moving gains.

All partials share one f0, so one period of the wave is a matrix product of the partials' amplitudes. A phase
accumulator reads the wave, so the cost does not grow with partials × samples. Amplitudes and frequency change linearly
from one period's end to the next, so nothing clicks and no future input is needed: the delay is 0 samples.

Partials are cosines, so the wave is even and the table holds half of it. With equal signs they would add up to a pulse;
their signs follow the Rudin-Shapiro sequence, which keeps the peak near that of noise of the same power.

Source of the signs: Boyd 1986, "Multitone signals with low crest factor".
"""

from __future__ import annotations

import math
from typing import Any

import torch
from tombola_device.contract.controls import PERIOD_SAMPLES
from torch import Tensor, nn
from torch.nn import functional

TABLE_SAMPLES = 512
"""Samples per turn. Linear interpolation of N samples gives partial h images that are (h / (N - h))² lower: -52 dB at
partial 25, -39 dB at 50."""
HALF_TABLE = TABLE_SAMPLES // 2 + 1
PARTIALS_END_HZ = 20_500.0
PARTIALS_FADE_HZ = 1_000.0
INAUDIBLE = 18.0
"""How far a partial that would alias is lowered, in nepers: 156 dB."""


class _UnitPower(torch.autograd.Function):
    """``functional.normalize`` as one ONNX operator; the exporter would write five operators."""

    @staticmethod
    def forward(_: object, amplitude: Tensor) -> Tensor:
        return functional.normalize(amplitude, dim=-1)

    @staticmethod
    def symbolic(graph: Any, amplitude: Any) -> Any:  # noqa: ANN401 - torch declares no types
        return graph.op("LpNormalization", amplitude, axis_i=-1, p_i=2).setType(amplitude.type())


class Synthesizer(nn.Module):
    """Turns partials and noise bands into sound. Nothing is learned here: the buffers are constants.

    V voices, F frames, H partials, B noise bands, T samples, W = HALF_TABLE. The code is written for few nodes: on the
    device each node of the graph costs as much as some thousand multiplications.
    """

    fade: Tensor
    basis: Tensor
    places: Tensor
    ways: Tensor
    grid_scale: Tensor
    grid_origin: Tensor
    ramps: Tensor

    def __init__(self, partials: int, noise_bands: int) -> None:
        super().__init__()
        self.partials, self.noise_bands = partials, noise_bands
        harmonic = torch.arange(1, partials + 1, dtype=torch.float64)
        # Linear interpolation attenuates partial h by sinc²(h / N); this factor restores it. √2: amplitudes are RMS.
        droop = math.sqrt(2) / torch.sinc(harmonic / TABLE_SAMPLES) ** 2
        turns = harmonic[:, None] * torch.arange(HALF_TABLE) / TABLE_SAMPLES
        basis = torch.cos(2 * math.pi * (turns - turns.floor())) * (droop * _signs(partials))[:, None]

        # Converts turns 0 … 1/2 to grid_sample's coordinates, where a row of N samples has length 2 and a sample 2 / N.
        # Without aligned corners and with zero padding, which is never read, onnxruntime is twice as fast.
        scale, origin = 2 * TABLE_SAMPLES / HALF_TABLE, 1 / HALF_TABLE - 1
        # Turns at time t = turns + start (t - t² / 2 T) + pace t² / 2 T. Times are 1 … T: the next period continues
        # from the last sample. Columns 0, 2, 4 … are turns. Columns 1, 3, 5 … are the crossfade from the old table to
        # the new, -1/2 … 1/2, in units that the turns' scale and origin convert to these values.
        time = torch.arange(1, PERIOD_SAMPLES + 1, dtype=torch.float64)
        bent, ramp = time.square() / (2 * PERIOD_SAMPLES), time / PERIOD_SAMPLES
        places, ways = torch.zeros(3, 2 * PERIOD_SAMPLES), torch.zeros(2 * PERIOD_SAMPLES)
        places[:, 0::2] = torch.stack([torch.ones_like(time), time - bent, bent])
        ways[1::2] = (ramp - 0.5 - origin) / scale
        constants = {
            "fade": _fade(partials, noise_bands),
            "basis": basis,
            "places": places,
            "ways": ways,
            "grid_scale": torch.tensor(scale),
            "grid_origin": torch.tensor(origin),
            "ramps": torch.stack([1 - ramp, ramp]),
        }
        for name, value in constants.items():
            self.register_buffer(name, value.float(), persistent=False)

    def audible(self, note: Tensor) -> Tensor:
        """Weight of each amplitude at a note: 1; partials fade to 0 below Nyquist. (…, 1) → (…, H + B)."""
        return functional.hardsigmoid(note * self.fade[0] + self.fade[1])

    def at_level(self, log_amplitude: Tensor, amplitude: Tensor) -> Tensor:
        """Scale amplitudes to the power of a level.

        Args:
            log_amplitude: Up to a common factor, including ``INAUDIBLE`` times ``audible``. Shape (…, H + B).
            amplitude: RMS of all together. Shape (…, 1).
        """
        relative = torch.exp(log_amplitude)
        exported = torch.onnx.is_in_onnx_export()
        unit: Tensor = _UnitPower.apply(relative) if exported else functional.normalize(relative, dim=-1)  # type: ignore[no-untyped-call]
        return unit * amplitude

    def wave(self, amplitude: Tensor) -> tuple[Tensor, Tensor]:
        """Amplitudes (…, H + B) → half a period of the partials' wave (…, W), gains of the noise bands (…, B)."""
        partials, gains = amplitude.split([self.partials, self.noise_bands], dim=-1)
        return torch.matmul(partials, self.basis), gains

    def tone(self, tables: Tensor, motion: Tensor) -> Tensor:
        """The partials of one period: waves at its start and end (N, 1, 2, W), motion (N, 3) → (N, 1, 1, T)."""
        turns = torch.addmm(self.ways, motion, self.places)
        off = turns - torch.round(turns)
        # The distance to the nearest whole turn, where the half table begins. The second coordinate is unchanged.
        grid = (off.abs() * self.grid_scale + self.grid_origin).reshape(-1, 1, PERIOD_SAMPLES, 2)
        return functional.grid_sample(tables, grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    def hiss(self, gains: Tensor, noise: Tensor) -> Tensor:
        """The noise of one period: gains at its start and end (N, 1, 2, B), noise (N, 1, B, T) → (N, 1, 1, T)."""
        return (torch.matmul(gains, noise) * self.ramps).sum(dim=2, keepdim=True)

    def forward(self, tables: Tensor, gains: Tensor, noise: Tensor, motion: Tensor) -> Tensor:
        """Render one period of N voices, or of N independent frames.

        Args:
            tables: Waves at the period's start and end. Shape (N, 1, 2, W).
            gains: Gains of the noise bands at the period's start and end. Shape (N, 1, 2, B).
            noise: Noise bands of RMS 1. Shape (N, 1, B, T).
            motion: Laid out as in ``tombola_device.engine.motion``. Shape (N, 3).

        Returns:
            Sound, shape (N, 1, 1, T).
        """
        return self.tone(tables, motion) + self.hiss(gains, noise)


def _fade(partials: int, noise_bands: int) -> Tensor:
    """Slope and offset for ``hardsigmoid`` (x / 6 + 1/2 in 0 … 1) of a note to weigh each amplitude. (2, H + B)."""
    semitones = 12 * math.log2(PARTIALS_END_HZ / (PARTIALS_END_HZ - PARTIALS_FADE_HZ))
    end = 69 + 12 * math.log2(PARTIALS_END_HZ / 440)
    harmonic = torch.arange(1, partials + 1, dtype=torch.float64)
    left = (end - 12 * torch.log2(harmonic)) / semitones
    slope = torch.full_like(left, -1 / semitones)
    always = torch.zeros(noise_bands, dtype=torch.float64)
    return torch.stack([torch.cat([6 * slope, always]), torch.cat([6 * left - 3, always + 3])])


def _signs(partials: int) -> Tensor:
    """The Rudin-Shapiro sequence: -1 for numbers with an odd count of adjacent binary ones. Shape (H,)."""
    return torch.tensor([(-1.0) ** (number & (number >> 1)).bit_count() for number in range(partials)])
