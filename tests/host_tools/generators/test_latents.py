"""What is particular to single recordings is learned beside the network, and left out when it plays."""

from __future__ import annotations

import torch
from tombola_host.generators.voice.family import VoiceFamily
from tombola_host.generators.voice.latents import LEFT_OUT, NoteLatents
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.training.streams import torch_stream

PLACES = torch.tensor([[0, 0, 5], [1, 2, 0]]).repeat(200, 1)


def test_a_share_of_the_windows_goes_without() -> None:
    told = NoteLatents(2, 3, 8)(PLACES, torch_stream(0, "test"))
    assert told.shape == (len(PLACES), 1, 8)
    without = float((told.abs().amax((1, 2)) == 0).float().mean())
    assert abs(without - LEFT_OUT) < 0.1


def test_equal_streams_tell_the_same() -> None:
    latents = NoteLatents(2, 3, 8)
    first, again = (latents(PLACES, torch_stream(0, "test", 7)) for _ in range(2))
    assert torch.equal(first, again)


def test_they_are_kept_with_the_training_and_play_no_part_in_the_network() -> None:
    family = VoiceFamily()
    network = family.build(1, VoiceSize(4, 4), 0)
    names = set(network.state_dict())
    latents = NoteLatents(1, 5, 4)
    restored = NoteLatents.like(latents.state_dict())
    assert torch.equal(restored.of_note, latents.of_note)
    assert not any("latent" in name for name in names)
