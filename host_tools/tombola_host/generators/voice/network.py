"""The main generator: a small recurrent trunk, output layers for partials and noise, and the synthesizer.

    controls, shade ─► Spectrum ─► amplitudes ─► Synthesizer ─► audio
                       └─ state ─┘               └─ state ─┘

Source: the idea of Engel et al. 2020, "DDSP: Differentiable digital signal processing".
"""

from __future__ import annotations

import math

import torch
from tombola_device.contract.controls import PERIOD_SAMPLES
from tombola_device.engine.motion import SILENCE_AMPLITUDE
from torch import Tensor
from torch.nn import functional

from tombola_host.generators.base import Conditions
from tombola_host.generators.voice.pace import pace_of, turned
from tombola_host.generators.voice.spectrum import NOTE, SCALARS, Spectrum
from tombola_host.generators.voice.synthesizer import HALF_TABLE, INAUDIBLE

CERTAIN = 20.0
"""tanh(20) is 1: units with this bias always output 1. They carry the modes' mean spectra to the head."""
VoiceState = tuple[Tensor, ...]
"""The state of voices between periods: trunk (V, U + M), or (V, U) where nothing is gated, wave (V, 1, 1, W), gains
(V, 1, 1, B + K), turns and pace (V, 1), double; with free partials their phases (V, 1, K, 1), and what fades out of
them (V, T)."""


