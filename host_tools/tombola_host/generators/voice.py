"""The flagship generator: a small recurrent trunk, heads for partials and noise, and the synthesizer.

    controls ─► input ─► GRU ─► × gates(blend) ─► head ─► log amplitudes ─► at level ─► Synthesizer ─► audio
                          └─ state ─┘                                          └─ state ─┘

Units of the trunk are *core* (every mode uses them) or *specialists* (some modes use them). Specialists read the core
and their own kind, the core reads only itself: what a specialist does cannot reach a mode that does not use it. A
specialist's output is scaled by the blend weight of the modes that use it.

Source: after Engel et al. 2020, "DDSP: Differentiable digital signal processing".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ, SCALAR_COLUMNS
from torch import Tensor, nn
from torch.nn import functional

from tombola_host.corpus.clip import NOISE_BANDS, PARTIALS
from tombola_host.generators.synthesizer import Synthesizer
from tombola_host.generators.units import Axis, UnitGroup, Weights

CENTRE = {"note": 60.0, "loudness_db": -30.0}
SPREAD = {"note": 16.0, "loudness_db": 16.0}
SCALARS = len(SCALAR_COLUMNS)
assert SCALAR_COLUMNS[:2] == ("note", "loudness_db")


class _Trunk(nn.GRU):
    """torch's GRU; torch does not say that these are tensors."""

    weight_ih_l0: Tensor
    weight_hh_l0: Tensor
    bias_ih_l0: Tensor
    bias_hh_l0: Tensor


@dataclass(frozen=True, slots=True)
class VoiceSize:
    """How wide a voice is: units of its input layer and of its trunk."""

    input: int
    hidden: int


