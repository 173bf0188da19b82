"""The main generator: a small recurrent trunk, output layers for partials and noise, and the synthesizer.

                                               shade ─► directions ─┐
    controls ─► input ─► trunk ─► × gates(blend) ─► head ─► log amplitudes ─► at level ─► Synthesizer ─► audio
                          └─ state ─┘                                                     └─ state ─┘

The trunk reads note, level and time: what a recording says of these is dense. How hard a note is played, timbre X
and Y, and what moves within a note are straight directions beside it (``shades``): monotone by construction.

Units of the trunk are *core* units (every mode uses them) or *specialists* (only some modes use them). Specialists read
core units and specialists of the same modes; core units read only core units. So a specialist has no effect on a mode
that does not use it. A specialist's output is multiplied by the blend weight of the modes that use it.

The trunk is a plain recurrent network (tanh). Gates would cost nine more nodes per period and bring no gain: the
long-term quantities, time since the onset and level, are in the controls (docs/notebook/0004-lean-voice.md).

Source: the idea of Engel et al. 2020, "DDSP: Differentiable digital signal processing"; the trunk is that of Elman
1990, "Finding structure in time".
"""

from __future__ import annotations

import math

import torch
from tombola_device.contract.controls import FRAME_RATE_HZ, ONSET_SLOW_S, PERIOD_SAMPLES, SCALAR_COLUMNS
from tombola_device.contract.graph import SHADE_DB, SHADES, dynamics_of
from tombola_device.contract.life import LONGEST_WANE_S
from tombola_device.contract.manifest import KEYTRACK_NOTE
from tombola_device.engine.motion import SILENCE_AMPLITUDE
from torch import Tensor, nn
from torch.nn import functional

from tombola_host.corpus.clip import NOISE_BANDS, PARTIALS
from tombola_host.generators.base import Conditions, Generator
from tombola_host.generators.units import Axis, UnitGroup, Weights
from tombola_host.generators.voice.free import FreePartials
from tombola_host.generators.voice.pace import pace_of, turned
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.generators.voice.synthesizer import HALF_TABLE, INAUDIBLE, Synthesizer

CENTRE = {"note": 60.0, "loudness_db": -30.0}
SPREAD = {"note": 16.0, "loudness_db": 16.0}
SCALARS = len(SCALAR_COLUMNS)
NOTE, LEVEL, ONSET_SLOW = (SCALAR_COLUMNS.index(name) for name in ("note", "loudness_db", "onset_slow"))
READ = ("note", "loudness_db", "onset_fast", "onset_slow")
"""Columns that the trunk reads, beside the blend."""
DIRECTIONS = len(SHADES) + 8 + 1
"""The player's, those of life, and the wane of a note that dies away."""
CERTAIN = 20.0
"""tanh(20) is 1: units with this bias always output 1. They carry the modes' mean spectra to the head."""
VoiceState = tuple[Tensor, ...]
"""The state of voices between periods: trunk (V, U + M), or (V, U) where nothing is gated, wave (V, 1, 1, W), gains
(V, 1, 1, B + K), turns and pace (V, 1), double; with free partials their phases (V, 1, K, 1), and what fades out of
them (V, T)."""


class _Trunk(nn.RNN):
    """torch's recurrent network, with the type annotations that torch lacks."""

    weight_ih_l0: Tensor
    weight_hh_l0: Tensor
    bias_ih_l0: Tensor
    bias_hh_l0: Tensor


