"""The family ``hits`` for training, tickets, merging and export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from tombola_device.contract.controls import Float32Array
from tombola_device.contract.manifest import Envelope, Range
from torch import Tensor, nn

from tombola_host.corpus.windows import VELOCITY, ModeData, Note, one_hot
from tombola_host.generators.alone import NetworkAlone
from tombola_host.generators.base import Conditions, Generator, Size
from tombola_host.generators.family import Described, GeneratorTrainee
from tombola_host.generators.hits.export import HitsExport
from tombola_host.generators.hits.network import HIT_SAMPLES, NOTE, ONSET, SCALARS, Hits, HitsSize
from tombola_host.generators.units import Weights
from tombola_host.training.effort import Length
from tombola_host.training.loop import Phase, Turn
from tombola_host.training.objective import Losses
from tombola_host.training.spectral import MultiScaleSpectralLoss
from tombola_host.training.streams import first_weights, stream

SIZES = (2048, 512, 128)


class HitObjective:
    """The distance of a hit from the first third of a second of a recording.

    Args:
        network: The network that learns.
        data: One ``ModeData`` per entry of the blend vector.
        count: Hits per batch.
        seed: Seed of the stream.
        purpose: Purpose of the stream.
    """

    def __init__(self, network: Hits, data: Sequence[ModeData], count: int, seed: int, purpose: str) -> None:
        self._network, self._count, self._seed, self._purpose = network, count, seed, purpose
        self._hits = [
            (torch.cat([note.scalars[0, [NOTE, VELOCITY]], one_hot(mode, len(data))]), _first(note))
            for mode, entry in enumerate(data)
            for note in entry.notes
        ]
        self._distance = MultiScaleSpectralLoss(SIZES)

    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        """See Objective: (N, 2 + M), (N, HIT_SAMPLES)."""
        rng = stream(self._seed, f"{self._purpose} hits", step)
        picked = [self._hits[index] for index in rng.integers(len(self._hits), size=self._count)]
        heard, sound = zip(*picked, strict=True)
        return torch.stack(heard), torch.stack(sound)

    def facts(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """See Informed: note, velocity and blend, one frame a hit. Shape (N, 1, 2 + M)."""
        return batch[0][:, None]

    def loss(self, batch: tuple[Tensor, Tensor], step: int) -> Losses:
        """See Objective."""
        del step
        heard, sound = batch
        return {"sound": self._distance(self._network.hit(heard), sound)}


class HitsFamily:
    """Drum sounds; each onset makes a whole sound. See ``Family``."""

    name = "hits"
    dense = HitsSize()

    def size(self, facts: Mapping[str, int]) -> HitsSize:
        """See Family."""
        return HitsSize(**facts)

    def fitted(self, size: Size, data: Sequence[ModeData]) -> Size:
        """See Family."""
        del data  # A hit has no partials.
        return size

    def build(self, modes: int, size: Size, seed: int) -> Hits:
        """See Family."""
        with first_weights(seed, "hits"):
            return Hits(modes, cast("HitsSize", size))

    def of(self, weights: Weights) -> Hits:
        """See Family."""
        return Hits.of(weights)

    def trainee(self, network: Generator, data: Sequence[ModeData], seed: int) -> NetworkAlone[Hits]:
        """See Family."""
        del data, seed
        return NetworkAlone(cast("Hits", network))

    def restored(self, tensors: Mapping[str, Tensor]) -> NetworkAlone[Hits]:
        """See Family."""
        return NetworkAlone(Hits.of({name.partition(".")[2]: tensor for name, tensor in tensors.items()}))

    def phases(
        self, trainee: GeneratorTrainee, data: Sequence[ModeData], length: Length, seed: int, purpose: str
    ) -> tuple[Phase, ...]:
        """See Family: all steps compare sound."""
        objective = HitObjective(cast("Hits", trainee.network), data, length.audio_windows, seed, purpose)
        steps = length.control_steps + length.audio_steps
        return (Phase("audio", (Turn(objective),), steps, length.learning_rate / 3),)

    def example(self, network: Generator, voices: int, frames: int, seed: int) -> Conditions:
        """See Family: a hit at the start, and more at random times."""
        rng = torch.Generator().manual_seed(seed)
        controls = torch.rand((voices, frames, SCALARS + network.modes), generator=rng)
        controls[..., NOTE] = 36 + 24 * controls[..., NOTE]
        controls[..., ONSET] = (torch.rand((voices, frames), generator=rng) < 0.05).float()
        controls[:, 0, ONSET] = 1.0
        controls[..., SCALARS:] = torch.softmax(3 * controls[..., SCALARS:], dim=-1)
        return Conditions(controls)

    def play(self, trainee: GeneratorTrainee, controls: Tensor, note: Note | None = None) -> Float32Array:
        """See Family."""
        del note  # This family has no timbre.
        with torch.no_grad():
            sound: Tensor = trainee.network(Conditions(controls[None]))
        return sound[0].numpy()

    def controls(self, trainee: GeneratorTrainee, mode: int, data: ModeData) -> dict[str, Range]:
        """See Family: no knobs yet."""
        del trainee, mode, data
        return {}

    def finish(self, trainee: GeneratorTrainee, data: Sequence[ModeData]) -> None:
        """See Family: nothing is left to fit."""

    def described(
        self, trainee: GeneratorTrainee, mode: int, data: ModeData, envelope: Envelope | None = None
    ) -> Described:
        """See Family: a hit does not live on."""
        del trainee, mode, data, envelope
        return Described()

    def exported(self, network: Generator) -> HitsExport:
        """See Family."""
        return HitsExport(cast("Hits", network))


def _first(note: Note) -> Tensor:
    return nn.functional.pad(note.audio[:HIT_SAMPLES], (0, max(HIT_SAMPLES - len(note.audio), 0)))
