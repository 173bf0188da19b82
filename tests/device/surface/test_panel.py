"""The instrument at its panel: buttons, encoder, jacks, display and LEDs together."""

from __future__ import annotations

import random
from functools import partial

import pytest
from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.panel.fake import FakePanel
from tombola_device.hal.panel.memory import FakeMemory
from tombola_device.hal.panel.pins import load_pin_map
from tombola_device.play.midi_map import TARGETS
from tombola_device.play.voices import VoiceMode
from tombola_device.surface.calibration import load_calibration, save_calibration
from tombola_device.surface.oled.menu import AWAY_S, Page
from tombola_device.surface.routing import Assignments, Source
from tombola_device.surface.scenes import Settings
from tombola_device.surface.volts import Calibration, Line


def words(bench):
    """What lies over the page."""
    return bench.view.notice or bench.view.learning


def test_holding_shift_and_save_opens_the_instrument_for_an_owner(make_bench):
    bench = make_bench()
    bench.hold("SHIFT", "SAVE", seconds=2.8)
    assert bench.house.asked == []
    bench.hold("SHIFT", "SAVE", seconds=3.2)
    assert bench.house.asked == ["enrol"]


def test_scene_is_kept_and_recalled_at_the_panel_and_knobs_pick_it_up(make_bench):
    bench = make_bench()
    bench.hold("SAVE")
    bench.panel.turn(0, 0.0)
    bench.panel.turn(1, 1.0)
    bench.run(0.3)
    assert bench.player.blend.tolist() == [0, 1, 0, 0]
    bench.hold("ENC_SW")
    bench.hold("ENC_SW")
    assert bench.player.blend.tolist() == [1, 0, 0, 0]
    bench.panel.turn(1, 0.9)
    bench.run(0.3)
    assert bench.player.blend.tolist() == [1, 0, 0, 0]


def test_pitch_is_calibrated_at_the_panel_and_kept(make_bench):
    bench = make_bench()
    pin = load_pin_map().adc["V_OCT"]
    span = pin.volts_at_full - pin.volts_at_zero

    def share(volts):
        return (1.01 * volts + 0.03 - pin.volts_at_zero) / span

    bench.go(Page.CALIBRATE)
    bench.hold("ENC_SW")
    for volts in (1.0, 3.0):
        bench.panel.patch("V_OCT", share(volts))
        bench.hold("ENC_SW")
        bench.run(0.4)
    bench.hold("ENC_SW")
    assert bench.voltmeter.of("V_OCT", share(5.0)) == pytest.approx(5.0, abs=1e-4)
    assert bench.memory.image[:4] == b"TCAL"


def test_memory_that_does_not_answer_when_it_is_calibrated_is_said_and_the_music_goes_on(make_bench):
    class Failing(FakeMemory):
        gone = False

        def read(self):
            if self.gone:
                raise DeviceUnavailable("the EEPROM does not answer")
            return super().read()

    bench = make_bench(memory=Failing())
    bench.memory.gone = True
    bench.go(Page.CALIBRATE)
    bench.hold("ENC_SW")
    line = load_pin_map().adc["V_OCT"]
    for volts in (1.0, 3.0):
        bench.panel.patch("V_OCT", (volts - line.volts_at_zero) / (line.volts_at_full - line.volts_at_zero))
        bench.hold("ENC_SW")
        bench.run(0.4)
    bench.hold("ENC_SW")
    assert words(bench) == "the EEPROM does not answer"


def test_output_is_calibrated_at_the_panel_by_the_pitch_input_which_comes_first(make_bench):
    bench = make_bench()
    bench.go(Page.CALIBRATE)
    bench.panel.click(2)
    bench.run(0.01)
    bench.hold("ENC_SW")
    assert words(bench) == "calibrate V/OCT first: it measures the outputs"
    pitch = Line(7.2, -3.5)
    save_calibration(bench.memory, Calibration({"V_OCT": pitch}))
    bench.voltmeter.calibrate(load_calibration(bench.memory)[0])
    true = Line(-2.1, 8.1)
    bench.hold("ENC_SW")
    bench.hold("ENC_SW", seconds=0.03)
    for _ in range(200):
        bench.panel.patch("V_OCT", pitch.share(true.volts(bench.panel.out["CV_B"])))
        bench.run(0.005)
    assert "mV off" in bench.view.calibration
    bench.hold("ENC_SW")
    assert words(bench) == "calibrated"
    kept = load_calibration(bench.memory)[0].lines
    assert kept["V_OCT"] == pitch
    assert kept["CV_B"].volts(0.0) == pytest.approx(-2.1, abs=0.01)
    assert kept["CV_B"].volts(1.0) == pytest.approx(8.1, abs=0.01)
    assert "CV_A" not in kept
    bench.settings.settings = Settings(outputs=Assignments(cv_b=Source.PITCH))
    bench.run(0.1)
    assert true.volts(bench.panel.out["CV_B"]) == pytest.approx(2.0, abs=0.01)  # Note 60.


