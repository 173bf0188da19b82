"""Partials with frequencies of their own, for bells, bars and plates: sines beside the wavetable.

A ratio to the pitch is fitted to the recordings, not trained: a straight line over the keyboard for each mode, in
logarithms. Along a blend it moves from one mode's ratio to the other's. Each sine's amplitude is one more output of the
head. It is heard as the noise bands are: in one period it fades in, in the next, at the same frequency, out.

Source: overlap-add of sines as in George & Smith 1992, "Analysis-by-synthesis/overlap-add sinusoidal modeling".
"""

from __future__ import annotations

import math

import torch
from tombola_device.contract.controls import PERIOD_SAMPLES, SCALAR_COLUMNS
from torch import Tensor, nn

from tombola_host.corpus.free import MIDDLE_NOTE, Tracks

NOTE = SCALAR_COLUMNS.index("note")
TURN = 2 * math.pi


class FreePartials(nn.Module):
    """The K free partials of M modes. V voices, F frames, T samples.

    Args:
        modes: M.
        count: K.
        fade: Slope of the partials' fade below Nyquist, and the offset of the first harmonic's, as in ``Synthesizer``.
    """

    log_ratio: Tensor
    gain: Tensor
    travel: Tensor
    time: Tensor
    window: Tensor

    def __init__(self, modes: int, count: int, fade: tuple[float, float]) -> None:
        super().__init__()
        self.count, self._fade = count, fade
        # Fitted, not trained: the ratio's logarithm at MIDDLE_NOTE, and what it gains per semitone. Shapes (M, K).
        self.register_buffer("log_ratio", torch.zeros(modes, count))
        self.register_buffer("gain", torch.zeros(modes, count))
        time = torch.arange(1, 2 * PERIOD_SAMPLES + 1, dtype=torch.float64) / PERIOD_SAMPLES - 1
        constants = {
            # Radians of the pitch in a period, from the paces at its start and end.
            "travel": torch.tensor([[0.0], [0.5], [0.5]], dtype=torch.float64) * (TURN * PERIOD_SAMPLES),
            "time": time,
            "window": math.sqrt(2) * (1 - time.abs()),  # Amplitudes are RMS.
        }
        for name, value in constants.items():
            self.register_buffer(name, value.float(), persistent=False)

    def tell(self, mode: int, tracks: Tracks) -> None:
        """Set the ratios of a mode."""
        self.log_ratio[mode] = torch.tensor(tracks.log_ratio)
        self.gain[mode] = torch.tensor(tracks.gain)

    def ratios(self, note: Tensor, blend: Tensor) -> Tensor:
        """Logarithms of the ratios, (…, 1), (…, M) → (…, K)."""
        return blend @ self._at_zero() + note * (blend @ self.gain)

    def fades(self) -> tuple[float, Tensor]:
        """Slope per semitone and each mode's offset, (M, K), for ``hardsigmoid`` of a note to weigh each partial.

        A partial ends at the note at which it comes to Nyquist, however steep its track is.
        """
        slope, first = self._fade
        octave = 12 / math.log(2)
        centre = -first / slope
        ends = (centre - octave * self._at_zero()) / (1 + octave * self.gain)
        return slope, -slope * ends

    def faded(self, fade: Tensor, always: Tensor) -> tuple[Tensor, Tensor]:
        """The same for all amplitudes, of which the free partials are the last: (7 + M, H + B + K), (H + B + K,)."""
        slope, offsets = self.fades()
        own = nn.functional.pad(offsets, (0, 0, len(SCALAR_COLUMNS), 0))
        own[NOTE] = slope
        return torch.cat([fade[:, : -self.count], own], dim=1), torch.cat(
            [always[: -self.count], always.new_zeros(self.count)]
        )

    def audible(self, note: Tensor, blend: Tensor) -> Tensor:
        """Weight of each partial, 0 … 1: (…, 1), (…, M) → (…, K)."""
        slope, offset = self.fades()
        return nn.functional.hardsigmoid(slope * note + blend @ offset)

    def frame(self, controls: Tensor, motion: Tensor, phases: Tensor) -> tuple[Tensor, Tensor]:
        """The sines of one period and the next, in the form that is exported.

        Args:
            controls: Shape (V, 7 + M).
            motion: As in ``tombola_device.engine.motion``. Shape (V, 3).
            phases: At the period's start, radians. Shape (V, 1, K, 1).

        Returns:
            Sines of RMS 1, faded in and out, shape (V, 1, K, 2 T), and the phases at the period's end.
        """
        modes = len(self.log_ratio)
        scalars = len(SCALAR_COLUMNS)
        above = controls.new_zeros(scalars, self.count)
        note = controls.new_zeros(scalars + modes, 1)
        note[NOTE] = 1
        steep = controls @ torch.cat([above, self.gain]) * (controls @ note)
        ratio = torch.exp(torch.addmm(steep, controls, torch.cat([above, self._at_zero()])))
        turned = (ratio * (motion @ self.travel)).reshape(-1, 1, self.count, 1)
        after = torch.fmod(phases + turned, TURN)
        return torch.sin(turned * self.time + after) * self.window, after

    def played(
        self, amplitude: Tensor, log_ratio: Tensor, motion: Tensor, phases: Tensor, tail: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Play F periods at once.

        Args:
            amplitude: Shape (V, F, K).
            log_ratio: Shape (V, F, K).
            motion: Shape (V, F, 3).
            phases: Shape (V, 1, K, 1).
            tail: What fades out of the period before. Shape (V, T).

        Returns:
            Sound (V, F * T), phases, tail.
        """
        turned = log_ratio.exp() * (motion @ self.travel)
        after = torch.fmod(phases[:, 0].transpose(1, 2) + turned.double().cumsum(1), TURN)
        sines = torch.sin(turned[..., None] * self.time + after.to(turned.dtype)[..., None]) * self.window
        rising, falling = torch.matmul(amplitude[:, :, None], sines)[:, :, 0].split(PERIOD_SAMPLES, dim=-1)
        sound = rising + torch.cat([tail[:, None], falling[:, :-1]], dim=1)
        return sound.flatten(1), after[:, -1:, :, None].to(turned.dtype), falling[:, -1]

    def _at_zero(self) -> Tensor:
        """The tracks' values at note 0. Shape (M, K)."""
        return self.log_ratio - MIDDLE_NOTE * self.gain
