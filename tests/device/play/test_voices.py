"""Which voice plays which key."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.errors import ShapeError
from tombola_device.play.blending import BlendMode
from tombola_device.play.player import Player
from tombola_device.play.voices import CV_KEY, Key, Priority, VoiceMode, Voices


def playing(player: Player) -> list[float]:
    controls = player.controls()
    return [float(note) for note, gate in zip(controls.note, controls.gate, strict=True) if gate]


def in_mode(mode: VoiceMode, voices: int = 4) -> Player:
    player = Player(3, voices)
    player.voice_mode = mode
    return player


def test_mono_returns_to_the_key_that_is_still_held_and_strikes_it():
    player = in_mode(VoiceMode.MONO)
    player.note_on(60, 0.5)
    player.note_on(64, 0.9)
    assert playing(player) == [64]
    player.note_off(64)
    assert playing(player) == [60]
    assert player.controls().onset[0] == 3
    player.note_off(60)
    assert playing(player) == []


def test_legato_strikes_only_the_first_of_keys_that_overlap():
    player = in_mode(VoiceMode.LEGATO)
    for note in (60, 64, 67):
        player.note_on(note, 0.8)
    player.note_off(67)
    assert playing(player) == [64]
    assert player.controls().onset[0] == 1
    player.all_notes_off()
    player.note_on(50, 0.8)
    assert player.controls().onset[0] == 2


@pytest.mark.parametrize(("priority", "expected"), [(Priority.LAST, 62), (Priority.LOWEST, 60), (Priority.HIGHEST, 67)])
def test_one_voice_plays_the_key_with_priority(priority, expected):
    player = in_mode(VoiceMode.MONO)
    player.priority = priority
    for note in (60, 67, 62):
        player.note_on(note, 0.8)
    assert playing(player) == [expected]


def test_paraphonic_keys_are_struck_together_and_end_together():
    player = in_mode(VoiceMode.PARAPHONIC)
    player.note_on(60, 0.8)
    player.note_on(64, 0.8)
    assert player.controls().onset[:2].tolist() == [2, 1]
    player.note_off(60)
    assert playing(player) == [60, 64]
    player.note_off(64)
    assert playing(player) == []


def test_change_of_the_voice_mode_releases_all_keys():
    player = Player(1, 4)
    for note in (60, 64):
        player.note_on(note, 0.8)
    player.voice_mode = VoiceMode.MONO
    assert player.held == 0


def test_bass_of_a_full_chord_is_stolen_last():
    player = Player(1, 4)
    for note in (40, 60, 64, 67, 72):
        player.note_on(note, 0.8)
    assert playing(player) == [40, 72, 64, 67]


def test_sostenuto_holds_only_the_voices_held_when_it_went_down():
    player = Player(1, 4)
    player.note_on(60, 0.8)
    player.sostenuto(1.0)
    player.note_on(64, 0.8)
    player.note_off(60)
    player.note_off(64)
    assert playing(player) == [60]
    player.sostenuto(0.0)
    assert playing(player) == []


def test_sustained_mono_note_sounds_until_the_pedal_rises():
    player = in_mode(VoiceMode.MONO)
    player.sustain(1.0)
    player.note_on(60, 0.8)
    player.note_off(60)
    assert playing(player) == [60]
    player.sustain(0.0)
    assert playing(player) == []


def test_fewer_voices_release_the_upper_ones_and_more_are_used_at_once():
    player = Player(1, 4)
    for note in (60, 62, 64, 65):
        player.note_on(note, 0.8)
    player.limit_voices(2)
    assert playing(player) == [60, 62]
    player.note_on(70, 0.8)
    assert len(playing(player)) == 2
    player.limit_voices(4)
    player.note_on(72, 0.8)
    assert len(playing(player)) == 3


def test_keys_of_one_chord_keep_the_blends_of_their_note_ons():
    player = Player(3, 4)
    player.blend_mode = BlendMode.HELD
    for mode, note in enumerate((60, 64, 67)):
        player.program_change(mode)
        player.note_on(note, 0.8)
    np.testing.assert_array_equal(player.controls().blend[:3], np.eye(3))
    player.set_modes(2)
    assert player.controls().blend.shape == (4, 2)


def test_in_turns_each_key_plays_the_next_mode():
    player = Player(2, 4)
    player.blend_mode = BlendMode.TURNS
    for note in (60, 64, 67):
        player.note_on(note, 0.8)
    assert player.controls().blend[:3].tolist() == [[1, 0], [0, 1], [1, 0]]


def test_voice_of_the_gate_input_follows_the_pitch_also_after_the_gate_fell():
    player = Player(1, 2)
    player.cv_pitch(48.25)
    player.cv_gate(high=True)
    assert playing(player) == [48.25]
    player.cv_pitch(50.5)
    assert playing(player) == [50.5]
    player.cv_gate(high=False)
    player.cv_pitch(51.5)
    assert player.controls().note[0] == 51.5
    assert player.controls().glide_s[0] == 0


def test_trigger_strikes_while_the_gate_is_high_and_its_fall_does_not_end_the_note():
    player = Player(1, 2)
    player.cv_gate(high=True)
    player.cv_trigger(high=True)
    assert player.controls().onset[0] == 2
    player.cv_trigger(high=False)
    assert player.held == 1
    player.cv_gate(high=False)
    assert player.held == 0


def test_control_voltages_add_to_the_blend_and_can_be_removed():
    player = Player(3, 1)
    player.set_blend([1, 1, 0])
    player.cv_blend(2, 0.5)
    np.testing.assert_allclose(player.blend, [1 / 3, 1 / 3, 1 / 3], atol=1e-6)
    player.cv_blend(2, 0.0)
    assert player.blend.tolist() == [0.5, 0.5, 0]
    player.cv_morph(0.5)
    np.testing.assert_allclose(player.blend, [0, 0.5, 0.5], atol=1e-6)
    player.cv_morph(0.0)
    player.cv_timbre(0, 0.25)
    assert player.controls().timbre.tolist() == [[0.75, 0.5]]
    player.set_life(0.5)
    for offset, life in ((0.75, 1.25), (-1.0, 0.0), (2.0, 2.0), (0.0, 0.5)):
        player.cv_life(offset)
        assert player.controls().life.tolist() == [life]


def test_too_many_voices_are_refused():
    with pytest.raises(ShapeError, match="17 voices"):
        Voices(17)


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["press", "let go", "sustain", "sostenuto", "limit", "mode"]), st.integers(0, 15)),
    max_size=60,
)


@settings(max_examples=200)
@given(ACTIONS, st.sampled_from(list(VoiceMode)))
def test_no_sequence_leaves_a_note_that_cannot_be_ended(actions, mode):
    voices, limit = Voices(4), 4
    voices.mode = mode
    for action, value in actions:
        if action == "press":
            voices.press(Key(value), 60.0 + value, 0.8)
        elif action == "let go":
            voices.let_go(Key(value))
        elif action == "limit":
            limit = 1 + value % 4
            voices.limit(limit)
        elif action == "mode":
            voices.mode = list(VoiceMode)[value % 4]
        else:
            getattr(voices, action)(down=value > 7)
        assert all(not voice.gate for voice in list(voices)[limit:])
        keys = [voice.key for voice in voices if voice.key is not None]
        assert len(keys) == len(set(keys))
    for value in range(16):
        voices.let_go(Key(value))
    voices.sustain(down=False)
    voices.sostenuto(down=False)
    assert not any(voice.gate for voice in voices)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), max_size=60))
def test_every_held_key_sounds_unless_a_later_one_stole_its_voice(keys):
    voices, held = Voices(4), {}
    for time, (pressed, number) in enumerate(keys):
        if pressed:
            voices.press(Key(number), float(number), 0.8)
            held[number] = time
        else:
            voices.let_go(Key(number))
            held.pop(number, None)
    sounding = {voice.key.number for voice in voices if voice.key}
    assert sounding <= set(held)
    if len(held) <= 1:
        assert sounding == set(held)
    assert not held or max(held, key=held.get) in sounding
    assert CV_KEY.number not in sounding
