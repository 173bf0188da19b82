"""Pages, menu, LEDs, display and scenes."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.errors import DeviceUnavailable, StoreError
from tombola_device.disk.files import DiskFiles
from tombola_device.hal.panel.display import FakeDisplay, LumaDisplay
from tombola_device.hal.panel.fake import FakePanel
from tombola_device.hal.panel.i2c import FakeI2c
from tombola_device.hal.panel.leds import FakePca9685, Leds
from tombola_device.hal.panel.memory import FakeMemory
from tombola_device.hal.panel.pins import load_pin_map
from tombola_device.play.midi_map import TARGETS, MidiSettings
from tombola_device.play.player import BlendMode, Player
from tombola_device.play.voices import VoiceMode
from tombola_device.surface.buttons import Push
from tombola_device.surface.calibration import Calibration, Line, Voltmeter, load_calibration, save_calibration
from tombola_device.surface.inputs import Inputs
from tombola_device.surface.oled.canvas import fitted, wrapped
from tombola_device.surface.oled.leds import levels
from tombola_device.surface.oled.menu import AWAY_S, Choose, Do, Menu, MorphBy, Page, RecallScene, SaveScene
from tombola_device.surface.oled.pages import boot_picture, draw
from tombola_device.surface.outputs import Assignments, Sounding, Source
from tombola_device.surface.scenes import Scene, SceneStore, Settings, capture, recall
from tombola_device.surface.surface import Front
from tombola_device.surface.view import Option, View

PIL = pytest.importorskip("PIL.Image", reason="pillow is not installed")
PICTURES = Path(__file__).parents[3] / "docs" / "pictures" / "pages"
VIEW = View(
    bundle="quartet",
    modes=("saxophone", "harp", "bells", "violin"),
    blend=(0.1, 0.62, 0.0, 0.28),
    peak_db=-14.0,
    load=0.31,
    sounding=3,
    voices=4,
    tempo_bpm=122.0,
    scenes=("harp+violin", "bells", "", "saxophone", *("",) * 12),
    previous="strings",
    owners=1,
    pitch_volts=1.002,
    options=(
        Option("voices", ("poly", "mono"), 0),
        Option("blend keys", ("together", "held", "turns"), 1),
        Option("MIDI channel", ("all", "1"), 0),
        Option("CV 1", ("morph", "level"), 0),
    ),
    about=("tombola 0.1.0", "latency 13.1 ms", "at most 14.9 ms", "CC BY 4.0"),
)


def at(page: Page, view: View = VIEW, *turns: int) -> Menu:
    menu = Menu()
    menu.turn(list(Page).index(page), view, 0.0, shift=True)
    for steps in turns:
        menu.turn(steps, view, 0.0, shift=False)
    return menu


SHOWN = {
    "play": (VIEW, at(Page.PLAY)),
    "scenes": (VIEW, at(Page.SCENES, VIEW, 1)),
    "settings": (VIEW, at(Page.SETTINGS, VIEW, 1)),
    "learn": (View(modes=("harp",), options=VIEW.options, learning="timbre x"), at(Page.SETTINGS, VIEW, 1)),
    "calibrate": (View(pitch_volts=1.002, calibration="patch 3 V into V/OCT, then push"), at(Page.CALIBRATE)),
    "slots": (VIEW, at(Page.SLOTS, VIEW, 2)),
    "about": (VIEW, at(Page.ABOUT)),
    "flashing": (View(bundle="quartet", modes=("harp",), blend=(1.0,), flashing=0.6), at(Page.PLAY)),
    "message": (View(modes=("harp",), blend=(1.0,), lost=True), at(Page.PLAY)),
}


def picture(name: str):
    if name == "boot":
        return boot_picture("0.1.0")
    return draw(*SHOWN[name])


@pytest.mark.parametrize("name", [*SHOWN, "boot"])
def test_page_looks_as_in_the_manual(name, tmp_path):
    """The pictures of the manual are made here: run with TOMBOLA_DRAW=1 to make them anew."""
    import os

    image = picture(name).convert("L").resize((512, 256), PIL.Resampling.NEAREST)
    path = PICTURES / f"{name}.png"
    if os.environ.get("TOMBOLA_DRAW"):
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
    assert PIL.open(path).convert("L").tobytes() == image.tobytes()


NAMES = st.text(min_size=1, max_size=64)
VIEWS = st.builds(
    lambda names, weights, scenes, message, calibration, flashing, peak_db: View(
        bundle=names[0],
        modes=tuple(names),
        blend=tuple(weights[: len(names)]),
        scenes=tuple(scenes),
        message=message,
        calibration=calibration,
        flashing=flashing,
        peak_db=peak_db,
        options=tuple(Option(name, (name, "x"), 0) for name in names),
        about=tuple(names),
    ),
    st.lists(NAMES, min_size=1, max_size=16),
    st.lists(st.floats(0, 1), min_size=16, max_size=16),
    st.lists(st.text(max_size=80), min_size=16, max_size=16),
    st.text(max_size=200),
    st.text(max_size=200),
    st.floats(-1, 1),
    st.floats(-80, 6),
)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("turn"), st.integers(-9, 9), st.booleans()),
        st.tuples(st.just("push"), st.sampled_from(["ENC_SW", "SAVE", "SHIFT", "SHIFT+SAVE"]), st.booleans()),
        st.tuples(st.just("wait"), st.integers(0, 40), st.booleans()),
    ),
    max_size=30,
)


@settings(max_examples=60)
@given(VIEWS, EVENTS)
def test_any_sequence_leaves_a_page_that_can_be_drawn_and_a_long_push_leads_home(view, events):
    menu, now_s = Menu(), 0.0
    for kind, value, flag in events:
        if kind == "turn":
            menu.turn(value, view, now_s, shift=flag)
        elif kind == "push":
            menu.push(Push(value, long=flag), view, now_s)
        else:
            now_s += value
            menu.tick(view, now_s)
        assert draw(view, menu).size == (128, 64)
    menu.push(Push("ENC_SW", long=True), view, now_s)
    assert menu.page is Page.PLAY


def test_every_page_is_one_movement_away():
    assert [at(page).page for page in Page] == list(Page)


def test_turning_on_the_play_page_walks_through_the_modes():
    assert Menu().turn(3, VIEW, 0.0, shift=False) == [MorphBy(3 / 48)]


def test_scenes_are_recalled_by_a_push_and_kept_by_save():
    menu = at(Page.SCENES, VIEW, 1)
    assert menu.push(Push("ENC_SW"), VIEW, 0.0) == [RecallScene(1)]
    menu.turn(1, VIEW, 0.0, shift=False)
    assert menu.push(Push("ENC_SW"), VIEW, 0.0) == []  # Nothing is there.
    assert menu.push(Push("SAVE"), VIEW, 0.0) == [SaveScene(2)]


def test_going_back_to_another_bundle_takes_two_pushes_and_a_turn_forgets_the_first():
    menu = at(Page.SLOTS)
    assert menu.push(Push("ENC_SW"), VIEW, 0.0) == []
    assert menu.asks
    assert menu.push(Push("ENC_SW"), VIEW, 0.0) == [Do.REVERT]
    menu.push(Push("ENC_SW"), VIEW, 0.0)
    menu.turn(1, VIEW, 0.0, shift=False)
    assert not menu.asks


def test_choice_that_does_something_waits_for_its_push_and_a_touch_ends_the_learning():
    view = View(options=(Option("learn", ("·", "morph", "level"), 0, waits=True),))
    menu = at(Page.SETTINGS, view)
    assert menu.push(Push("ENC_SW"), view, 0.0) == []
    assert menu.turn(2, view, 0.0, shift=False) == []
    assert menu.push(Push("ENC_SW"), view, 0.0) == [Choose(0, 2)]
    assert not menu.editing
    armed = View(options=view.options, learning="level")
    for touch in (menu.turn(1, armed, 0.0, shift=False), menu.push(Push("ENC_SW"), armed, 0.0)):
        assert touch == [Do.STOP_LEARNING]
    assert menu.push(Push("SAVE", long=True), armed, 0.0) == [Do.SILENCE]
    menu.push(Push("ENC_SW"), view, 0.0)
    assert menu.push(Push("ENC_SW"), view, 0.0) == []  # Nothing was chosen.


def test_play_page_comes_back_by_itself_but_not_out_of_the_wizard():
    menu = at(Page.ABOUT)
    menu.tick(VIEW, AWAY_S + 1)
    assert menu.page is Page.PLAY
    menu, wizard = at(Page.CALIBRATE), View(calibration="measuring")
    menu.tick(wizard, AWAY_S + 1)
    assert menu.page is Page.CALIBRATE
    assert menu.push(Push("ENC_SW", long=True), wizard, 30.0) == [Do.CANCEL]


def test_words_that_are_too_long_end_in_an_ellipsis():
    assert fitted("saxophone", 5) == "saxo…"
    assert wrapped("one two three four", 7, 2) == ["one two", "three …"]


def test_leds_show_weights_faults_load_and_progress():
    assert [green for _, green in levels(VIEW, 0.0)][1] > 0.3
    assert levels(VIEW, 0.0)[2] == (0.0, 0.0)
    assert levels(View(fault="x"), 0.0) == ((1.0, 0.0),) * 8
    assert levels(View(lost=True), 0.3) == ((0.0, 0.0),) * 8
    assert [red for red, _ in levels(View(flashing=0.5), 0.0)] == [1, 1, 1, 1, 0, 0, 0, 0]
    assert levels(View(slimmed=True), 0.0)[0] == (1.0, 0.0)
    trial = View(blend=(1.0,), confirmed=False)
    assert levels(trial, 0.0)[0][1] < levels(trial, 1.0)[0][1]


def test_led_driver_sets_its_rate_asleep_wakes_and_dims_each_channel():
    chip = FakePca9685()
    leds = Leds(FakeI2c({64: chip}), 64)
    assert chip.registers[0xFE] == 5
    assert not chip.registers[0] & 0x10
    leds.show([0.0, 1.0, 0.5, *[0.0] * 13])
    assert chip.counts[:4] == [0, 4095, 2048, 0]
    with pytest.raises(DeviceUnavailable, match="LEDs"):
        Leds(FakeI2c({}), 64)


def test_display_gets_each_picture_once_and_goes_dark():
    class Device:
        mode = "1"

        def __init__(self):
            self.shown, self.hidden = [], False

        def display(self, image):
            self.shown.append(image.tobytes())

        def hide(self):
            self.hidden = True

    device = Device()
    display = LumaDisplay(device)
    display.show(picture("play"))
    display.show(picture("play"))
    display.close()
    display.close()
    assert device.shown == [picture("play").tobytes()]
    assert device.hidden


def test_display_works_with_lumas_own_device():
    core = pytest.importorskip("luma.core.device", reason="luma.oled is not installed")
    device = core.dummy(width=128, height=64, mode="1")
    display = LumaDisplay(device)
    display.show(picture("play"))
    display.close()
    assert device.image.tobytes() == picture("play").tobytes()


# Scenes


def test_scene_brings_everything_back_and_finds_its_modes_by_name():
    player = Player(3, 2)
    player.set_blend([0.2, 0.0, 0.8])
    player.set_timbre(1, 0.9)
    player.glide(0.3)
    player.voice_mode, player.blend_mode = VoiceMode.LEGATO, BlendMode.HELD
    scene = capture(player, ["a", "b", "c"])
    other = Player(2, 2)
    recall(scene, other, ["c", "a"])
    assert other.blend.tolist() == pytest.approx([0.8, 0.2])
    assert other.timbre == (0.5, 0.9)
    assert (other.glide_s, other.voice_mode, other.blend_mode) == (0.3, VoiceMode.LEGATO, BlendMode.HELD)
    recall(scene, other, ["x", "y"])
    assert other.blend.tolist() == pytest.approx([0.8, 0.2])


def test_damaged_settings_and_those_of_another_version_are_said_and_the_defaults_hold(tmp_path):
    store = SceneStore(DiskFiles(), tmp_path)
    assert store.settings() == (Settings(), "")
    kept = Settings(midi=MidiSettings(channel=3, learnt={21: "timbre x"}, mpe_members=7))
    store.save_settings(kept)
    assert store.settings() == (kept, "")
    path = tmp_path / "settings.json"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"timbre x", b"timbre y"))
    assert store.settings() == (Settings(), "the settings are damaged; set them again")
    text = whole.rpartition(b"\n")[0].replace(b'"version":1', b'"version":2')
    path.write_bytes(text + f"\n{zlib.crc32(text):08x}".encode())
    assert store.settings()[0] == Settings()
    assert store.settings()[1]


def test_settings_that_were_kept_before_there_were_versions_are_read(tmp_path):
    text = b'{"midi":{"channel":5,"velocity_curve":"hard","bend_semitones":7.0,"learnt":{"44":"morph"}}}'
    (tmp_path / "settings.json").write_bytes(text + f"\n{zlib.crc32(text):08x}".encode())
    settings, said = SceneStore(DiskFiles(), tmp_path).settings()
    assert (settings.midi.channel, settings.midi.learnt, settings.midi.mpe_members, said) == (5, {44: "morph"}, 0, "")


def test_scenes_and_settings_are_kept_and_damage_loses_only_what_it_hits(tmp_path):
    store = SceneStore(DiskFiles(), tmp_path / "scenes")
    assert store.scene(0) is None
    for place in (0, 1):
        store.save_scene(place, Scene({"harp": 0.5 * place}))
    path = tmp_path / "scenes" / "scene-01.json"
    path.write_bytes(path.read_bytes().replace(b"harp", b"harq"))
    again = SceneStore(DiskFiles(), tmp_path / "scenes")
    assert again.scene(0) is None
    assert again.scene(1) == Scene({"harp": 0.5})
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="scene-01.json cannot be kept"):
        SceneStore(DiskFiles(), tmp_path / "file").save_scene(0, Scene({}))


# All together


class House:
    def __init__(self):
        self.asked = []

    def revert(self):
        self.asked.append("revert")
        return "going back"

    def allow_unsigned(self):
        self.asked.append("unsigned")
        return "ok"

    def enrol(self):
        self.asked.append("enrol")
        return "open"


class Bench:
    def __init__(self, folder):
        self.now_s, self.panel, self.player = 0.0, FakePanel(), Player(4, 2)
        self.inputs = Inputs(self.player, [], self.panel, clock=lambda: self.now_s)
        self.house, self.display, self.chip = House(), FakeDisplay(), FakePca9685()
        self.memory = FakeMemory()
        scenes, lights = SceneStore(DiskFiles(), folder), Leds(FakeI2c({64: self.chip}), 64)
        self.front = Front(
            self.player, self.inputs, scenes, self.memory, load_pin_map(), self.house, self.display, lights
        )
        self.level_db = -80.0
        for knob, position in enumerate((1.0, 0, 0, 0, 0, 0.5, 0.5, 1.0)):
            self.panel.turn(knob, position)
        self.run(0.05)

    def run(self, seconds):
        for _ in range(round(seconds * 1000)):
            self.now_s += 0.001
            self.inputs.poll()
            view = View(modes=VIEW.modes, blend=tuple(self.player.blend.tolist()))
            sounding = Sounding(self.level_db, 60.0, view.blend, self.player.place, self.player.held > 0, 0)
            self.front.poll(view, sounding, self.now_s)

    def hold(self, *names, seconds):
        for name in names:
            self.panel.raise_gate(name, self.now_s)
        self.run(seconds)
        for name in names:
            self.panel.drop_gate(name, self.now_s)
        self.run(0.02)

    def go(self, page):
        self.panel.raise_gate("SHIFT", self.now_s)
        self.run(0.01)
        self.panel.click(list(Page).index(page))
        self.run(0.01)
        self.panel.drop_gate("SHIFT", self.now_s)
        self.run(0.01)


def test_holding_shift_and_save_opens_the_instrument_for_an_owner(tmp_path):
    bench = Bench(tmp_path)
    bench.hold("SHIFT", "SAVE", seconds=2.8)
    assert bench.house.asked == []
    bench.hold("SHIFT", "SAVE", seconds=3.2)
    assert bench.house.asked == ["enrol"]


def test_scene_is_kept_and_recalled_at_the_panel_and_knobs_pick_it_up(tmp_path):
    bench = Bench(tmp_path)
    bench.hold("SAVE", seconds=0.1)
    bench.panel.turn(0, 0.0)
    bench.panel.turn(1, 1.0)
    bench.run(0.3)
    assert bench.player.blend.tolist() == [0, 1, 0, 0]
    bench.hold("ENC_SW", seconds=0.1)
    bench.hold("ENC_SW", seconds=0.1)
    assert bench.player.blend.tolist() == [1, 0, 0, 0]
    bench.panel.turn(1, 0.9)
    bench.run(0.3)
    assert bench.player.blend.tolist() == [1, 0, 0, 0]


def test_pitch_is_calibrated_at_the_panel_and_kept(tmp_path):
    bench = Bench(tmp_path)
    pin = load_pin_map().adc["V_OCT"]
    span = pin.volts_at_full - pin.volts_at_zero

    def share(volts):
        return (1.01 * volts + 0.03 - pin.volts_at_zero) / span

    bench.go(Page.CALIBRATE)
    bench.hold("ENC_SW", seconds=0.1)
    for volts in (1.0, 3.0):
        bench.panel.patch("V_OCT", share(volts))
        bench.hold("ENC_SW", seconds=0.1)
        bench.run(0.4)
    bench.hold("ENC_SW", seconds=0.1)
    assert bench.inputs.voltmeter.of("V_OCT", share(5.0)) == pytest.approx(5.0, abs=1e-4)
    assert bench.memory.image[:4] == b"TCAL"


def test_memory_that_does_not_answer_when_it_is_calibrated_is_said_and_the_music_goes_on(tmp_path):
    class Gone(FakeMemory):
        def read(self):
            raise DeviceUnavailable("the EEPROM does not answer")

    bench = Bench(tmp_path)
    bench.front._memory = Gone()
    bench.go(Page.CALIBRATE)
    bench.hold("ENC_SW", seconds=0.1)
    line = load_pin_map().adc["V_OCT"]
    for volts in (1.0, 3.0):
        bench.panel.patch("V_OCT", (volts - line.volts_at_zero) / (line.volts_at_full - line.volts_at_zero))
        bench.hold("ENC_SW", seconds=0.1)
        bench.run(0.4)
    bench.hold("ENC_SW", seconds=0.1)
    assert message(bench) == "the EEPROM does not answer"


def test_output_is_calibrated_at_the_panel_by_the_pitch_input_which_comes_first(tmp_path):
    bench = Bench(tmp_path)
    bench.go(Page.CALIBRATE)
    bench.panel.click(2)
    bench.run(0.01)
    bench.hold("ENC_SW", seconds=0.1)
    assert message(bench) == "calibrate V/OCT first: it measures the outputs"
    pitch = Line(7.2, -3.5)
    save_calibration(bench.memory, Calibration({"V_OCT": pitch}))
    bench.inputs.voltmeter = Voltmeter(load_pin_map(), load_calibration(bench.memory)[0])
    true = Line(-2.1, 8.1)
    bench.hold("ENC_SW", seconds=0.1)
    bench.hold("ENC_SW", seconds=0.03)
    for _ in range(200):
        bench.panel.patch("V_OCT", pitch.share(true.volts(bench.panel.out["CV_B"])))
        bench.run(0.005)
    assert "mV off" in bench.front._view.calibration
    bench.hold("ENC_SW", seconds=0.1)
    assert message(bench) == "calibrated"
    kept = load_calibration(bench.memory)[0].lines
    assert kept["V_OCT"] == pitch
    assert kept["CV_B"].volts(0.0) == pytest.approx(-2.1, abs=0.01)
    assert kept["CV_B"].volts(1.0) == pytest.approx(8.1, abs=0.01)
    assert "CV_A" not in kept
    bench.front._settings.settings = Settings(outputs=Assignments(cv_b=Source.PITCH))
    bench.run(0.1)
    assert true.volts(bench.panel.out["CV_B"]) == pytest.approx(2.0, abs=0.01)  # Note 60.


def test_settings_are_chosen_at_the_panel_and_kept(tmp_path):
    bench = Bench(tmp_path)
    bench.go(Page.SETTINGS)
    bench.hold("ENC_SW", seconds=0.1)
    bench.panel.click(1)
    bench.run(0.01)
    assert bench.player.voice_mode is VoiceMode.MONO
    bench.hold("ENC_SW", seconds=0.1)
    bench.panel.click(2)
    bench.run(0.01)
    bench.hold("ENC_SW", seconds=0.1)
    bench.panel.click(5)
    bench.run(0.01)
    assert Bench(tmp_path).inputs.midi_map.settings.channel == 5


def choose(bench, name, word):
    """Push on the row, turn to the choice, push."""
    options = bench.front._view.options
    row = [option.name for option in options].index(name)
    bench.panel.click(row - bench.front.menu.row)
    bench.run(0.01)
    bench.hold("ENC_SW", seconds=0.1)
    bench.panel.click(options[row].choices.index(word) - options[row].chosen)
    bench.run(0.01)
    bench.hold("ENC_SW", seconds=0.1)


def message(bench):
    """What lies over the page."""
    view = bench.front._view
    return view.message or view.learning


def test_controller_is_taught_at_the_panel_said_kept_and_forgotten(tmp_path):
    bench = Bench(tmp_path)
    bench.go(Page.SETTINGS)
    choose(bench, "learn", "timbre x")
    assert message(bench) == "timbre x"
    bench.inputs.midi_map.receive((0xB0, 21, 127))
    bench.run(0.1)
    assert message(bench) == "CC 21 → timbre x"
    assert bench.player.timbre[0] == 1.0
    choose(bench, "learn", "level")
    bench.inputs.midi_map.receive((0xB0, 22, 127))
    bench.run(0.1)
    again = Bench(tmp_path)
    assert again.inputs.midi_map.settings.learnt == {21: "timbre x", 22: "level"}
    again.inputs.midi_map.receive((0xB0, 21, 0))
    assert again.player.timbre[0] == 0.0
    again.go(Page.SETTINGS)
    choose(again, "forget", "21 timbre x")
    assert message(again) == "CC 21 timbre x: forgotten"
    choose(again, "forget", "all")
    assert message(again) == "all forgotten"
    last = Bench(tmp_path)
    assert last.inputs.midi_map.settings.learnt == {}
    last.go(Page.SETTINGS)
    choose(last, "forget", "·")


def test_teaching_ends_by_a_touch_by_time_and_by_leaving(tmp_path):
    bench = Bench(tmp_path)
    for end in ("push", "turn", "long", "time"):
        bench.go(Page.SETTINGS)
        choose(bench, "learn", TARGETS[1])
        assert bench.inputs.midi_map.learning == TARGETS[1]
        if end == "push":
            bench.hold("ENC_SW", seconds=0.1)
        elif end == "turn":
            bench.panel.click(1)
            bench.run(0.1)
        elif end == "long":
            bench.hold("ENC_SW", seconds=1.5)
        else:
            bench.run(AWAY_S + 0.1)
        bench.inputs.midi_map.receive((0xB0, 21, 127))
        assert bench.inputs.midi_map.settings.learnt == {}, end
        bench.hold("ENC_SW", seconds=1.5)


def test_what_was_taught_is_not_lost_when_another_setting_changes_and_a_full_disk_is_said(tmp_path):
    bench = Bench(tmp_path)
    bench.go(Page.SETTINGS)
    choose(bench, "learn", "morph")
    bench.inputs.midi_map.receive((0xB0, 21, 0))
    bench.run(0.1)
    choose(bench, "velocity", "hard")
    assert Bench(tmp_path).inputs.midi_map.settings.learnt == {21: "morph"}
    (tmp_path / "settings.json.new").mkdir()
    choose(bench, "learn", "level")
    bench.inputs.midi_map.receive((0xB0, 22, 0))
    bench.run(0.1)
    assert "settings.json cannot be kept" in message(bench)
    assert bench.inputs.midi_map.settings.learnt == {21: "morph", 22: "level"}


def test_damaged_settings_are_said_on_the_display(tmp_path):
    (tmp_path / "settings.json").write_bytes(b"?")
    assert message(Bench(tmp_path)) == "the settings are damaged; set them again"


def test_expressive_keys_are_switched_on_and_off_at_the_panel_and_kept(tmp_path):
    bench = Bench(tmp_path)
    bench.go(Page.SETTINGS)
    choose(bench, "MPE keys", "7")
    assert bench.inputs.midi_map.members == 7
    again = Bench(tmp_path)
    assert again.inputs.midi_map.members == 7
    for message_ in ((0xB0, 101, 0), (0xB0, 100, 6), (0xB0, 6, 15)):
        again.inputs.midi_map.receive(message_)
    again.run(0.01)
    again.go(Page.SETTINGS)
    choose(again, "MPE keys", "off")
    assert not again.inputs.midi_map.mpe
    assert not Bench(tmp_path).inputs.midi_map.mpe


def test_outputs_leds_and_display_follow(tmp_path):
    bench = Bench(tmp_path)
    bench.level_db = -30.0
    bench.panel.raise_gate("GATE_IN", bench.now_s)
    bench.run(0.1)
    assert bench.panel.gate
    range_of_cv = load_pin_map().dac["CV_A"]
    span = range_of_cv.volts_at_full - range_of_cv.volts_at_zero
    assert bench.panel.out["CV_A"] == pytest.approx((4.0 - range_of_cv.volts_at_zero) / span)
    assert bench.chip.counts[load_pin_map().leds[0].green] == 4095
    assert bench.display.images
    bench.front.close()
    assert bench.display.closed
    assert bench.chip.counts == [0] * 16


def test_any_handling_of_the_panel_leaves_it_at_work(tmp_path):
    rng, bench = random.Random(5), Bench(tmp_path)
    for _ in range(150):
        name = rng.choice(["ENC_SW", "SHIFT", "SAVE", "GATE_IN", "TRIG_IN"])
        rng.choice([bench.panel.raise_gate, bench.panel.drop_gate])(name, bench.now_s)
        bench.panel.click(rng.randint(-3, 3))
        bench.panel.turn(rng.randrange(8), rng.random())
        bench.run(rng.choice([0.003, 0.05]))
    assert all(image.size == (128, 64) for image in bench.display.images)
