"""What the panel does to the player, and what the outputs carry."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from tombola_device.hal.panel.fake import FakePanel
from tombola_device.hal.panel.port import Edge
from tombola_device.play.midi_map import MidiMap
from tombola_device.play.player import Player
from tombola_device.surface.hands import PanelMap
from tombola_device.surface.oled.buttons import LONG_S, PAIR_S, Buttons, Push
from tombola_device.surface.outputs import PULSE_S, GateOut, Sounding, output_volts
from tombola_device.surface.routing import CvTarget, CvTargets, GateSource, Source

REST = {"V_OCT": 2.0, "CV_X": 0.0, "CV_Y": 0.0, "CV_1": 0.0, "CV_2": 0.0, "CV_3": 0.0}


class Bench:
    def __init__(self, modes=3):
        self.panel, self.player = FakePanel(), Player(modes, 2)
        self.map, self.volts = PanelMap(self.player), dict(REST)
        for knob in (5, 6):
            self.panel.turn(knob, 0.5)
        self.panel.turn(7, 1.0)
        self.apply()

    def apply(self):
        return self.map.apply(self.panel.read(), self.volts)

    def shift(self, *, down):
        (self.panel.raise_gate if down else self.panel.drop_gate)("SHIFT")
        self.apply()


def test_knobs_are_weights_timbre_and_loudness():
    bench = Bench()
    for knob, position in enumerate((0.5, 0.0, 0.5, 0.9, 0.9, 0.25, 1.0, 0.5)):
        bench.panel.turn(knob, position)
    assert bench.apply()
    controls = bench.player.controls()
    np.testing.assert_allclose(bench.player.blend, [0.5, 0, 0.5])
    np.testing.assert_allclose(controls.timbre[0], [0.25, 1.0])
    assert controls.loudness_db[0] == pytest.approx(-20)
    assert not bench.apply()


def test_noise_of_a_knob_moves_nothing_but_its_ends_are_reached():
    bench = Bench()
    bench.panel.turn(5, 0.5 + 1 / 600)
    assert not bench.apply()
    bench.panel.turn(5, 1 - 1 / 600)
    bench.apply()
    bench.panel.turn(5, 1.0)
    assert bench.apply()
    assert bench.player.timbre[0] == 1.0


def test_panel_at_rest_leaves_the_blend_to_midi():
    bench = Bench()
    MidiMap(bench.player).control_change(0, 1, 127)
    assert not bench.apply()
    assert bench.player.blend.tolist() == [0, 0, 1]


def test_pitch_input_has_no_hysteresis_a_fifth_of_a_cent_is_heard():
    bench = Bench()
    bench.panel.raise_gate()
    bench.apply()
    assert bench.player.controls().note[0] == 60
    bench.volts["V_OCT"] += 1 / 6000
    assert bench.apply()
    assert bench.player.controls().note[0] == pytest.approx(60.002, abs=1e-4)


def test_note_of_a_gate_begins_at_the_pitch_that_came_with_it():
    bench = Bench()
    bench.volts["V_OCT"] = 3.0
    bench.panel.raise_gate()
    assert bench.apply()
    assert bench.player.controls().note[0] == 72
    bench.panel.drop_gate()
    bench.apply()
    assert bench.player.held == 0


def test_gate_shorter_than_a_reading_still_strikes():
    bench = Bench()
    bench.panel.raise_gate("TRIG_IN")
    bench.panel.drop_gate("TRIG_IN")
    bench.apply()
    assert bench.player.controls().onset[0] == 1


@pytest.mark.parametrize("jack", ["GATE_IN", "TRIG_IN"])
def test_note_of_a_jack_says_when_its_edge_was_and_that_of_a_key_does_not(jack):
    bench = Bench()
    bench.player.note_on(40, 1.0)
    bench.panel.raise_gate(jack, time_s=12.5)
    bench.apply()
    assert bench.player.controls().onset_s.tolist() == [0.0, 12.5]


def test_voltages_move_timbre_and_what_they_are_assigned_to():
    bench = Bench()
    bench.map.targets = CvTargets(cv_1=CvTarget.MORPH, cv_2=CvTarget.LEVEL, cv_3=CvTarget.WEIGHT_2)
    bench.volts |= {"CV_X": 2.5, "CV_Y": -2.5, "CV_2": -2.5}
    assert bench.apply()
    controls = bench.player.controls()
    np.testing.assert_allclose(controls.timbre[0], [1.0, 0.0])
    assert controls.loudness_db[0] == pytest.approx(-20)
    bench.volts["CV_1"] = 5.0
    bench.apply()
    assert bench.player.blend.tolist() == [0, 0, 1]
    bench.volts |= {"CV_1": 0.0, "CV_3": 5.0}
    bench.apply()
    np.testing.assert_allclose(bench.player.blend, [0.5, 0.5, 0])


def test_a_voltage_assigned_to_life_adds_200_percent_at_5_volts():
    bench = Bench()
    bench.map.targets = CvTargets(cv_1=CvTarget.LIFE)
    bench.volts["CV_1"] = 1.25
    assert bench.apply()
    assert bench.player.controls().life[0] == pytest.approx(1.5)
    bench.volts["CV_1"] = -5.0
    bench.apply()
    assert bench.player.controls().life[0] == 0.0
    bench.map.targets = CvTargets(cv_1=CvTarget.NONE)
    bench.apply()
    assert bench.player.controls().life[0] == 1.0


def velocity_at(bench, volts):
    """The velocity of the note that a rising gate strikes at so many volts."""
    bench.volts["CV_1"] = volts
    bench.panel.raise_gate()
    bench.apply()
    return float(bench.player.controls().velocity[0])


def test_velocity_rises_with_its_voltage_without_a_jump_and_an_open_jack_strikes_as_ever():
    bench = Bench()
    bench.map.targets = CvTargets(cv_1=CvTarget.VELOCITY)
    assert [velocity_at(bench, volts) for volts in (0.0, 0.03, -0.04)] == pytest.approx([0.8] * 3)
    ups = [velocity_at(bench, step / 50) for step in range(3, 251)]
    downs = [velocity_at(bench, step / 50) for step in range(250, -1, -1)]
    assert (ups[0], ups[-1], downs[-1]) == pytest.approx((0.012, 1.0, 1 / 127))
    assert all(0 <= later - earlier < 0.013 for earlier, later in pairwise(ups))
    assert all(0 <= earlier - later < 0.013 for earlier, later in pairwise(downs))


def test_input_that_is_assigned_anew_lets_go_of_what_it_moved_and_moves_the_other_at_once():
    bench = Bench()
    bench.map.targets = CvTargets(cv_1=CvTarget.LEVEL)
    bench.volts["CV_1"] = -2.5
    bench.apply()
    assert bench.player.controls().loudness_db[0] == pytest.approx(-20)
    bench.map.targets = CvTargets(cv_1=CvTarget.WEIGHT_2)
    bench.volts["CV_1"] = 5.0
    assert bench.apply()
    assert bench.player.controls().loudness_db[0] == 0
    np.testing.assert_allclose(bench.player.blend, [0.5, 0.5, 0])
    bench.map.targets = CvTargets(cv_1=CvTarget.NONE)
    bench.apply()
    np.testing.assert_allclose(bench.player.blend, [1, 0, 0])


def test_open_inputs_near_zero_and_noise_of_one_count_move_nothing():
    bench = Bench()
    bench.volts |= {"CV_X": 0.03, "CV_1": -0.04}
    assert not bench.apply()
    bench.volts["CV_X"] = 1.0
    assert bench.apply()
    bench.volts["CV_X"] = 1.003
    assert not bench.apply()


def test_knob_takes_hold_where_a_scene_left_its_value_and_not_before():
    bench = Bench()
    bench.player.set_timbre(0, 0.8)
    bench.map.pick_up()
    bench.panel.turn(5, 0.6)
    bench.apply()
    assert bench.player.timbre[0] == 0.8
    bench.panel.turn(5, 0.85)  # It has come by.
    bench.apply()
    assert bench.player.timbre[0] == 0.85


def test_shift_gives_three_knobs_another_function_without_a_jump_there_or_back():
    bench = Bench()
    bench.shift(down=True)
    bench.panel.turn(5, 0.2)
    bench.apply()
    assert bench.player.glide_s == 0
    bench.panel.turn(5, 0.0)
    bench.apply()
    bench.panel.turn(5, 0.5)
    bench.apply()
    assert bench.player.glide_s == 0.5
    bench.shift(down=False)
    bench.panel.turn(5, 0.3)
    bench.apply()
    assert bench.player.timbre[0] in (0.5, 0.3)
    assert bench.player.glide_s == 0.5


def test_short_long_and_paired_pushes_are_told_once_each():
    buttons = Buttons()
    buttons.edge(Edge("SAVE", True, 0.0))
    assert buttons.tick(0.1) == []
    assert buttons.edge(Edge("SAVE", False, 0.2)) == [Push("SAVE")]
    buttons.edge(Edge("ENC_SW", True, 1.0))
    assert buttons.tick(1.0 + LONG_S) == [Push("ENC_SW", long=True)]
    assert buttons.tick(3.0) == []
    assert buttons.edge(Edge("ENC_SW", False, 3.1)) == []
    buttons.edge(Edge("SHIFT", True, 4.0))
    assert buttons.shift
    buttons.edge(Edge("SAVE", True, 4.1))
    assert buttons.tick(4.1 + LONG_S) == []
    assert buttons.tick(4.1 + PAIR_S) == [Push("SHIFT+SAVE", long=True)]
    assert buttons.tick(9.0) == []
    assert buttons.edge(Edge("SAVE", False, 9.0)) == []
    assert buttons.edge(Edge("SHIFT", False, 9.1)) == []
    assert not buttons.shift


def test_bouncing_contact_is_one_push():
    buttons, pushes = Buttons(), []
    for index, high in enumerate((True, False, True, False, True)):
        pushes += buttons.edge(Edge("SAVE", high, 1.0 + index * 0.001))
    pushes += buttons.edge(Edge("SAVE", False, 1.2))
    assert pushes == [Push("SAVE")]


@pytest.mark.parametrize("held_s", [0.0005, 0.0049])
@pytest.mark.parametrize("name", ["SAVE", "ENC_SW", "SHIFT"])
def test_button_that_is_tapped_faster_than_it_bounces_is_one_push_and_is_not_held(name, held_s):
    buttons = Buttons()
    pushes = [*buttons.edge(Edge(name, True, 1.0)), *buttons.edge(Edge(name, False, 1.0 + held_s))]
    pushes += [push for tick in range(4000) for push in buttons.tick(1.001 + tick / 1000)]
    assert pushes == [Push(name)]
    assert not buttons.shift
    assert buttons.edge(Edge(name, True, 6.0)) == []
    assert buttons.edge(Edge(name, False, 6.1)) == [Push(name)]


def test_contact_that_bounces_as_it_opens_ends_the_push_once():
    buttons, pushes = Buttons(), []
    for time_s, high in ((1.0, True), (1.2, False), (1.201, True), (1.202, False)):
        pushes += buttons.edge(Edge("SAVE", high, time_s))
    pushes += [push for tick in range(2000) for push in buttons.tick(1.21 + tick / 1000)]
    assert pushes == [Push("SAVE")]


SOUND = Sounding(level_db=-30.0, note=60.0, blend=(0.25, 0.75), place=0.75, held=True, pulses=0)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (Source.NONE, 0),
        (Source.ENVELOPE, 4),
        (Source.MORPH, 6),
        (Source.PITCH, 2),
        (Source.WEIGHT_2, 6),
        (Source.WEIGHT_5, 0),
    ],
)
def test_outputs_carry_what_they_are_assigned(source, expected):
    assert output_volts(source, SOUND) == pytest.approx(expected)


def test_gate_output_follows_keys_or_makes_one_pulse_of_each_of_the_clock():
    gate = GateOut()
    assert gate.level(GateSource.GATE, SOUND, 0.0)
    later = Sounding(-30.0, 60.0, (1.0,), 0.0, held=False, pulses=1)
    assert gate.level(GateSource.CLOCK, later, 1.0)
    assert gate.level(GateSource.CLOCK, later, 1.0 + PULSE_S / 2)
    assert not gate.level(GateSource.CLOCK, later, 1.0 + PULSE_S)
    assert not gate.level(GateSource.GATE, later, 2.0)


def test_clock_jack_counts_pulses_on_its_rises():
    bench = Bench()
    for _ in range(3):
        bench.panel.raise_gate("CLOCK_IN")
        bench.apply()
        bench.panel.drop_gate("CLOCK_IN")
        bench.apply()
    assert bench.player.clock.pulses == 3