def test_settings_are_chosen_at_the_panel_and_kept(make_bench):
    bench = make_bench()
    bench.go(Page.SETTINGS)
    bench.hold("ENC_SW")
    bench.panel.click(1)
    bench.run(0.01)
    assert bench.player.voice_mode is VoiceMode.MONO
    bench.hold("ENC_SW")
    bench.panel.click(2)
    bench.run(0.01)
    bench.hold("ENC_SW")
    bench.panel.click(5)
    bench.run(0.01)
    assert bench.player.life == 1.5
    bench.hold("ENC_SW")
    bench.panel.click(1)
    bench.run(0.01)
    bench.hold("ENC_SW")
    bench.panel.click(5)
    bench.run(0.01)
    assert make_bench().midi_map.settings.channel == 5


def test_controller_is_taught_at_the_panel_said_kept_and_forgotten(make_bench):
    bench = make_bench()
    bench.go(Page.SETTINGS)
    bench.choose("learn", "timbre x")
    assert words(bench) == "timbre x"
    bench.midi_map.receive((0xB0, 21, 127))
    bench.run(0.1)
    assert words(bench) == "CC 21 → timbre x"
    assert bench.player.timbre[0] == 1.0
    bench.choose("learn", "level")
    bench.midi_map.receive((0xB0, 22, 127))
    bench.run(0.1)
    again = make_bench()
    assert again.midi_map.settings.learnt == {21: "timbre x", 22: "level"}
    again.midi_map.receive((0xB0, 21, 0))
    assert again.player.timbre[0] == 0.0
    again.go(Page.SETTINGS)
    again.choose("forget", "21 timbre x")
    assert words(again) == "CC 21 timbre x: forgotten"
    again.choose("forget", "all")
    assert words(again) == "all forgotten"
    last = make_bench()
    assert last.midi_map.settings.learnt == {}
    last.go(Page.SETTINGS)
    last.choose("forget", "·")


def test_teaching_ends_by_a_touch_by_time_and_by_leaving(make_bench):
    bench = make_bench()
    for end in ("push", "turn", "long", "time"):
        bench.go(Page.SETTINGS)
        bench.choose("learn", TARGETS[1])
        assert bench.midi_map.learning == TARGETS[1]
        if end == "push":
            bench.hold("ENC_SW")
        elif end == "turn":
            bench.panel.click(1)
            bench.run(0.1)
        elif end == "long":
            bench.hold("ENC_SW", seconds=1.5)
        else:
            bench.run(AWAY_S + 0.1)
        bench.midi_map.receive((0xB0, 21, 127))
        assert bench.midi_map.settings.learnt == {}, end
        bench.hold("ENC_SW", seconds=1.5)


def test_what_was_taught_is_not_lost_when_another_setting_changes_and_a_full_disk_is_said(make_bench, tmp_path):
    bench = make_bench()
    bench.go(Page.SETTINGS)
    bench.choose("learn", "morph")
    bench.midi_map.receive((0xB0, 21, 0))
    bench.run(0.1)
    bench.choose("velocity", "hard")
    assert make_bench().midi_map.settings.learnt == {21: "morph"}
    (tmp_path / "settings.json.new").mkdir()
    bench.choose("learn", "level")
    bench.midi_map.receive((0xB0, 22, 0))
    bench.run(0.1)
    assert "settings.json cannot be kept" in words(bench)
    assert bench.midi_map.settings.learnt == {21: "morph", 22: "level"}


def test_damaged_settings_are_said_on_the_display(make_bench, tmp_path):
    (tmp_path / "settings.json").write_bytes(b"?")
    assert words(make_bench()) == "the settings are damaged; set them again"


def test_expressive_keys_are_switched_on_and_off_at_the_panel_and_kept(make_bench):
    bench = make_bench()
    bench.go(Page.SETTINGS)
    bench.choose("MPE keys", "7")
    assert bench.midi_map.members == 7
    again = make_bench()
    assert again.midi_map.members == 7
    for message_ in ((0xB0, 101, 0), (0xB0, 100, 6), (0xB0, 6, 15)):
        again.midi_map.receive(message_)
    again.run(0.01)
    again.go(Page.SETTINGS)
    again.choose("MPE keys", "off")
    assert not again.midi_map.mpe
    assert not make_bench().midi_map.mpe


