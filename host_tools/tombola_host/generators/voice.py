"""The flagship generator: a small recurrent trunk, heads for partials and noise, and the synthesizer.

    controls ─► input ─► GRU ─► × gates(blend) ─► head ─► log amplitudes ─► at level ─► Synthesizer ─► audio
                          └─ state ─┘                                                     └─ state ─┘

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
from tombola_host.generators.base import State
from tombola_host.generators.synthesizer import HALF_TABLE, Synthesizer
from tombola_host.generators.units import Axis, UnitGroup, Weights

CENTRE = {"note": 60.0, "loudness_db": -30.0}
SPREAD = {"note": 16.0, "loudness_db": 16.0}
SCALARS = len(SCALAR_COLUMNS)
LEAST_START = 2 ** (-1 / 12)
"""A voice at rest has no frequency to come from: it comes, as none need come, from a semitone below at the lowest."""
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
        tuning = math.log(440.0 / SAMPLE_RATE_HZ) - 69 * semitone
        constants = {
            "centre": [*(CENTRE.get(column, 0.0) for column in SCALAR_COLUMNS), *[0.0] * modes],
            "spread": [*(SPREAD.get(column, 1.0) for column in SCALAR_COLUMNS), *[1.0] * modes],
            # Note and level to the logarithms of: the least start, the pace (cycles per sample, 1), the amplitude.
            "exponent": [[semitone, semitone, 0.0, 0.0], [0.0, 0.0, 0.0, math.log(10) / 20]],
            "origin": [tuning + math.log(LEAST_START), tuning, 0.0, 0.0],
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
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Trunk; pace, turns, wave and noise gains at the last period's end."""
        own = {"pace": 2, "turns": 1, "wave": HALF_TABLE, "gains": self.noise_bands}
        return {"trunk": (self.size.hidden,), **{name: (1, 1, size) for name, size in own.items()}}

    def rest(self, voices: int) -> State:
        """The state of voices that have not sounded yet."""
        return tuple(torch.zeros(voices, *shape) for shape in self.state_shapes.values())

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

    def pitch_and_level(self, note_and_level: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Columns ``note`` and ``loudness_db`` (…, 2) → least start (…, 1), pace (…, 2), RMS amplitude (…, 1)."""
        start, pace, level = torch.exp(note_and_level @ self.exponent + self.origin).split([1, 2, 1], dim=-1)
        return start, pace, level

    def at_level(self, log_amplitude: Tensor, note_and_level: Tensor) -> tuple[Tensor, Tensor]:
        """Log amplitudes (…, H + B), columns ``note`` and ``loudness_db`` → RMS amplitudes, pace (…, 2)."""
        _, pace, level = self.pitch_and_level(note_and_level)
        audible = self.synthesizer.audible(pace)
        return self.synthesizer.at_level(torch.exp(log_amplitude), audible, level), pace

    def render(self, controls: Tensor, noise: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """F periods at once: (V, F, 7 + M), (V, F, B, T), state → (V, F * T), state."""
        trunk, *carried = self.rest(len(controls)) if state is None else state
        log_amplitude, last = self.log_amplitudes(controls, trunk)
        amplitude, pace = self.at_level(log_amplitude, controls[..., :2])
        audio, carried = self.sound(amplitude, pace, noise, carried)
        return audio, (last, *carried)

    def sound(
        self, amplitude: Tensor, pace: Tensor, noise: Tensor, carried: list[Tensor] | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """The synthesizer over F periods.

        Args:
            amplitude: Shape (V, F, H + B).
            pace: Shape (V, F, 2).
            noise: Shape (V, F, B, T).
            carried: The state but for the trunk's, before the first period; at rest by default.

        Returns:
            Audio, shape (V, F * T), and the next state but for the trunk's.
        """
        voices, frames, _ = amplitude.shape
        if carried is None:
            carried = list(self.rest(voices)[1:])
        turns = carried[1][:, 0, :, :1]
        ends = [pace, *self.synthesizer.wave(amplitude)]
        starts = [
            torch.cat([before[:, 0], end[:, :-1]], dim=1) for before, end in zip(_but_turns(carried), ends, strict=True)
        ]
        starts[0] = torch.maximum(starts[0], LEAST_START * pace[..., :1])
        # In double precision: turns summed over minutes in single precision drift.
        steps = (starts[0][..., :1].double() + pace[..., :1].double()).cumsum(1) * (PERIOD_SAMPLES / 2)
        all_turns = torch.cat([turns.double(), turns.double() + steps], dim=1)
        all_turns = (all_turns - all_turns.round()).to(amplitude.dtype)
        motion = torch.cat([all_turns[:, :-1], starts[0], pace], dim=-1)
        tables, gains = (torch.stack([start, end], dim=2) for start, end in zip(starts[1:], ends[1:], strict=True))
        flat = [x.flatten(0, 1).unsqueeze(1) for x in (tables, gains, motion.unsqueeze(2), noise)]
        audio, _ = self.synthesizer(*flat)
        last = [x[:, -1:].unsqueeze(1) for x in (pace, all_turns, *ends[1:])]
        return audio.reshape(voices, frames * PERIOD_SAMPLES), last

    def step(self, controls: Tensor, state: State, noise: Tensor) -> tuple[Tensor, State]:
        """One period: (V, 7 + M), state, (V, 1, B, T) → (V, 1, 1, T), state."""
        hidden, pace_before, turns, wave_before, gains_before = state
        logarithms, last = self._step_trunk(controls, hidden)
        # One frame: axes as in ``render`` from here on. One exp for amplitudes, pitch and level.
        frame = torch.exp(logarithms).reshape(-1, 1, 1, self.partials + self.noise_bands + 4)
        relative, start, pace, level = frame.split([self.partials + self.noise_bands, 1, 2, 1], dim=-1)
        wave, gains = self.synthesizer.wave(self.synthesizer.at_level(relative, self.synthesizer.audible(pace), level))
        audio, after = self.synthesizer(
            torch.cat([wave_before, wave], dim=2),
            torch.cat([gains_before, gains], dim=2),
            torch.cat([turns, torch.maximum(pace_before, start), pace], dim=3),
            noise,
        )
        return audio, (last, pace, after, wave, gains)

    def _step_trunk(self, controls: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """One frame of ``log_amplitudes`` and of ``pitch_and_level``'s logarithms, as it is exported.

        What is constant is folded together. Each product reads the controls where they stand, its weights being zero
        for the columns that it does not want: a node that cuts columns out costs more than the zeros. A last unit
        that is always 1 carries the biases of those that read the units.
        """
        weight = self.input.weight / self.spread
        bias = self.input.bias - weight @ self.centre
        weight, bias = functional.pad(weight, (0, 0, 0, 1)), functional.pad(bias, (0, 1), value=1.0)
        units = functional.leaky_relu(functional.linear(controls, weight, bias), 0.1)
        last = self._gru_step(units, hidden)
        gates = controls @ functional.pad(self.activity, (0, 0, SCALARS, 0))
        amplitudes = self.partials + self.noise_bands
        pitch_and_level = functional.pad(self.exponent, (amplitudes, 0, 0, SCALARS - 2))
        logarithms = torch.cat([pitch_and_level, functional.pad(self.spectrum, (0, 4))])
        fixed = functional.linear(controls, logarithms.T, functional.pad(self.origin, (amplitudes, 0)))
        return torch.addmm(fixed, last * gates, functional.pad(self.head.weight.T, (0, 4))), last

    def _head(self, trunk: Tensor, blend: Tensor) -> Tensor:
        """Log amplitudes: what the gated trunk says, around the blend of the modes' mean spectra."""
        log_amplitude: Tensor = self.head(trunk * (blend @ self.activity)) + blend @ self.spectrum
        return log_amplitude

    def _gru_step(self, units: Tensor, hidden: Tensor) -> Tensor:
        """``units`` end with a 1, for the biases."""
        width, gru = self.size.hidden, self.gru
        from_units = torch.cat([gru.weight_ih_l0, gru.bias_ih_l0[:, None]], dim=1).T
        gates = functional.linear(hidden, gru.weight_hh_l0[: 2 * width], gru.bias_hh_l0[: 2 * width])
        gates = torch.sigmoid(torch.addmm(gates, units, from_units[:, : 2 * width]))
        reset, update = gates.split([width, width], dim=1)
        from_state = functional.linear(hidden, gru.weight_hh_l0[2 * width :], gru.bias_hh_l0[2 * width :])
        new = torch.tanh(torch.addmm(reset * from_state, units, from_units[:, 2 * width :]))
        last: Tensor = new + update * (hidden - new)
        return last


def _but_turns(carried: list[Tensor]) -> list[Tensor]:
    pace, _, wave, gains = carried
    return [pace, wave, gains]
