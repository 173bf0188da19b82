"""The knobs that bear a word: what they set, what a voltage adds, and who has the last word."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tombola_device.contract.controls import MOST_LIFE
from tombola_device.contract.words import Stop, Word
from tombola_device.play.midi_map import CC_WORDS, MidiMap
from tombola_device.play.player import Player

SCARY = Word(
    "scary", [Stop([2.0, 0.0], 0.1, 0.5, 1.0), Stop([0.5, 0.5], 0.5, 0.5, 1.0), Stop([0.0, 1.0], 0.9, 0.5, 0.2)]
)
CALM = Word("calm", [Stop([0.5, 0.5], 0.5, 0.5, 2.0), Stop([1.0, 0.0], 0.5, 0.0, 0.0)])


@pytest.fixture
def player():
    made = Player(2, 2)
    made.set_modes(2, (), [SCARY, CALM])
    return made


def heard(player):
    """What the voices get: blend, timbre and life."""
    controls = player.controls()
    return [*controls.blend[0].tolist(), *controls.timbre[0].tolist(), float(controls.life[0])]


def test_a_word_that_nobody_turned_changes_nothing(player):
    assert heard(player) == [1.0, 0.0, 0.5, 0.5, 1.0]
    assert player.words == (("scary", None), ("calm", None))


def test_a_turn_sets_blend_timbre_and_life_between_two_stops_in_proportion(player):
    player.turn_word(0, 0.75)
    assert heard(player) == pytest.approx([0.25, 0.75, 0.7, 0.5, 0.6])
    assert player.words == (("scary", 0.75), ("calm", None))
    player.turn_word(0, 0.0)
    assert heard(player) == pytest.approx([1.0, 0.0, 0.1, 0.5, 1.0])
    player.turn_word(0, 7.0)
    assert heard(player) == pytest.approx([0.0, 1.0, 0.9, 0.5, 0.2])


@pytest.mark.parametrize(
    "hand",
    [
        lambda player: player.set_timbre(0, 0.3),
        lambda player: player.set_timbre(1, 0.3),
        lambda player: player.set_life(0.0),
        lambda player: player.morph(1.0),
        lambda player: player.set_weight(0, 0.1),
        lambda player: player.program_change(1),
    ],
)
def test_a_hand_on_one_of_them_takes_it_back_and_leaves_the_others(player, hand):
    player.turn_word(0, 0.5)
    before = np.array(heard(player))
    hand(player)
    assert player.words == (("scary", None), ("calm", None))
    moved = np.abs(np.array(heard(player)) - before) > 1e-6
    assert moved.sum() == (2 if moved[0] else 1)


def test_another_word_takes_over_and_the_first_one_goes_on_from_where_it_is_turned_to(player):
    player.turn_word(0, 1.0)
    player.turn_word(1, 0.5)
    assert heard(player) == pytest.approx([0.75, 0.25, 0.5, 0.25, 1.0])
    assert player.words == (("scary", None), ("calm", 0.5))
    player.turn_word(0, 0.5)
    assert player.words == (("scary", 0.5), ("calm", None))


def test_a_knob_that_the_bundle_does_not_have_does_nothing(player):
    player.turn_word(2, 1.0)
    player.turn_word(-1, 1.0)
    player.cv_word(2, 1.0)
    player.recall_word("blue", 1.0)
    assert heard(player) == [1.0, 0.0, 0.5, 0.5, 1.0]
    plain = Player(2, 1)
    plain.turn_word(0, 1.0)
    assert plain.words == ()


def test_a_voltage_adds_the_way_from_where_the_knob_stands_and_none_at_0_volts(player):
    player.turn_word(0, 0.5)
    player.cv_word(0, 0.25)
    assert heard(player) == pytest.approx([0.25, 0.75, 0.7, 0.5, 0.6])
    assert player.hand_blend.tolist() == [0.5, 0.5]
    assert player.words[0] == ("scary", 0.5)
    player.cv_word(0, 1.0)  # The path ends there.
    assert heard(player) == pytest.approx([0.0, 1.0, 0.9, 0.5, 0.2])
    player.cv_word(0, -0.5)
    assert heard(player) == pytest.approx([1.0, 0.0, 0.1, 0.5, 1.0])
    player.cv_word(0, 0.0)
    assert heard(player) == pytest.approx([0.5, 0.5, 0.5, 0.5, 1.0])


def test_hands_move_on_under_a_voltage_and_two_voltages_add(player):
    player.cv_word(0, 1.0)
    assert heard(player) == pytest.approx([0.0, 1.0, 1.0, 0.5, 0.2])  # X: 0.5 of the hand and 0.8 of the way.
    player.set_timbre(0, 0.1)
    player.set_life(2.0)
    assert heard(player) == pytest.approx([0.0, 1.0, 0.9, 0.5, 1.2])
    player.cv_word(1, 1.0)
    assert heard(player) == pytest.approx([0.5, 0.5, 0.9, 0.0, 0.0])
    player.cv_word(0, 0.0)
    player.cv_word(1, 0.0)
    assert heard(player) == pytest.approx([1.0, 0.0, 0.1, 0.5, 2.0])


@given(st.lists(st.tuples(st.sampled_from("tcwm"), st.integers(0, 1), st.floats(-1, 1)), max_size=12))
def test_blends_stay_a_simplex_and_controls_in_their_range_whatever_is_turned(moves):
    player = Player(2, 1)
    player.set_modes(2, (), [SCARY, CALM])
    for kind, which, value in moves:
        if kind == "t":
            player.turn_word(which, value)
        elif kind == "c":
            player.cv_word(which, value)
        elif kind == "w":
            player.set_weight(which, value)
        else:
            player.cv_morph(value)
    first, second, x, y, life = heard(player)
    assert min(first, second) >= 0
    assert first + second == pytest.approx(1.0)
    assert 0 <= x <= 1
    assert 0 <= y <= 1
    assert 0 <= life <= MOST_LIFE


def test_words_of_another_bundle_replace_them_and_the_same_ones_stay_as_they_are_turned(player):
    player.turn_word(0, 0.5)
    player.cv_word(0, 0.25)
    player.set_modes(2, (), [SCARY, CALM])  # The audio process was started again.
    assert player.words[0] == ("scary", 0.5)
    assert heard(player) == pytest.approx([0.25, 0.75, 0.7, 0.5, 0.6])
    player.set_modes(2, (), [CALM])
    assert player.words == (("calm", None),)
    assert heard(player) == pytest.approx([0.5, 0.5, 0.5, 0.5, 1.0])  # What hands had set stays.
    player.set_modes(3)
    player.turn_word(0, 1.0)
    assert player.words == ()


def test_controllers_12_to_15_turn_them_and_others_can_be_taught(player):
    midi_map = MidiMap(player)
    midi_map.receive((0xB0, CC_WORDS[1], 127))
    assert player.words == (("scary", None), ("calm", 1.0))
    midi_map.learn("word 1")
    midi_map.receive((0xB0, 50, 0))
    assert player.words == (("scary", 0.0), ("calm", None))
    assert CC_WORDS == (12, 13, 14, 15)
