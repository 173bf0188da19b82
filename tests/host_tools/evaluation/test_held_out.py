from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tombola_device.contract.graph import TIMBRE
from tombola_device.contract.manifest import Envelope, Mode
from tombola_host.evaluation.held_out import (
    LONGEST_FRAMES,
    NoteError,
    bundle_playback,
    mean_error,
    note_errors,
    trainee_playback,
)
from tombola_host.export.bundle import export_bundle
from tombola_host.export.parity import PARITY
from tombola_host.generators.voice.export import VoiceExport
from tombola_host.generators.voice.family import VoiceFamily

ENVELOPE = Envelope([0.0, 0.1], [-30.0, -20.0], 0.0, -200.0)

VOICE = VoiceFamily()


def test_the_recording_itself_has_no_error_and_silence_a_large_one(mode):
    notes = mode(frames=60).notes
    perfect = note_errors(lambda note: note.audio.numpy(), notes)
    assert [entry.error for entry in perfect] == [0.0, 0.0]
    assert [entry.name for entry in perfect] == ["note 57.0", "note 64.0"]
    silent = note_errors(lambda note: np.zeros(len(note.audio), np.float32), notes)
    assert min(entry.error for entry in silent) > 1.5


def test_the_mean_of_no_notes_is_no_number():
    assert mean_error([NoteError("a", 1.0), NoteError("b", 2.0)]) == 1.5
    assert math.isnan(mean_error([]))


def test_only_the_first_four_seconds_of_a_note_are_played(mode, voice, trainee):
    note = mode(notes=(60.0,), frames=LONGEST_FRAMES + 50).notes[0]
    sound = trainee_playback(VOICE, trainee(voice(1, hidden=4)), 0)(note)
    assert len(sound) == LONGEST_FRAMES * 128
    assert len(note_errors(lambda _: sound, [note])) == 1


def test_a_note_is_played_at_its_own_level(mode, voice, trainee):
    note = mode(notes=(57.0,), frames=375).notes[0]
    sound = trainee_playback(VOICE, trainee(voice(2)), 1)(note)
    level_db = 10 * np.log10(np.mean(sound[1024:] ** 2))
    assert level_db == pytest.approx(-20.0, abs=0.5)


def test_the_timbre_of_a_recording_is_heard(mode, voice, trainee):
    note = mode(notes=(57.0,), frames=80).notes[0]
    network = voice(2)
    with torch.no_grad():
        network.directions[:, 0] = -0.5 * torch.arange(network.directions.shape[2]) / 10
    default, heard = (trainee_playback(VOICE, trainee(network), 0, heard=heard)(note) for heard in (False, True))
    assert default.shape == heard.shape
    assert np.abs(default - heard).max() > 1e-3
    errors = [note_errors(lambda _, sound=sound: sound, [note])[0].error for sound in (default, heard)]
    assert errors[1] < 0.95 * errors[0]


def test_the_bundle_plays_what_the_network_plays_but_for_its_noise(mode, voice, trainee):
    network = voice(2, hidden=6, noise=False)
    modes = [Mode(name, "#e8a33d", (50.0, 70.0), ENVELOPE, dict.fromkeys(TIMBRE, (-1.0, 0.0, 1.0))) for name in "ab"]
    play = bundle_playback(export_bundle(VoiceExport(network), "two", "voice", modes, {}, ""), 1)
    for note in mode(frames=60).notes:  # the second starts from rest again
        assert np.abs(play(note) - trainee_playback(VOICE, trainee(network), 1)(note)).max() < PARITY
