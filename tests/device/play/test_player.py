"""From keys and controllers to frames of controls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.errors import ShapeError
from tombola_device.contract.packed import unpack
from tombola_device.play.midi_map import MidiMap
from tombola_device.play.player import Player


def test_note_on_raises_gate_and_counts_an_onset():
    player = Player(3, 4)
    player.note_on(64, 0.5)
    controls = player.controls()
    assert controls.gate.tolist() == [True, False, False, False]
    assert controls.onset.tolist() == [1, 0, 0, 0]
    assert (controls.note[0], controls.velocity[0]) == (64, 0.5)


def test_same_key_twice_takes_the_same_voice():
    player = Player(3, 4)
    player.note_on(64, 0.5)
    player.note_on(64, 0.9)
    assert player.controls().onset.tolist() == [2, 0, 0, 0]


def test_note_on_with_velocity_zero_is_a_note_off():
    player = Player(3, 4)
    MidiMap(player).receive(
        (
            0x90,
            64,
            100,
        )
    )
    MidiMap(player).receive(
        (
            0x90,
            64,
            0,
        )
    )
    assert player.held == 0


def test_fifth_note_steals_the_oldest_of_four_held_voices_except_the_bass():
    player = Player(3, 4)
    for note in (60, 62, 64, 65, 67):
        player.note_on(note, 0.8)
    assert player.controls().note.tolist() == [60, 67, 64, 65]


def test_released_voice_is_stolen_before_a_held_one():
    player = Player(3, 4)
    for note in (60, 62, 64, 65):
        player.note_on(note, 0.8)
    player.note_off(64)
    player.note_on(67, 0.8)
    assert player.controls().note.tolist() == [60, 62, 67, 65]


def test_quietest_released_voice_is_stolen_first_when_levels_are_known():
    player = Player(3, 4)
    for note in (60, 62, 64, 65):
        player.note_on(note, 0.8)
    for note in (60, 62, 64):
        player.note_off(note)
    player.hear([-30.0, -50.0, -40.0, -20.0])
    player.note_on(67, 0.8)
    assert player.controls().note.tolist() == [60, 67, 64, 65]


def test_silent_voices_are_used_in_order():
    player = Player(3, 4)
    player.hear([-20.0, -80.0, -80.0, -80.0])
    player.note_on(67, 0.8)
    player.note_on(69, 0.8)
    assert player.controls().note.tolist() == [60, 67, 69, 60]


def test_pedal_holds_released_keys_until_it_rises():
    player = Player(3, 4)
    MidiMap(player).control_change(0, 64, 127)
    player.note_on(60, 0.8)
    player.note_off(60)
    assert player.held == 1
    MidiMap(player).control_change(0, 64, 0)
    assert player.held == 0


def test_key_held_through_a_pedal_stays_after_it_rises():
    player = Player(3, 4)
    player.note_on(60, 0.8)
    player.sustain(1.0)
    player.sustain(0.0)
    assert player.held == 1


def test_bend_moves_all_notes_by_two_semitones():
    player = Player(3, 2)
    player.note_on(60, 0.8)
    MidiMap(player).receive(
        (
            0xE0,
            127,
            127,
        )
    )
    assert player.controls().bend_semitones.tolist() == [2, 2]
    MidiMap(player).receive(
        (
            0xE0,
            0,
            0,
        )
    )
    assert player.controls().bend_semitones.tolist() == [-2, -2]
    MidiMap(player).receive(
        (
            0xE0,
            0,
            64,
        )
    )
    assert player.controls().bend_semitones.tolist() == [0, 0]


def test_morph_walks_through_the_modes_in_order():
    player = Player(3, 1)
    for value, expected in ((0, [1, 0, 0]), (127, [0, 0, 1])):
        MidiMap(player).control_change(0, 1, value)
        assert player.blend.tolist() == expected
    player.morph(0.25)
    np.testing.assert_allclose(player.blend, [0.5, 0.5, 0])


def test_weights_by_controller_are_normalised_and_all_zero_changes_nothing():
    player = Player(3, 1)
    MidiMap(player).control_change(0, 21, 127)
    np.testing.assert_allclose(player.blend, [0.5, 0.5, 0])
    MidiMap(player).control_change(0, 20, 0)
    assert player.blend.tolist() == [0, 1, 0]
    MidiMap(player).control_change(0, 21, 0)
    assert player.blend.tolist() == [0, 1, 0]


def test_program_change_selects_one_mode_and_ignores_unknown_programs():
    player = Player(3, 1)
    MidiMap(player).receive(
        (
            0xC0,
            2,
        )
    )
    assert player.blend.tolist() == [0, 0, 1]
    MidiMap(player).receive(
        (
            0xC0,
            3,
        )
    )
    assert player.blend.tolist() == [0, 0, 1]


def test_timbre_at_64_is_exactly_the_default():
    player = Player(1, 1)
    for value, expected in ((0, 0.0), (64, 0.5), (127, 1.0)):
        MidiMap(player).control_change(0, 16, value)
        MidiMap(player).control_change(0, 71, value)
        assert player.controls().timbre.tolist() == [[expected, expected]]


def test_loudness_controllers_add_up_and_pressure_adds_6_db():
    player = Player(1, 1)
    MidiMap(player).control_change(0, 11, 64)
    MidiMap(player).control_change(0, 7, 64)
    assert player.controls().loudness_db[0] == pytest.approx(2 * 40 * np.log10(64 / 127))
    MidiMap(player).control_change(0, 121, 0)
    MidiMap(player).receive(
        (
            0xD0,
            127,
        )
    )
    assert player.controls().loudness_db[0] == pytest.approx(6.0)


def test_panic_marks_every_voice_as_silent():
    player = Player(1, 2)
    player.note_on(60, 1.0)
    MidiMap(player).control_change(0, 120, 0)
    controls = player.controls()
    assert not controls.gate.any()
    assert not controls.velocity.any()


def test_another_bundle_keeps_keys_and_the_weights_of_shared_modes():
    player = Player(4, 2)
    player.note_on(60, 1.0)
    player.set_blend([0.0, 0.5, 0.0, 0.5])
    player.set_modes(2)
    assert player.blend.tolist() == [0, 1]
    player.set_modes(1)
    assert player.blend.tolist() == [1]
    assert player.held == 1


def test_a_bundle_begins_with_its_own_blend_until_somebody_has_moved_the_weights():
    player = Player(1, 2)
    player.set_modes(3, [0.25, 0.0, 0.75])
    assert player.blend.tolist() == [0.25, 0.0, 0.75]
    player.set_modes(2, [0.5, 0.5])
    assert player.blend.tolist() == [0.5, 0.5]
    player.set_modes(3)
    assert player.blend.tolist() == [0.5, 0.5, 0.0]
    player.set_weight(2, 1.0)
    player.set_modes(3, [1.0, 0.0, 0.0])
    assert player.blend.tolist() == [0.25, 0.25, 0.5]


def test_blend_of_the_wrong_shape_or_not_a_number_is_refused():
    player = Player(3, 1)
    for blend in ([1.0], [np.nan, 0, 0]):
        with pytest.raises(ShapeError, match="3 finite weights"):
            player.set_blend(blend)


@settings(max_examples=100, deadline=None)
@given(messages=st.lists(st.lists(st.integers(0, 255), max_size=4), max_size=60))
def test_any_bytes_leave_finite_controls_on_the_simplex(messages):
    player = Player(3, 4)
    for message in messages:
        MidiMap(player).receive(message)
    controls = player.controls()
    assert np.isfinite(controls.note).all()
    assert np.isfinite(controls.loudness_db).all()
    assert np.isfinite(controls.bend_semitones).all()
    assert ((controls.velocity >= 0) & (controls.velocity <= 1)).all()
    assert ((controls.timbre >= 0) & (controls.timbre <= 1)).all()
    assert (controls.blend >= 0).all()
    np.testing.assert_allclose(controls.blend.sum(axis=1), 1.0, atol=1e-6)


def test_moving_the_player_and_packing_its_controls_makes_no_array(monkeypatch):
    """A first array after a sleep costs the control loop more than all else that it does."""
    player = Player(4, 4)
    midi_map = MidiMap(player)
    for name in ("array", "asarray", "zeros", "eye", "stack", "full", "clip", "maximum", "frombuffer"):
        monkeypatch.setattr(np, name, None)
    for value in range(128):
        for message in ((0xB0, 1, value), (0xB0, 21, value), (0xE0, 0, value), (0x90, value, 100), (0xD0, value)):
            midi_map.receive(message)
        player.cv_blend(2, value / 128)
        player.cv_morph(value / 128)
        packed = player.packed()
    monkeypatch.undo()
    assert unpack(packed).note.max() == 127
    assert unpack(packed).blend.sum(axis=1) == pytest.approx([1.0] * 4)


@settings(max_examples=50, deadline=None)
@given(keys=st.lists(st.tuples(st.booleans(), st.integers(0, 127)), max_size=40))
def test_gates_are_the_last_keys_held(keys):
    player, down = Player(1, 4), []
    for pressed, note in keys:
        if pressed:
            player.note_on(note, 0.7)
            down = [key for key in down if key != note] + [note]
        else:
            player.note_off(note)
            down = [key for key in down if key != note]
    controls = player.controls()
    sounding = {int(note) for note, gate in zip(controls.note, controls.gate, strict=True) if gate}
    assert sounding <= set(down)
    assert len(sounding) == controls.gate.sum()