def test_outputs_leds_and_display_follow(make_bench):
    bench = make_bench()
    bench.level_db = -30.0
    bench.panel.raise_gate("GATE_IN", bench.now_s)
    bench.run(0.1)
    assert bench.panel.gate
    range_of_cv = load_pin_map().dac["CV_A"]
    span = range_of_cv.volts_at_full - range_of_cv.volts_at_zero
    assert bench.panel.out["CV_A"] == pytest.approx((4.0 - range_of_cv.volts_at_zero) / span)
    assert bench.chip.light[load_pin_map().leds[0].green] == 1.0
    assert bench.display.images
    bench.console.close()
    assert bench.display.closed
    assert bench.chip.light == [0.0] * 16


def test_any_handling_of_the_panel_leaves_it_at_work(make_bench):
    rng, bench = random.Random(5), make_bench()
    for _ in range(150):
        name = rng.choice(["ENC_SW", "SHIFT", "SAVE", "GATE_IN", "TRIG_IN"])
        rng.choice([bench.panel.raise_gate, bench.panel.drop_gate])(name, bench.now_s)
        bench.panel.click(rng.randint(-3, 3))
        bench.panel.turn(rng.randrange(8), rng.random())
        bench.run(rng.choice([0.003, 0.05]))
    assert all(image.size == (128, 64) for image in bench.display.images)


def test_power_that_fails_mutes_drops_the_gate_and_writes_nothing(make_bench, tmp_path):
    bench = make_bench()
    bench.panel.raise_gate("GATE_IN", bench.now_s)
    bench.run(0.1)
    assert (bench.panel.muted, bench.panel.gate) == (False, True)
    disk, memory = sorted(tmp_path.rglob("*")), bytes(bench.memory.image)
    bench.panel.fail_power()
    bench.run(0.1)
    assert (bench.panel.muted, bench.panel.gate) == (True, False)
    assert (sorted(tmp_path.rglob("*")), bytes(bench.memory.image)) == (disk, memory)
    bench.panel.restore_power()
    bench.run(0.1)
    assert (bench.panel.muted, bench.panel.gate) == (False, True)


@pytest.mark.parametrize("seconds", [0.001, 1.0])
def test_converters_that_fail_never_mute_and_buttons_and_outputs_go_on(make_bench, seconds):
    bench = make_bench()
    assert not bench.panel.muted
    bench.panel.unplug()
    bench.panel.raise_gate("GATE_IN", bench.now_s)
    bench.run(seconds)
    assert (bench.panel.muted, bench.player.held) == (False, 1)
    bench.panel.drop_gate("GATE_IN", bench.now_s)
    bench.hold("SHIFT", "SAVE", seconds=3.2)
    assert bench.house.asked == ["enrol"]
    assert bench.player.held == 0
    assert bench.console.panel_name == "a fake (the fake is unplugged; plug it in)"
    bench.panel.plug_in()
    bench.panel.patch("CV_X", 0.0)
    bench.run(0.1)
    assert bench.console.panel_name == "a fake"
    assert bench.player.controls().timbre[0, 0] == 1.0


def test_output_pins_that_fail_are_told_again(make_bench, caplog):
    bench = make_bench()
    bench.panel.stick()
    bench.healthy = False
    bench.panel.raise_gate("GATE_IN", bench.now_s)
    bench.run(0.1)
    assert (bench.panel.muted, bench.panel.gate) == (False, False)
    bench.panel.loosen()
    bench.run(0.1)
    assert (bench.panel.muted, bench.panel.gate) == (True, True)
    assert caplog.text.count("the fake's pins are stuck; loosen them") == 1


def test_each_row_of_the_free_inputs_sets_the_input_of_its_numeral(make_bench):
    bench = make_bench()
    for name, word in (("CV I", "weight 1"), ("CV II", "weight 2"), ("CV III", "weight 3")):
        bench.settings.choose(name, word)
    inputs = bench.settings.settings.inputs
    assert [inputs.cv_1.value, inputs.cv_2.value, inputs.cv_3.value] == ["weight 1", "weight 2", "weight 3"]


def test_player_is_told_when_a_computer_comes_or_goes_but_not_what_was_there_at_the_start(make_bench):
    bench = make_bench()
    bench.panel.plug_usb()
    bench.run(0.1)
    assert bench.view.notice == "a computer is plugged in"
    bench.run(10.0)
    assert bench.view.notice == ""
    bench.panel.unplug_usb()
    bench.run(0.1)
    assert bench.view.notice == "the computer was unplugged"
    bench.panel.plug_usb()
    bench.run(0.005)
    bench.panel.unplug_usb()  # The contacts bounce.
    bench.run(10.0)
    assert bench.view.notice == ""


def test_computer_that_is_there_when_the_instrument_starts_is_no_news(make_bench, monkeypatch):
    names = make_bench.func.__init__.__globals__
    monkeypatch.setitem(names, "FakePanel", partial(FakePanel, _usb=True))
    bench = make_bench()
    assert bench.panel.read().usb
    assert bench.view.notice == ""
