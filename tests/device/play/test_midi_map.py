"""Effects of MIDI messages on the player."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.words import MAX_WORDS, Stop, Word
from tombola_device.play import midi_map
from tombola_device.play.clock import MidiClock
from tombola_device.play.midi_map import MidiMap, MidiSettings, glide_s
from tombola_device.play.player import Player
from tombola_device.play.voices import VoiceMode


class Played(Player):
    """A player and its MIDI map."""

    def __init__(self, modes, voices):
        super().__init__(modes, voices)
        self.midi_map = MidiMap(self)

    def midi(self, *message, time_s=0.0):
        self.midi_map.receive(message, time_s)


def send(player: Played, *messages: str) -> None:
    for message in messages:
        player.midi(*bytes.fromhex(message))


def test_only_the_chosen_channel_is_heard():
    player = Played(1, 4)
    player.midi_map.settings = MidiSettings(channel=3)
    send(player, "90 3c 40", "92 40 40")
    assert player.held == 1
    assert player.controls().note[0] == 64


@pytest.mark.parametrize(("curve", "expected"), [("soft", 0.5), ("linear", 0.25), ("hard", 0.0625)])
def test_velocity_follows_its_curve(curve, expected):
    player = Played(1, 1)
    player.midi_map.settings = MidiSettings(velocity_curve=curve)
    player.midi(0x90, 60, 32)
    assert player.controls().velocity[0] == pytest.approx(expected, abs=0.01)


def test_range_of_the_wheel_is_set_by_parameter_0_in_semitones_and_cents():
    player = Played(1, 1)
    send(player, "b0 65 00", "b0 64 00", "b0 06 0c", "b0 26 32", "e0 7f 7f")
    assert player.controls().bend_semitones[0] == pytest.approx(12.5)
    send(player, "b0 65 7f", "b0 64 7f", "b0 06 02", "e0 7f 7f")
    assert player.controls().bend_semitones[0] == pytest.approx(12.5)


def test_data_for_an_unknown_parameter_changes_nothing():
    player = Played(1, 1)
    send(player, "b0 65 00", "b0 64 00", "b0 63 01", "b0 62 02", "b0 06 18", "e0 7f 7f")
    assert player.controls().bend_semitones[0] == 2


def test_mono_and_poly_messages_choose_the_mode_and_end_all_notes():
    player = Played(1, 4)
    send(player, "90 3c 40", "b0 7e 01")
    assert (player.voice_mode, player.held) == (VoiceMode.MONO, 0)
    send(player, "b0 7f 00")
    assert player.voice_mode is VoiceMode.POLY


def test_portamento_has_a_time_and_a_switch():
    player = Played(1, 1)
    send(player, "b0 05 7f")
    assert player.controls().glide_s[0] == pytest.approx(5.0)
    send(player, "b0 41 00")
    assert player.controls().glide_s[0] == 0
    assert (glide_s(0), glide_s(1)) == (0.0, 0.005)


def test_pressure_on_one_key_is_heard_in_its_voice_alone():
    player = Played(1, 2)
    send(player, "90 3c 40", "90 40 40", "a0 40 7f")
    assert player.controls().loudness_db.tolist() == [0, 6]


def test_controller_is_learnt_kept_and_forgotten():
    player = Played(3, 1)
    player.midi_map.learn("morph")
    send(player, "b0 2c 7f")
    assert player.blend.tolist() == [0, 0, 1]
    kept = player.midi_map.settings
    assert kept.learnt == {44: "morph"}
    other = Played(3, 1)
    other.midi_map.settings = kept
    send(other, "b0 2c 00")
    assert other.blend.tolist() == [1, 0, 0]
    other.midi_map.forget([44])
    send(other, "b0 2c 7f")
    assert other.blend.tolist() == [1, 0, 0]


@pytest.mark.parametrize("controller", [6, 101, 120, 123])
def test_channel_mode_and_parameter_controllers_are_not_learnt(controller):
    player = Played(3, 1)
    player.midi_map.learn("level")
    player.midi(0xB0, controller, 0)
    assert player.midi_map.settings.learnt == {}


def test_every_target_can_be_learnt():
    for target in midi_map.TARGETS:
        player = Played(16, 1)
        player.set_modes(16, (), [Word(f"w{n}", [Stop([1.0] * 16, 0.1 * n, 0.5, 1.0)] * 2) for n in range(MAX_WORDS)])
        before = player.controls()
        player.midi_map.learn(target)
        player.midi(0xB0, 50, 100)
        after = player.controls()
        same = all(np.array_equal(getattr(before, name), getattr(after, name)) for name in type(before).__slots__)
        assert same == (target == "weight 1"), target  # This mode already has the whole weight.


@pytest.mark.parametrize("controller", midi_map.CC_LIFE)
def test_life_is_as_recorded_at_64_and_still_at_0(controller):
    player = Played(1, 2)
    assert player.controls().life.tolist() == [1.0, 1.0]
    for value, life in ((0, 0.0), (64, 1.0), (127, 2.0), (32, 0.5)):
        player.midi(0xB0, controller, value)
        assert player.controls().life.tolist() == [life, life]


def test_each_mpe_key_has_its_own_bend_pressure_and_slide():
    player = Played(1, 4)
    send(player, "b0 65 00", "b0 64 06", "b0 06 0f")
    assert player.midi_map.mpe
    send(player, "91 3c 40", "92 40 40", "e1 7f 7f", "d2 7f", "b2 4a 7f")
    controls = player.controls()
    assert controls.bend_semitones.tolist() == [48, 0, 0, 0]
    assert controls.loudness_db[:2].tolist() == [0, 6]
    assert controls.timbre[:2, 0].tolist() == [0.5, 1.0]
    send(player, "e0 00 00")  # The master's wheel moves all keys.
    assert player.controls().bend_semitones[:2].tolist() == [46, -2]
    send(player, "81 3c 00")
    assert player.held == 1
    send(player, "b0 65 00", "b0 64 06", "b0 06 00")
    assert not player.midi_map.mpe
    assert player.held == 0


def test_upper_zone_is_set_up_on_channel_16_and_takes_its_channels_from_the_lower():
    player = Played(1, 4)
    send(player, "b0 65 00", "b0 64 06", "b0 06 0f", "bf 65 00", "bf 64 06", "bf 06 04")
    assert player.midi_map.members == 10
    send(player, "9e 3c 40", "ee 7f 7f", "91 40 40", "e1 00 00")
    assert player.controls().bend_semitones[:2].tolist() == [48, -48]
    send(player, "ef 00 00")  # The master of the upper zone.
    assert player.controls().bend_semitones[:2].tolist() == [46, -50]


def test_upper_zone_alone_has_channel_1_among_its_keys():
    player = Played(1, 4)
    send(player, "bf 65 00", "bf 64 06", "bf 06 0f", "90 3c 40", "91 40 40", "e0 7f 7f")
    assert player.controls().bend_semitones.tolist() == [48, 0, 0, 0]


def test_channel_outside_the_zones_is_ordinary_and_only_masters_set_zones_up():
    player = Played(1, 4)
    send(player, "b5 65 00", "b5 64 06", "b5 06 0f")
    assert not player.midi_map.mpe
    send(player, "b0 65 00", "b0 64 06", "b0 06 03", "93 3c 40", "94 40 40", "e4 7f 7f")
    assert player.controls().bend_semitones.tolist() == [2, 2, 2, 2]
    send(player, "e3 7f 7f")
    assert player.controls().bend_semitones.tolist() == [50, 2, 2, 2]


def test_zone_set_up_by_a_keyboard_survives_a_change_of_another_setting():
    player = Played(1, 4)
    send(player, "b0 65 00", "b0 64 06", "b0 06 0f", "b0 65 00", "b0 64 00", "b0 06 0c")
    player.midi_map.settings = MidiSettings(velocity_curve="hard")
    assert player.midi_map.members == 15
    send(player, "90 3c 40", "e0 7f 7f")
    assert player.controls().bend_semitones[0] == 12


def test_unknown_target_is_ignored():
    player = Played(3, 1)
    player.midi_map.settings = MidiSettings(learnt={1: "telegraph"})
    send(player, "b0 01 7f")
    assert player.blend.tolist() == [0, 0, 1]


def test_same_key_on_two_channels_of_a_zone_is_two_notes():
    player = Played(1, 4)
    send(player, "b0 65 00", "b0 64 06", "b0 06 0f", "91 3c 40", "92 3c 40")
    assert player.held == 2
    send(player, "81 3c 00")
    assert player.held == 1


def test_reset_ends_everything():
    player = Played(1, 2)
    send(player, "90 3c 40", "e0 7f 7f", "ff")
    controls = player.controls()
    assert not controls.gate.any()
    assert controls.bend_semitones[0] == 0


def test_clock_tells_the_tempo_and_gives_a_pulse_every_sixteenth_note_while_it_runs():
    clock = MidiClock()
    for tick in range(48):
        clock.tick(tick * 60 / 120 / 24)
    assert clock.tempo_bpm(0.99) == pytest.approx(120)
    assert clock.pulses == 0
    clock.start()
    for tick in range(48, 97):
        clock.tick(tick * 60 / 120 / 24)
    assert clock.pulses == 9
    clock.stop()
    clock.tick(97 / 48)
    assert clock.pulses == 9
    assert clock.tempo_bpm(97 / 48 + 1.0) == 0


def test_tempo_is_measured_anew_after_a_pause_of_the_clock():
    clock = MidiClock()
    for tick in range(30):
        clock.tick(tick / 48)
    for tick in range(30):
        clock.tick(10 + tick / 24)
    assert clock.tempo_bpm(10 + 29 / 24) == pytest.approx(60)


def test_clock_reaches_the_player_through_its_messages():
    player = Played(1, 1)
    player.midi(0xFA)
    for tick in range(24):
        player.midi(0xF8, time_s=tick / 48)
    assert player.clock.running
    assert player.clock.pulses == 4
    player.midi(0xFC)
    assert not player.clock.running


@settings(max_examples=200)
@given(st.lists(st.lists(st.integers(0, 255), max_size=4), max_size=80))
def test_random_bytes_do_no_harm_and_reset_leaves_silence(messages):
    player = Played(3, 4)
    for message in messages:
        player.midi(*message)
        player.controls()
    player.midi(0xFF)
    assert not player.controls().gate.any()


def test_chart_in_the_documents_names_every_controller():
    chart = (Path(__file__).parents[3] / "docs" / "midi.md").read_text()
    listed: set[int] = set()
    for row in re.findall(r"^\| CC ([\d … ,]+)\|", chart, re.MULTILINE):
        for part in row.split(","):
            ends = [int(number) for number in part.split("…")]
            listed |= set(range(ends[0], ends[-1] + 1))
    known = {1, 5, 64, 65, 66, 6, 38, 100, 101, 120, 121, 126, 127, 98, 99}
    known |= {
        *midi_map.CC_LOUDNESS,
        *midi_map.CC_TIMBRE_X,
        *midi_map.CC_TIMBRE_Y,
        *midi_map.CC_LIFE,
        *midi_map.CC_WEIGHTS,
        *midi_map.CC_WORDS,
        *midi_map.CC_NOTES_OFF,
    }
    assert listed == known
    for target in ("morph", "life", "timbre x", "timbre y", "level", "glide", "weight 1", "word 1"):
        assert f"`{target}`" in chart


def test_clock_jack_makes_tempo_and_pulses_and_has_priority_over_midi():
    clock = MidiClock()
    clock.start()
    for step in range(9):
        clock.pulse(10.0 + step * 0.125)
    assert clock.pulses == 9
    assert clock.tempo_bpm(11.0) == pytest.approx(120.0)
    for step in range(24):
        clock.tick(11.0 + step / 48)
    assert clock.pulses == 9  # MIDI arrives, but the jack has priority.
    for step in range(24):
        clock.tick(20.0 + step / 48)
    assert clock.pulses == 13  # Without the cable MIDI counts again.
    assert clock.tempo_bpm(20.5) == pytest.approx(120.0)
