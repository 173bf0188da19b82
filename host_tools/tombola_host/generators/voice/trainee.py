"""The network that is trained, with what is fitted to its modes before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tombola_host.corpus.windows import ModeData
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.shades import fit_directions, recorded_db
from tombola_host.training.objective import load_parts, part_of, tensors_of


@dataclass(slots=True)
class VoiceTrainee:
    """A voice."""

    network: Voice

    def parts(self) -> Mapping[str, nn.Module]:
        """See Trainee."""
        return {"network": self.network}

    def tensors(self) -> dict[str, Tensor]:
        """See Trainee."""
        return tensors_of(self)

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """See Trainee."""
        load_parts(self, tensors)


def new_trainee(network: Voice, data: Sequence[ModeData]) -> VoiceTrainee:
    """Set each mode's mean spectrum and its directions."""
    with torch.no_grad():
        means = [torch.cat([note.relative for note in mode.notes]).mean(0) for mode in data]
        network.spectrum.copy_(torch.stack(means))
        network.directions.copy_(torch.stack([fit_directions(mode) for mode in data]))
        network.recorded_db.copy_(torch.tensor([recorded_db(mode) for mode in data]))
        if network.free is not None:
            for index, mode in enumerate(data):
                network.free.tell(index, mode.tracks)
    return VoiceTrainee(network)


def restored_trainee(tensors: Mapping[str, Tensor]) -> VoiceTrainee:
    """A trainee from its tensors, whose shapes give its sizes."""
    return VoiceTrainee(Voice.of(part_of(tensors, "network")))