class Voice(nn.Module):
    """Controls to sound, 48 kHz, causal, no look-ahead.

    Args:
        modes: M, length of the blend vector.
        size: Units per layer.
        activity: Which modes use each unit of the trunk: shape (M, U), 0 or 1; all by default.
    """

    delay_samples = 0
    noise_bands = NOISE_BANDS
    partials = PARTIALS
    centre: Tensor
    exponent: Tensor
    origin: Tensor
    spread: Tensor
    activity: Tensor

    def __init__(self, modes: int, size: VoiceSize, activity: Tensor | None = None) -> None:
        super().__init__()
        self.size = size
        self.input = nn.Linear(SCALARS + modes, size.input)
        self.gru = _Trunk(size.input, size.hidden, batch_first=True)
        self.head = nn.Linear(size.hidden, self.partials + self.noise_bands, bias=False)
        self.spectrum = nn.Parameter(torch.zeros(modes, self.partials + self.noise_bands))
        self.synthesizer = Synthesizer(self.partials, self.noise_bands)
        semitone = math.log(2) / 12
        constants = {
            "centre": [*(CENTRE.get(column, 0.0) for column in SCALAR_COLUMNS), *[0.0] * modes],
            "spread": [*(SPREAD.get(column, 1.0) for column in SCALAR_COLUMNS), *[1.0] * modes],
            "exponent": [semitone, math.log(10) / 20],
            "origin": [math.log(440.0 / SAMPLE_RATE_HZ) - 69 * semitone, 0.0],
        }
        for name, values in constants.items():
            self.register_buffer(name, torch.tensor(values), persistent=False)
        self.register_buffer("activity", torch.ones(modes, size.hidden) if activity is None else activity)
        self.gru.weight_hh_l0.register_hook(lambda grad: grad * self.readable())
        self.forget_the_unreadable()

    @classmethod
    def of(cls, weights: Weights) -> Voice:
        """A voice with these weights, its size read off them."""
        width, columns = weights["input.weight"].shape
        size = VoiceSize(width, weights["gru.weight_hh_l0"].shape[1])
        network = cls(columns - SCALARS, size, weights["activity"].clone())
        network.load_state_dict(weights)
        return network

    @property
    def modes(self) -> int:
        """M, the length of the blend vector."""
        return self.activity.shape[0]

    @property
    def state_size(self) -> int:
        """Trunk, amplitudes at the last period's end, its increment, its phase."""
        return self.size.hidden + self.partials + self.noise_bands + 2

    def unit_groups(self) -> tuple[UnitGroup, ...]:
        """The input layer's units and the trunk's, with every axis that runs over them."""
        return (
            UnitGroup(
                "input",
                self.size.input,
                (
                    Axis("input.weight", 0),
                    Axis("input.bias", 0),
                    Axis("gru.weight_ih_l0", 1, incoming=False),
                ),
            ),
            UnitGroup(
                "trunk",
                self.size.hidden,
                (
                    Axis("gru.weight_ih_l0", 0, blocks=3),
                    Axis("gru.weight_hh_l0", 0, blocks=3),
                    Axis("gru.bias_ih_l0", 0, blocks=3),
                    Axis("gru.bias_hh_l0", 0, blocks=3),
                    Axis("gru.weight_hh_l0", 1, incoming=False),
                    Axis("head.weight", 1, incoming=False),
                    Axis("activity", 1, incoming=False, learned=False),
                ),
            ),
        )

    def readable(self) -> Tensor:
        """Which trunk units each trunk unit may read: those that every mode of the reader uses. Shape (3 U, U)."""
        modes_without = self.activity.T @ (1 - self.activity)
        return (modes_without < 0.5).to(self.activity.dtype).repeat(3, 1)

    def forget_the_unreadable(self) -> None:
        """Zero the recurrent weights that ``readable`` rules out; the gradient hook keeps them zero."""
        with torch.no_grad():
            self.gru.weight_hh_l0 *= self.readable()

    def log_amplitudes(self, controls: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run the trunk over F frames.

        Args:
            controls: Shape (V, F, 7 + M).
            hidden: Trunk state before the first frame. Shape (V, U); zeros by default.

        Returns:
            Log amplitudes to any common factor, shape (V, F, H + B), and the trunk's last state, shape (V, U).
        """
        units = functional.leaky_relu(self.input((controls - self.centre) / self.spread), 0.1)
        trunk, last = self.gru(units, None if hidden is None else hidden.unsqueeze(0).contiguous())
        return self._head(trunk, controls[..., SCALARS:]), last[0]

    def pitch_and_level(self, note_and_level: Tensor) -> tuple[Tensor, Tensor]:
        """Columns ``note`` and ``loudness_db`` (…, 2) → cycles per sample (…, 1), RMS amplitude (…, 1)."""
        both = torch.exp(note_and_level * self.exponent + self.origin)
        increment, level = both.split([1, 1], dim=-1)
        return increment, level

    def amplitudes(self, controls: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """RMS amplitudes (V, F, H + B), increments (V, F, 1), last trunk state (V, U)."""
        log_amplitude, last = self.log_amplitudes(controls, hidden)
        increment, level = self.pitch_and_level(controls[..., :2])
        amplitude = self.synthesizer.at_level(log_amplitude, self.synthesizer.audible(increment), level)
        return amplitude, increment, last

    def render(self, controls: Tensor, noise: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """F periods at once: (V, F, 7 + M), (V, F, B, T), (V, S) → (V, F * T), (V, S)."""
        if state is None:
            state = controls.new_zeros(len(controls), self.state_size)
        amplitude, increment, last = self.amplitudes(controls, self._unpack(state)[0])
        audio, carried = self.sound(amplitude, increment, noise, state)
        return audio, torch.cat([last, carried], dim=1)

    def sound(
        self, amplitude: Tensor, increment: Tensor, noise: Tensor, state: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The synthesizer over F periods.

        Args:
            amplitude: Shape (V, F, H + B).
            increment: Cycles per sample. Shape (V, F, 1).
            noise: Shape (V, F, B, T).
            state: Before the first period; at rest by default. Shape (V, S).

        Returns:
            Audio, shape (V, F * T), and the next state without the trunk's, shape (V, S - U).
        """
        voices, frames, _ = amplitude.shape
        if state is None:
            state = amplitude.new_zeros(voices, self.state_size)
        _, before, start, phase = self._unpack(state)
        starts = torch.cat([self._fresh(start, increment[:, 0]).unsqueeze(1), increment[:, :-1]], dim=1)
        # In double precision: a phase summed over minutes in single precision drifts.
        turns = (starts.double() + increment.double()).cumsum(1) * (PERIOD_SAMPLES / 2) + phase.double().unsqueeze(1)
        phases = torch.cat([phase.double().unsqueeze(1), turns], dim=1)
        phases = (phases - phases.floor()).to(amplitude.dtype)
        befores = torch.cat([before.unsqueeze(1), amplitude[:, :-1]], dim=1)
        flat = [x.flatten(0, 1) for x in (befores, amplitude, phases[:, :-1], starts, increment, noise)]
        audio, _ = self.synthesizer(*flat)
        carried = torch.cat([amplitude[:, -1], increment[:, -1], phases[:, -1]], dim=1)
        return audio.reshape(voices, frames * PERIOD_SAMPLES), carried

    def step(self, controls: Tensor, state: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """One period: (V, 7 + M), (V, S), (V, B, T) → (V, T), (V, S)."""
        hidden, before, start, phase = self._unpack(state)
        note_and_level, _, blend = controls.split([2, SCALARS - 2, self.modes], dim=1)
        log_amplitude, last = self._step_trunk(controls, blend, hidden)
        increment, level = self.pitch_and_level(note_and_level)
        amplitude = self.synthesizer.at_level(log_amplitude, self.synthesizer.audible(increment), level)
        audio, after = self.synthesizer(before, amplitude, phase, self._fresh(start, increment), increment, noise)
        return audio, torch.cat([last, amplitude, increment, after], dim=1)

    def _unpack(self, state: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        hidden, amplitude, increment, phase = state.split(
            [self.size.hidden, self.partials + self.noise_bands, 1, 1], dim=1
        )
        return hidden, amplitude, increment, phase

    @staticmethod
    def _fresh(start: Tensor, increment: Tensor) -> Tensor:
        """A voice at rest has no frequency to come from: it starts where it is going."""
        return torch.where(start == 0, increment, start)

    def _step_trunk(self, controls: Tensor, blend: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """One frame of ``log_amplitudes``, with normalisation folded into the input layer: it is what is exported."""
        weight = self.input.weight / self.spread
        bias = self.input.bias - weight @ self.centre
        units = functional.leaky_relu(functional.linear(controls, weight, bias), 0.1)
        last = self._gru_step(units, hidden)
        return self._head(last, blend), last

    def _head(self, trunk: Tensor, blend: Tensor) -> Tensor:
        """Log amplitudes: what the gated trunk says, around the blend of the modes' mean spectra."""
        gates, spectrum = (blend @ torch.cat([self.activity, self.spectrum], dim=1)).split(
            [self.size.hidden, self.partials + self.noise_bands], dim=-1
        )
        log_amplitude: Tensor = self.head(trunk * gates) + spectrum
        return log_amplitude

    def _gru_step(self, units: Tensor, hidden: Tensor) -> Tensor:
        width = self.size.hidden
        from_input = functional.linear(units, self.gru.weight_ih_l0, self.gru.bias_ih_l0)
        from_state = functional.linear(hidden, self.gru.weight_hh_l0, self.gru.bias_hh_l0)
        in_gates, in_new = from_input.split([2 * width, width], dim=1)
        state_gates, state_new = from_state.split([2 * width, width], dim=1)
        reset, update = torch.sigmoid(in_gates + state_gates).split([width, width], dim=1)
        new = torch.tanh(in_new + reset * state_new)
        last: Tensor = new + update * (hidden - new)
        return last