class Voice(Spectrum):
    """Turns controls into sound at 48 kHz; causal, without look-ahead. See ``Spectrum`` for its arguments."""

    delay_samples = 0

    @property
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """The tensors of the graph's state: the trunk's, the wave and the free phases at the end of the last period."""
        phases = {"phases": (1, self.size.free, 1)} if self.size.free else {}
        return {"trunk": (self.size.hidden + self._certain,), "wave": (1, 1, HALF_TABLE), **phases}

    @property
    def _certain(self) -> int:
        """How many units always output 1; see ``_frame_trunk``."""
        return self.modes if self.gated else 0

    def rest(self, voices: int) -> VoiceState:
        """The state of voices before their first sound."""
        trunk, wave, *phases = [torch.zeros(voices, *shape) for shape in self.state_shapes.values()]
        turns, pace = torch.zeros(2, voices, 1, dtype=torch.float64)
        own = [*phases, torch.zeros(voices, PERIOD_SAMPLES)] if phases else []
        return (trunk, wave, torch.zeros(voices, 1, 1, self.noise_bands + self.size.free), turns, pace, *own)

    def forward(self, conditions: Conditions) -> Tensor:
        """See Generator."""
        return self.stream(conditions, self.rest(len(conditions.controls)))[0]

    def stream(self, conditions: Conditions, state: VoiceState) -> tuple[Tensor, VoiceState]:
        """See Streamable."""
        assert conditions.noise is not None
        return self.render(conditions.controls, conditions.noise, conditions.shade, state)

    def render(
        self, controls: Tensor, noise: Tensor, shade: Tensor | None = None, state: VoiceState | None = None
    ) -> tuple[Tensor, VoiceState]:
        """Render F periods at once: (V, F, 7 + M), (V, F, B, T), (V, F, M * K), state → (V, F * T), state."""
        trunk, *carried = self.rest(len(controls)) if state is None else state
        log_amplitude, last = self.log_amplitudes(controls, shade, trunk[:, : self.size.hidden])
        amplitude, pace = self.at_level(log_amplitude, self.note_and_level(controls, shade))
        audio, carried = self.sound(amplitude, pace, noise, carried)
        return audio, (functional.pad(last, (0, self._certain), value=1.0), *carried)

    def sound(
        self, amplitude: Tensor, pace: Tensor, noise: Tensor, carried: list[Tensor] | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Run the synthesizer over F periods.

        Args:
            amplitude: Shape (V, F, H + B + K).
            pace: With log ratios, from ``at_level``. Shape (V, F, 1 + K).
            noise: Shape (V, F, B, T).
            carried: The state before the first period, without the trunk's; at rest by default.

        Returns:
            Audio, shape (V, F * T), and the next state without the trunk's.
        """
        voices, frames, _ = amplitude.shape
        wave_before, gains_before, turns, pace_before, *own = carried or self.rest(voices)[1:]
        ends = self.synthesizer.wave(amplitude)
        tables, gains = (
            torch.stack([torch.cat([before[:, 0], end[:, :-1]], dim=1), end], dim=2)
            for before, end in zip((wave_before, gains_before), ends, strict=True)
        )
        motion, turns, pace_after = turned(pace[..., 0], turns, pace_before)
        motion = motion.to(amplitude.dtype)
        flat = [x.flatten(0, 1).unsqueeze(1) for x in (tables, gains[..., : self.noise_bands], noise)]
        audio = self.synthesizer(*flat, motion.flatten(0, 1)).reshape(voices, frames * PERIOD_SAMPLES)
        last = [end[:, -1:].unsqueeze(1) for end in ends]
        if self.free is None:
            return audio, [*last, turns, pace_after]
        amplitude = ends[1][..., self.noise_bands :]
        sines, *own = self.free.played(amplitude, pace[..., 1:].to(amplitude.dtype), motion, *own)
        return audio + sines, [*last, turns, pace_after, *own]

    def step(
        self, controls: Tensor, state: VoiceState, noise: Tensor, shade: Tensor | None = None
    ) -> tuple[Tensor, VoiceState]:
        """Render one period: (V, 7 + M), state, (V, 1, B, T), (V, M * K) → (V, 1, 1, T), state."""
        hidden, wave_before, gains_before, turns, pace_before, *own = state
        shade = controls.new_zeros(len(controls), 0) if shade is None else shade
        shade = functional.pad(shade, (0, len(self._directions()) - shade.shape[1]))
        level_db = self.note_and_level(controls, shade)[:, 1:2]
        amplitude = torch.relu(torch.exp(level_db * (math.log(10) / 20)) - SILENCE_AMPLITUDE)
        motion, turns, pace = turned(pace_of(controls[:, NOTE, None]), turns, pace_before)
        motion = motion[:, 0].to(controls.dtype)
        tone, gains, after = self._frame(controls, motion, amplitude, shade, (hidden, wave_before))
        bands = torch.cat([gains_before, gains], dim=2)[..., : self.noise_bands]
        audio = tone + self.synthesizer.hiss(bands, noise)
        if self.free is None:
            return audio, (*after, gains, turns, pace)
        sines, phases = self.free.frame(controls, motion, own[0])
        rising, falling = torch.matmul(gains[..., self.noise_bands :], sines).split(PERIOD_SAMPLES, dim=-1)
        return audio + rising + own[1][:, None, None], (*after, gains, turns, pace, phases, falling[:, 0, 0])

    def frame(
        self, controls: Tensor, motion: Tensor, level: Tensor, noise: Tensor, shade: Tensor, state: VoiceState
    ) -> tuple[Tensor, Tensor, VoiceState]:
        """Render one period in the form that is exported, with few nodes.

        Args:
            controls: Shape (V, 7 + M).
            motion: Phase and pace, laid out as in ``tombola_device.engine.motion``. Shape (V, 3).
            level: RMS amplitude. Shape (V, 1).
            noise: Noise of this period and the next, from ``tombola_device.engine.noise.overlapping``. Shape
                (V, 1, B, 2 T).
            shade: Shape (V, M * K + S).
            state: The tensors of ``state_shapes``.

        Returns:
            Partials (V, 1, 1, T); noise (V, 1, 1, 2 T), to be added to this period and the next; next state.
        """
        tone, gains, after = self._frame(controls, motion, level, shade, state[:2])
        if self.free is not None:
            sines, phases = self.free.frame(controls, motion, state[2])
            noise, after = torch.cat([noise, sines], dim=2), (*after, phases)
        return tone, torch.matmul(gains, noise), after

    def _frame(
        self, controls: Tensor, motion: Tensor, level: Tensor, shade: Tensor, state: VoiceState
    ) -> tuple[Tensor, Tensor, VoiceState]:
        """Partials (V, 1, 1, T), gains of noise and sines at the period's end (V, 1, 1, B + K), next trunk and wave."""
        hidden, wave_before = state
        synthesizer = self.synthesizer
        # The weights stand in the note's row of a product with all controls; a node that slices the note would cost
        # more.
        fade = functional.pad(synthesizer.fade[:1], (0, 0, NOTE, SCALARS + self.modes - 1 - NOTE))
        always = synthesizer.fade[1]
        if self.free is not None:
            fade, always = self.free.faded(fade, always)
        audible = functional.hardsigmoid(torch.addmm(always, controls, fade))
        log_amplitude, last = self._frame_trunk(controls, hidden, shade, audible)
        amplitude = synthesizer.at_level(log_amplitude, level)
        wave, gains = synthesizer.wave(amplitude.reshape(-1, 1, 1, self.head.out_features))
        return synthesizer.tone(torch.cat([wave_before, wave], dim=2), motion), gains, (last, wave)

    def _frame_trunk(self, controls: Tensor, hidden: Tensor, shade: Tensor, audible: Tensor) -> tuple[Tensor, Tensor]:
        """One frame of ``log_amplitudes`` with constants folded; partials that would alias are lowered to silence.

        Where units are gated, each mode has an extra one, always 1. Its gate is the blend weight; through it the head
        adds the mean spectrum. Where none is, the blend is multiplied by the spectra instead: one node less.
        """
        certain, trunk = self._certain, self.trunk
        weight = self.input.weight * (self.read / self.spread)
        units = functional.leaky_relu(functional.linear(controls, weight, self.input.bias - weight @ self.centre), 0.1)
        bias = functional.pad(trunk.bias_hh_l0 + trunk.bias_ih_l0, (0, certain), value=CERTAIN)
        held = functional.linear(hidden, functional.pad(trunk.weight_hh_l0, (0, certain, 0, certain)), bias)
        last = torch.tanh(torch.addmm(held, units, functional.pad(trunk.weight_ih_l0, (0, 0, 0, certain)).T))
        shaded = torch.addmm(audible, shade, self._directions(), beta=INAUDIBLE)  # Joining two inputs costs more.
        if not self.gated:
            spectrum = functional.pad(self.spectrum, (0, 0, SCALARS, 0))
            return torch.addmm(torch.addmm(shaded, controls, spectrum), last, self.head.weight.T), last
        gates = functional.pad(torch.cat([self.activity, torch.eye(certain)], dim=1), (0, 0, SCALARS, 0))
        head = torch.cat([self.head.weight.T, self.spectrum])
        return torch.addmm(shaded, last * torch.mm(controls, gates), head), last
