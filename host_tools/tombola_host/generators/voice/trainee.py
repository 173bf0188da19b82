"""The networks that are trained together: the voice, and the encoder that finds its timbre."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tombola_host.corpus.windows import ModeData
from tombola_host.generators.voice.encoder import TimbreEncoder
from tombola_host.generators.voice.network import Voice
from tombola_host.training.objective import load_parts, part_of, tensors_of
from tombola_host.training.streams import first_weights


@dataclass(slots=True)
class VoiceTrainee:
    """A voice and its encoder."""

    network: Voice
    encoder: TimbreEncoder

    def parts(self) -> Mapping[str, nn.Module]:
        """See Trainee."""
        return {"network": self.network, "encoder": self.encoder}

    def tensors(self) -> dict[str, Tensor]:
        """See Trainee."""
        return tensors_of(self)

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """See Trainee."""
        load_parts(self, tensors)


def new_trainee(network: Voice, data: Sequence[ModeData], seed: int) -> VoiceTrainee:
    """Set the heads to each mode's mean spectrum, and make an encoder."""
    with torch.no_grad():
        means = [torch.cat([note.relative for note in mode.notes]).mean(0) for mode in data]
        network.spectrum.copy_(torch.stack(means))
    with first_weights(seed, "timbre encoder"):
        return VoiceTrainee(network, TimbreEncoder(network.partials + network.noise_bands, network.input.in_features))


def restored_trainee(tensors: Mapping[str, Tensor]) -> VoiceTrainee:
    """A trainee from its tensors, whose shapes give its sizes."""
    network = Voice.of(part_of(tensors, "network"))
    hidden, columns = tensors["encoder.layers.0.weight"].shape
    width = network.partials + network.noise_bands
    trainee = VoiceTrainee(network, TimbreEncoder(width, columns - width, hidden))
    trainee.load(tensors)
    return trainee
