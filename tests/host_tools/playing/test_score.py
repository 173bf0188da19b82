"""Scores become performances: what is pressed when, vibrato, swell, the way through the modes."""

from __future__ import annotations

import numpy as np
import pytest
from tombola_device.contract.errors import BadConfig
from tombola_device.contract.manifest import Envelope, Mode
from tombola_host.playing.level import faded
from tombola_host.playing.score import Note, Score, line, rolled

ENVELOPE = Envelope([0.0, 0.1], [-20.0, -20.0], 0.0, -100.0)
SPAN = (-1.0, 0.0, 1.0)
MODES = [Mode(name, "#336699", (40.0, 80.0), ENVELOPE, SPAN, SPAN) for name in ("sax", "harp")]


def calls(performance, name):
    return [(event.time_s, *event.arguments) for event in performance.events if event.call == name]


def test_a_line_leaves_a_gap_between_notes_and_a_pitch_of_0_rests():
    first, second = line(2, (1.0, 60, 0.5), (0.5, 0, 0.0), (2.0, 64, 0.8))
    assert first == Note(2, 0.97, 60, 0.5)
    assert (second.beat, second.beats, second.pitch) == (3.5, 1.94, 64)


def test_keys_of_a_rolled_chord_come_one_by_one_and_go_together():
    chord = rolled(1, 4, (40, 47, 52), 0.6, 0.25)
    assert [note.beat for note in chord] == [1.0, 1.25, 1.5]
    assert {note.beat + note.beats for note in chord} == {5.0}


def test_beats_become_seconds_and_names_become_weights():
    score = Score((Note(1, 2, 60, 0.7),), 0.5, ((0, {"harp": 1}), (2, {"sax": 0.25, "harp": 0.75})))
    played = score.performed(MODES)
    assert calls(played, "note_on") == [(0.5, 60, 0.7)]
    assert calls(played, "note_off") == [(1.5, 60)]
    assert played.seconds == 2.0
    assert played.blend.time_s == (0.0, 1.0)
    assert played.blend.at(0.0).tolist() == [0.0, 1.0]
    assert played.blend.at(1.0) == pytest.approx([0.25, 0.75])


def test_without_vibrato_and_swell_only_keys_are_played():
    played = Score((Note(0, 4, 60),), 0.5, ((0, {"sax": 1}),)).performed(MODES)
    assert [event.call for event in played.events] == ["note_on", "note_off"]


def test_vibrato_begins_on_held_notes_and_grows_to_its_depth():
    played = Score((Note(0, 4, 60),), 0.5, ((0, {"sax": 1}),), vibrato=True).performed(MODES)
    bends = np.array(calls(played, "pitch_bend"))
    assert not bends[bends[:, 0] < 0.35, 1].any()
    assert np.abs(bends[bends[:, 0] > 1.0, 1]).max() == pytest.approx(0.14, abs=0.005)


def test_swell_moves_the_loudness_in_straight_lines():
    played = Score((Note(0, 4, 60),), 0.5, ((0, {"sax": 1}),), swell=((0, -6), (2, 0))).performed(MODES)
    loudness = dict(calls(played, "set_loudness"))
    assert loudness[0.0] == -6.0
    assert loudness[0.5] == pytest.approx(-3.0)
    assert loudness[2.0] == 0.0


def test_a_mode_that_is_missing_is_named_with_those_that_are_there():
    with pytest.raises(BadConfig, match="no mode 'kazoo', which is to be played; it has sax, harp"):
        Score((Note(0, 1, 60),), 0.5, ((0, {"kazoo": 1}),)).performed(MODES)


def test_a_faded_sound_keeps_its_body_and_ends_in_silence():
    sound = faded(np.ones(4800, np.float32))
    assert sound[: 4800 - 961].min() == 1.0
    assert sound[-1] == 0.0
    assert sound[-481] == pytest.approx(0.5, abs=0.002)
    assert len(faded(np.ones(100, np.float32))) == 100
