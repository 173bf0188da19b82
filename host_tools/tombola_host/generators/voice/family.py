"""The family ``voice`` for training, tickets, merging and export."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import msgspec
import torch
from tombola_device.contract.controls import FRAME_RATE_HZ, PERIOD_SAMPLES, Float32Array
from tombola_device.contract.graph import SHADES, TIMBRE
from tombola_device.contract.manifest import Envelope, Range
from torch import Tensor

from tombola_host.corpus.windows import ModeData, Note
from tombola_host.generators.base import Conditions, Generator, Size
from tombola_host.generators.family import Described, GeneratorTrainee
from tombola_host.generators.units import Weights
from tombola_host.generators.voice.attack import fit_attacks
from tombola_host.generators.voice.courses import course_of
from tombola_host.generators.voice.export import VoiceExport
from tombola_host.generators.voice.life import fit_life, steps_of
from tombola_host.generators.voice.losses import normalized
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.noise import noise_source
from tombola_host.generators.voice.objective import voice_phases
from tombola_host.generators.voice.places import places_of
from tombola_host.generators.voice.recorded import fit_shared, recorded
from tombola_host.generators.voice.shades import KNOBS, LIFE, X, Y, as_recorded, fit_directions, heard_shade
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.generators.voice.spectrum import SCALARS
from tombola_host.generators.voice.trainee import VoiceTrainee, new_trainee, restored_trainee
from tombola_host.training.effort import Length
from tombola_host.training.loop import Phase
from tombola_host.training.streams import first_weights, stream

PLAYED_SEED = 1
OF_ONE_MODE = ("spectrum", "directions", "recorded_db", "wane", "free.log_ratio", "free.gain")
"""Tensors with a row for each mode."""


class VoiceFamily:
    """Harmonics and noise, controlled by a small recurrent trunk. See ``Family`` and ``Mergeable``."""

    name = "voice"
    dense = VoiceSize(input=1024, hidden=1024)
    parted = "trunk"

    def size(self, facts: Mapping[str, int]) -> VoiceSize:
        """See Family."""
        return VoiceSize(**facts)

    def fitted(self, size: Size, data: Sequence[ModeData]) -> VoiceSize:
        """See Family: the modes of a build have equally many free partials."""
        return replace(cast("VoiceSize", size), free=len(data[0].tracks))

    def build(self, modes: int, size: Size, seed: int) -> Voice:
        """See Family."""
        with first_weights(seed, "voice"):
            return Voice(modes, cast("VoiceSize", size))

    def of(self, weights: Weights) -> Voice:
        """See Family."""
        return Voice.of(weights)

    def trainee(self, network: Generator, data: Sequence[ModeData], seed: int) -> VoiceTrainee:
        """See Family."""
        return new_trainee(cast("Voice", network), data, seed)

    def restored(self, tensors: Mapping[str, Tensor]) -> VoiceTrainee:
        """See Family."""
        return restored_trainee(tensors)

    def phases(
        self, trainee: GeneratorTrainee, data: Sequence[ModeData], length: Length, seed: int, purpose: str
    ) -> tuple[Phase, ...]:
        """See Family."""
        return voice_phases(cast("VoiceTrainee", trainee), data, length, seed, purpose)

    def example(self, network: Generator, voices: int, frames: int, seed: int) -> Conditions:
        """See Family: a glide, a swell, a blend, a moving shade."""
        rng = torch.Generator().manual_seed(seed)
        columns = torch.zeros(voices, frames, SCALARS + network.modes)
        across = torch.linspace(0, 1, frames)[None, :, None]
        low, high = torch.rand((2, voices, 1, SCALARS), generator=rng)
        span = torch.tensor([36.0, 24.0, 1.0, 1.0, 1.0, 2.0, 2.0])
        origin = torch.tensor([36.0, -36.0, 0.0, 0.0, 0.0, -1.0, -1.0])
        columns[..., :SCALARS] = origin + span * (low + (high - low) * across)
        ends = torch.softmax(3 * torch.randn((2, voices, 1, network.modes), generator=rng), dim=-1)
        columns[..., SCALARS:] = ends[0] + (ends[1] - ends[0]) * across
        voice = cast("Voice", network)
        noise = torch.randn((voices, frames, voice.noise_bands, PERIOD_SAMPLES), generator=rng)
        own = 0.5 * torch.randn((2, voices, 1, 1, voice.directions.shape[1]), generator=rng)
        moved = (own[0] + (own[1] - own[0]) * across[..., None])[:, :, 0]
        return Conditions(columns, noise, voice.shade_of(columns[..., SCALARS:], moved))

    def play(self, trainee: GeneratorTrainee, controls: Tensor, note: Note | None = None) -> Float32Array:
        """See Family."""
        voice = cast("VoiceTrainee", trainee)
        noise = noise_source(voice.network.noise_bands).draw(1, len(controls), stream(PLAYED_SEED, "played noise"))
        network = voice.network
        with torch.no_grad():
            given = controls[None]
            shade = as_recorded(network, given)
            if note is not None:
                frames = len(controls)
                short = replace(note, scalars=note.scalars[:frames], relative=note.relative[:frames])
                played = normalized(network.log_amplitudes(given, shade)[0], torch.ones(1))
                shade = _as_heard(network, given, short, played[0])
            sound: Tensor = network(Conditions(given, noise, shade))
        return sound[0].numpy()

    def controls(self, trainee: GeneratorTrainee, mode: int, data: ModeData) -> dict[str, Range]:
        """See Family: the directions have the recordings' reach, so the knobs go from one end to the other."""
        del trainee, mode, data
        return dict.fromkeys(TIMBRE, (-1.0, 0.0, 1.0))

    def finish(self, trainee: GeneratorTrainee, data: Sequence[ModeData]) -> None:
        """See Family: the directions of knobs, dynamics, and those that all modes share. No weight depends on them."""
        network = cast("VoiceTrainee", trainee).network
        for mode, each in enumerate(data):
            network.directions[mode, : len(SHADES)] = fit_directions(each)[: len(SHADES)]
        network.strikes = fit_shared(network, data)
        if len(network.strikes):  # They take the place of those of each mode's life, and the wane stays.
            network.directions = torch.cat([network.directions[:, : LIFE.start], network.directions[:, -1:]], dim=1)

    def described(
        self, trainee: GeneratorTrainee, mode: int, data: ModeData, envelope: Envelope | None = None
    ) -> Described:
        """See Family."""
        network = cast("VoiceTrainee", trainee).network
        found = recorded(network, mode, data, envelope) if envelope is not None and len(network.strikes) else []
        courses = [course_of(one) for one in found]
        living = network.strikes if found else network.directions[mode, len(SHADES) :]
        life = fit_life(data, living, courses)
        if life is not None and courses:
            steps = b"".join(steps_of(course, life) for course in courses)
            grown = math.ceil(life.onset_s * FRAME_RATE_HZ)
            life = msgspec.structs.replace(life, attacks=fit_attacks(found, courses, steps, grown))
        return Described(
            life=life,
            recorded_db=round(float(network.recorded_db[mode]), 3),
            wane=round(float(network.wane[mode, 1]), 3) if network.wane[mode, 0] else None,
            knobs=dict(KNOBS),
            recordings=places_of(network, mode, data),
        )

    def exported(self, network: Generator) -> VoiceExport:
        """See Family."""
        return VoiceExport(cast("Voice", network))

    def merged_size(self, units: Mapping[str, int]) -> VoiceSize:
        """See Mergeable."""
        return VoiceSize(units["input"], units["trunk"], units.get("free", 0))

    def joined(self, weights: Weights, activity: Tensor, trained: Sequence[Weights]) -> Voice:
        """See Mergeable: a mode's input column starts like that of a single mode; its mean spectrum is kept."""
        scalars, blend = weights["input.weight"].split([SCALARS, 1], dim=1)
        own_names = [name for name in weights if name in OF_ONE_MODE]
        merged = {
            **weights,
            "input.weight": torch.cat([scalars, blend.expand(-1, len(activity))], dim=1),
            **{name: torch.cat([own[name] for own in trained]) for name in own_names},
            "activity": activity,
        }
        network = Voice.of(merged)
        network.forget_the_unreadable()
        return network


def _as_heard(network: Voice, controls: Tensor, note: Note, played: Tensor) -> Tensor:
    """The shade that brings a network nearest to a note. (1, F, 7 + M), …, (F, A) → (1, F, M * K) or M * K + S."""
    mode = int(controls[0, 0, SCALARS:].argmax())
    own = controls.new_zeros(1, controls.shape[1], network.directions.shape[1])
    shared = len(network.strikes) > 0
    living = network.strikes if shared else network.directions[mode, LIFE]
    own[0, :, [X, Y]], moved = heard_shade(note, network.directions[mode, [X, Y]], living, played)
    if not shared:
        own[0, :, LIFE] = moved
        return as_recorded(network, controls, own)
    return torch.cat([as_recorded(network, controls, own), moved[None]], dim=-1)
