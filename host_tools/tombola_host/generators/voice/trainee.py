"""The network that is trained, with what is fitted to its modes before and what is learned beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tombola_host.corpus.windows import ModeData
from tombola_host.generators.voice.latents import NoteLatents
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.shades import fit_directions, recorded_db
from tombola_host.generators.voice.wane import fit_wane
from tombola_host.training.objective import load_parts, part_of, tensors_of
from tombola_host.training.streams import first_weights


@dataclass(slots=True)
class VoiceTrainee:
    """A voice, and what is particular to the recordings that it learns from."""

    network: Voice
    latents: NoteLatents

    def parts(self) -> Mapping[str, nn.Module]:
        """See Trainee."""
        return {"network": self.network, "latents": self.latents}

    def tensors(self) -> dict[str, Tensor]:
        """See Trainee."""
        return tensors_of(self)

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """See Trainee."""
        load_parts(self, tensors)


def new_trainee(network: Voice, data: Sequence[ModeData], seed: int) -> VoiceTrainee:
    """Set each mode's mean spectrum and its directions; draw the first latents."""
    with torch.no_grad():
        means = [torch.cat([note.relative for note in mode.notes]).mean(0) for mode in data]
        network.spectrum.copy_(torch.stack(means))
        network.directions.copy_(torch.stack([fit_directions(mode) for mode in data]))
        network.recorded_db.copy_(torch.tensor([recorded_db(mode) for mode in data]))
        wanes = [fit_wane(mode) for mode in data]
        network.wane.copy_(torch.tensor([[0.0, 0.0] if wane is None else [1.0, wane.keytrack] for wane in wanes]))
        if network.free is not None:
            for index, mode in enumerate(data):
                network.free.tell(index, mode.tracks)
    with first_weights(seed, "voice latents"):
        latents = NoteLatents(len(data), max(len(mode.notes) for mode in data), network.size.input)
    return VoiceTrainee(network, latents)


def restored_trainee(tensors: Mapping[str, Tensor]) -> VoiceTrainee:
    """A trainee from its tensors, whose shapes give its sizes."""
    return VoiceTrainee(Voice.of(part_of(tensors, "network")), NoteLatents.like(part_of(tensors, "latents")))
