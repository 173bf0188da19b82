"""The first half of the main generator: from controls to the amplitude of each partial and noise band.

    controls ─► input ─► trunk ─► × gates(blend) ─► head ─► log amplitudes ─► at level
                          └─ state ─┘                          ▲
                                            shade ─► directions ┘

The trunk reads note, level and time: what a recording says of these is dense. How hard a note is played, timbre X
and Y, and what moves within a note are straight directions beside it (``shades``): monotone by construction.

Units of the trunk are *core* units (every mode uses them) or *specialists* (only some modes use them). Specialists read
core units and specialists of the same modes; core units read only core units. So a specialist has no effect on a mode
that does not use it. A specialist's output is multiplied by the blend weight of the modes that use it.

The trunk is a plain recurrent network (tanh). Gates would cost nine more nodes per period and bring no gain: the
long-term quantities, time since the onset and level, are in the controls (docs/notebook/0004-lean-voice.md).

Source: the trunk is that of Elman 1990, "Finding structure in time".
"""

from __future__ import annotations

import math
from typing import Self

import torch
from tombola_device.contract.controls import FRAME_RATE_HZ, ONSET_SLOW_S, SCALAR_COLUMNS
from tombola_device.contract.graph import SHADE_DB, SHADES, dynamics_of
from tombola_device.contract.life import LONGEST_WANE_S
from tombola_device.contract.manifest import KEYTRACK_NOTE
from tombola_device.engine.motion import SILENCE_AMPLITUDE
from torch import Tensor, nn
from torch.nn import functional

from tombola_host.corpus.clip import NOISE_BANDS, PARTIALS
from tombola_host.generators.base import Generator
from tombola_host.generators.units import Axis, UnitGroup, Weights
from tombola_host.generators.voice.free import FreePartials
from tombola_host.generators.voice.pace import pace_of
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.generators.voice.synthesizer import INAUDIBLE, Synthesizer

CENTRE = {"note": 60.0, "loudness_db": -30.0}
SPREAD = {"note": 16.0, "loudness_db": 16.0}
SCALARS = len(SCALAR_COLUMNS)
NOTE, LEVEL, ONSET_SLOW = (SCALAR_COLUMNS.index(name) for name in ("note", "loudness_db", "onset_slow"))
READ = ("note", "loudness_db", "onset_fast", "onset_slow")
"""Columns that the trunk reads, beside the blend."""
DIRECTIONS = len(SHADES) + 8 + 1
"""The player's, those of life, and the wane of a note that dies away."""


class _Trunk(nn.RNN):
    """torch's recurrent network, with the type annotations that torch lacks."""

    weight_ih_l0: Tensor
    weight_hh_l0: Tensor
    bias_ih_l0: Tensor
    bias_hh_l0: Tensor


class Spectrum(Generator):
    """Turns controls into amplitudes, frame by frame; causal, without look-ahead.

    Args:
        modes: M, length of the blend vector.
        size: Units per layer.
        activity: Which modes use each unit of the trunk: shape (M, U), 0 or 1; every mode by default.
    """

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
    def of(cls, weights: Weights) -> Self:
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
            level_db = level_db + SHADE_DB * dynamics_of(shade, self.modes).sum(-1)
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

    def _head(self, trunk: Tensor, blend: Tensor) -> Tensor:
        """Log amplitudes: the head's output for the gated trunk, plus the blend of the modes' mean spectra."""
        log_amplitude: Tensor = self.head(trunk * (blend @ self.activity)) + blend @ self.spectrum
        return log_amplitude