class Voice(Generator):
    """Turns controls into sound at 48 kHz; causal, without look-ahead.

    Args:
        modes: M, length of the blend vector.
        size: Units per layer.
        activity: Which modes use each unit of the trunk: shape (M, U), 0 or 1; every mode by default.
    """

    delay_samples = 0
    noise_bands = NOISE_BANDS
    partials = PARTIALS
    size: VoiceSize
    centre: Tensor
    spread: Tensor
    read: Tensor
    directions: Tensor
    recorded_db: Tensor
    wane: Tensor
    strikes: Tensor
    activity: Tensor

    def __init__(self, modes: int, size: VoiceSize, activity: Tensor | None = None) -> None:
        super().__init__()
        self.size = size
        self.input = nn.Linear(SCALARS + modes, size.input)
        self.trunk = _Trunk(size.input, size.hidden, batch_first=True)
        amplitudes = self.partials + self.noise_bands + size.free
        self.head = nn.Linear(size.hidden, amplitudes, bias=False)
        self.spectrum = nn.Parameter(torch.zeros(modes, amplitudes))
        self.synthesizer = Synthesizer(self.partials, self.noise_bands + size.free)
        slope, first = self.synthesizer.fade[:, 0].tolist()
        self.free = FreePartials(modes, size.free, (slope, first)) if size.free else None
        constants = {
            "centre": [*(CENTRE.get(column, 0.0) for column in SCALAR_COLUMNS), *[0.0] * modes],
            "spread": [*(SPREAD.get(column, 1.0) for column in SCALAR_COLUMNS), *[1.0] * modes],
            "read": [*(float(column in READ) for column in SCALAR_COLUMNS), *[1.0] * modes],
        }
        for name, values in constants.items():
            self.register_buffer(name, torch.tensor(values), persistent=False)
        # Of each mode; fitted to its recordings, not trained. Shapes (M, D, H + B + K), and (M,): how much quieter than
        # velocity 1 it was played, median, dB.
        self.register_buffer("directions", torch.zeros(modes, DIRECTIONS, amplitudes))
        self.register_buffer("recorded_db", torch.zeros(modes))
        # Whether a mode dies away, and how many octaves faster for each octave of pitch. Shape (M, 2).
        self.register_buffer("wane", torch.zeros(modes, 2))
        # What the strikes of all modes share, fitted after the training. Shape (S, H + B + K).
        self.register_buffer("strikes", torch.zeros(0, amplitudes), persistent=False)
        self.register_buffer("activity", torch.ones(modes, size.hidden) if activity is None else activity)
        self.trunk.weight_hh_l0.register_hook(lambda grad: grad * self.readable())
        self.forget_the_unreadable()

    @classmethod
    def of(cls, weights: Weights) -> Voice:
        """A network with these weights; their shapes give its size."""
        width, columns = weights["input.weight"].shape
        free = len(weights["head.weight"]) - cls.partials - cls.noise_bands
        size = VoiceSize(width, weights["trunk.weight_hh_l0"].shape[1], free)
        network = cls(columns - SCALARS, size, weights["activity"].clone())
        network.load_state_dict(weights)
        return network

    @property
    def modes(self) -> int:
        """M, the length of the blend vector."""
        return self.activity.shape[0]

    @property
    def gated(self) -> bool:
        """Whether some unit is not used by all modes. As a blend is in sum 1, gates of all others would be 1."""
        return bool((self.activity < 1).any())

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

    def unit_groups(self) -> tuple[UnitGroup, ...]:
        """The input layer's units and the trunk's, with every axis that runs over them."""
        return (
            UnitGroup(
                "input",
                self.size.input,
                (
                    Axis("input.weight", 0),
                    Axis("input.bias", 0),
                    Axis("trunk.weight_ih_l0", 1, incoming=False),
                ),
                output="input",
            ),
            UnitGroup(
                "trunk",
                self.size.hidden,
                (
                    Axis("trunk.weight_ih_l0", 0),
                    Axis("trunk.weight_hh_l0", 0),
                    Axis("trunk.bias_ih_l0", 0),
                    Axis("trunk.bias_hh_l0", 0),
                    Axis("trunk.weight_hh_l0", 1, incoming=False),
                    Axis("head.weight", 1, incoming=False),
                    Axis("activity", 1, incoming=False, learned=False),
                ),
                # torch draws the weights of a recurrent layer, and of a layer that reads it, from a range set by its
                # width.
                spreads=(*(f"trunk.{kind}_{side}h_l0" for kind in ("weight", "bias") for side in "ih"), "head.weight"),
                output="trunk",
                constants=(
                    "directions",
                    "recorded_db",
                    "wane",
                    *(("free.log_ratio", "free.gain") if self.free else ()),
                ),
            ),
        )

    def uses_per_s(self) -> dict[str, float]:
        """How often each parameter is used in a second of sound: once a period. The wavetable is not counted."""
        return {name: FRAME_RATE_HZ for name, _ in self.named_parameters()}

    def readable(self) -> Tensor:
        """Which trunk units each trunk unit may read: those that all of its modes use, too. Shape (U, U)."""
        modes_without = self.activity.T @ (1 - self.activity)
        return (modes_without < 0.5).to(self.activity.dtype)

    def forget_the_unreadable(self) -> None:
        """Set the recurrent weights outside ``readable`` to zero; the gradient hook keeps them zero."""
        with torch.no_grad():
            self.trunk.weight_hh_l0 *= self.readable()

    def log_amplitudes(
        self, controls: Tensor, shade: Tensor | None = None, hidden: Tensor | None = None, latent: Tensor | float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """Run the trunk over F frames.

        Args:
            controls: Shape (V, F, 7 + M).
            shade: Shape (V, F, M * K); zeros by default.
            hidden: Trunk state before the first frame. Shape (V, U); zeros by default.
            latent: Added to the sums of the input layer; see ``NoteLatents``. Shape (V, 1, width of the layer).

        Returns:
            Log amplitudes up to a common factor, shape (V, F, H + B), and the trunk's last state, shape (V, U).
        """
        sums = self.input((controls - self.centre) / self.spread * self.read) + latent
        units = functional.leaky_relu(sums, 0.1)
        trunk, last = self.trunk(units, None if hidden is None else hidden.unsqueeze(0).contiguous())
        log_amplitude = self._head(trunk, controls[..., SCALARS:])
        if shade is not None:
            log_amplitude = log_amplitude + shade @ self._directions()[: shade.shape[-1]]
        return log_amplitude, last[0]

    def shade_of(self, blend: Tensor, own: Tensor) -> Tensor:
        """A shade that is the same in all modes, as the graph reads it. (…, M), (…, K) → (…, M * K)."""
        parts = blend[..., :, None] * own[..., None, :]
        return torch.cat([parts[..., : len(SHADES)].flatten(-2), parts[..., len(SHADES) :].flatten(-2)], dim=-1)

    def _directions(self) -> Tensor:
        """The directions in the order of a shade. Shape (M * D + S, H + B + K)."""
        player, living = self.directions[:, : len(SHADES)], self.directions[:, len(SHADES) :]
        return torch.cat([player.flatten(0, 1), living.flatten(0, 1), self.strikes])

    def waned(self, controls: Tensor) -> Tensor:
        """How far along its last direction a recording is; 0 for a held mode. (V, F, 7 + M) → (V, F, 1)."""
        slow, octaves = controls[..., ONSET_SLOW], (controls[..., NOTE] - KEYTRACK_NOTE) / 12
        since_s = -ONSET_SLOW_S * torch.log(slow.clamp(min=torch.finfo(slow.dtype).tiny))
        dies, keytrack = (controls[..., SCALARS:] @ self.wane).unbind(-1)
        return (dies * (since_s * torch.exp2(keytrack * octaves)).clamp(max=LONGEST_WANE_S))[..., None]

    def note_and_level(self, controls: Tensor, shade: Tensor | None = None) -> Tensor:
        """The note that sounds, its true level, how hard it is played included, the blend. (…, 7 + M) → (…, 2 + M)."""
        level_db = controls[..., LEVEL]
        if shade is not None:
            level_db = level_db + SHADE_DB * dynamics_of(shade, self.directions.shape[1]).sum(-1)
        return torch.cat([controls[..., NOTE, None], level_db[..., None], controls[..., SCALARS:]], dim=-1)

    def audible(self, sounding: Tensor) -> Tensor:
        """Weight of each amplitude where ``note_and_level`` says, 0 … 1. (…, 2 + M) → (…, H + B + K)."""
        note, _, blend = sounding.split([1, 1, self.modes], dim=-1)
        harmonic = self.synthesizer.audible(note)
        if self.free is None:
            return harmonic
        return torch.cat([harmonic[..., : -self.size.free], self.free.audible(note, blend)], dim=-1)

    def at_level(self, log_amplitude: Tensor, sounding: Tensor) -> tuple[Tensor, Tensor]:
        """Log amplitudes (…, H + B + K), ``note_and_level`` → RMS amplitudes; pace, log ratios (…, 1 + K)."""
        note, level_db, blend = sounding.split([1, 1, self.modes], dim=-1)
        amplitude = torch.relu(torch.exp(level_db * (math.log(10) / 20)) - SILENCE_AMPLITUDE)
        heard = log_amplitude + INAUDIBLE * self.audible(sounding)
        pace = pace_of(note)
        if self.free is not None:
            pace = torch.cat([pace, self.free.ratios(note, blend)], dim=-1)
        return self.synthesizer.at_level(heard, amplitude), pace

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

    def _head(self, trunk: Tensor, blend: Tensor) -> Tensor:
        """Log amplitudes: the head's output for the gated trunk, plus the blend of the modes' mean spectra."""
        log_amplitude: Tensor = self.head(trunk * (blend @ self.activity)) + blend @ self.spectrum
        return log_amplitude
