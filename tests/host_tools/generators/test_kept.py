"""How many recordings a mode keeps: as many as all modes together may have in a bundle."""

from __future__ import annotations

import pytest
import torch
from tombola_device.contract.life import MAX_ATTACKS, MAX_FOLLOWED
from tombola_host.corpus.windows import NOTE, ModeData, Note
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.recorded import STRIKE_FRAMES, chosen, pitch_of
from tombola_host.generators.voice.size import VoiceSize


@pytest.mark.parametrize(("modes", "kept"), [(1, 32), (10, 32), (11, 29), (16, 20)])
def test_of_many_recordings_a_mode_keeps_its_part_of_what_a_bundle_may_have(modes: int, kept: int) -> None:
    assert kept <= MAX_ATTACKS
    assert modes * kept <= MAX_FOLLOWED
    notes = []
    for pitch in range(40, 80):
        scalars = torch.zeros(STRIKE_FRAMES, 7)
        scalars[:, NOTE] = pitch
        notes.append(Note(f"{pitch}", scalars, torch.zeros(STRIKE_FRAMES, 1), torch.zeros(1)))
    found = [pitch_of(note) for note in chosen(Voice(modes, VoiceSize(4, 4)), ModeData("one", 0.0, notes[::-1]))]
    assert len(found) == kept
    assert found == sorted(set(found))
    assert (found[0], found[-1]) == (40.0, 79.0)
