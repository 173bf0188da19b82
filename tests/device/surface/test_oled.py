"""Pages, menu, LEDs and display of the face on the module."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.errors import DeviceUnavailable
from tombola_device.hal.panel.display import LumaDisplay
from tombola_device.hal.panel.i2c import FakeI2c
from tombola_device.hal.panel.late import Late
from tombola_device.hal.panel.leds import FakePca9685, Leds
from tombola_device.surface.actions import (
    AcceptKey,
    AllowOnce,
    CancelCalibration,
    Choose,
    MorphBy,
    Panic,
    RecallScene,
    Revert,
    SaveScene,
    StopLearning,
    TurnDownKey,
)
from tombola_device.surface.oled.buttons import Push
from tombola_device.surface.oled.canvas import fitted, wrapped
from tombola_device.surface.oled.leds import levels
from tombola_device.surface.oled.menu import AWAY_S, READ_S, Menu, Page
from tombola_device.surface.oled.pages import boot_picture, draw
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
        Option("CV I", ("morph", "level"), 0),
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
    "slots": (replace(VIEW, asking_bundle="1a2b3c4d5e6f"), at(Page.SLOTS, VIEW, 1)),
    "pair": (replace(VIEW, asking_key="ABCD-EFGH-JKLM"), at(Page.PLAY)),
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
    lambda names, weights, scenes, notice, calibration, flashing, peak_db: View(
        bundle=names[0],
        modes=tuple(names),
        blend=tuple(weights[: len(names)]),
        scenes=tuple(scenes),
        notice=notice,
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
    assert menu.push(Push("ENC_SW"), VIEW, 0.0) == [Revert()]
    menu.push(Push("ENC_SW"), VIEW, 0.0)
    menu.turn(1, VIEW, 0.0, shift=False)
    assert not menu.asks


def test_two_pushes_allow_the_bundle_that_was_shown_and_not_one_that_came_between_them():
    first, second = View(asking_bundle="1a2b3c4d5e6f"), View(asking_bundle="0" * 12)
    menu = at(Page.SLOTS, first, 1)
    assert menu.push(Push("ENC_SW"), first, 0.0) == []
    assert menu.push(Push("ENC_SW"), second, 0.0) == []
    assert menu.push(Push("ENC_SW"), second, 0.0) == [AllowOnce("0" * 12)]


def test_a_key_is_accepted_or_turned_down_once_its_fingerprint_could_be_read_whatever_the_page():
    asking, other = View(asking_key="ABCD-EFGH-JKLM"), View(asking_key="2222-3333-4444")
    for page in Page:
        menu = at(page)
        menu.tick(asking, 10.0)
        for view in (asking, other):  # A push that was meant for something else, and one for another key.
            assert menu.push(Push("ENC_SW"), view, 10.0 + READ_S - 0.01) == []
            assert menu.turn(1, view, 10.0 + READ_S - 0.01, shift=False) == []
        assert menu.push(Push("ENC_SW"), other, 10.0 + READ_S) == []
        assert menu.push(Push("ENC_SW"), asking, 10.0 + READ_S) == [AcceptKey("ABCD-EFGH-JKLM")]
        assert menu.turn(-1, asking, 10.0 + READ_S, shift=False) == [TurnDownKey()]
        assert menu.page is page
        assert menu.push(Push("SAVE", long=True), asking, 10.0 + READ_S) == [Panic()]


def test_choice_that_does_something_waits_for_its_push_and_a_touch_ends_the_learning():
    view = View(options=(Option("learn", ("·", "morph", "level"), 0, waits=True),))
    menu = at(Page.SETTINGS, view)
    assert menu.push(Push("ENC_SW"), view, 0.0) == []
    assert menu.turn(2, view, 0.0, shift=False) == []
    assert menu.push(Push("ENC_SW"), view, 0.0) == [Choose("learn", "level")]
    assert not menu.editing
    armed = View(options=view.options, learning="level")
    for touch in (menu.turn(1, armed, 0.0, shift=False), menu.push(Push("ENC_SW"), armed, 0.0)):
        assert touch == [StopLearning()]
    assert menu.push(Push("SAVE", long=True), armed, 0.0) == [Panic()]
    menu.push(Push("ENC_SW"), view, 0.0)
    assert menu.push(Push("ENC_SW"), view, 0.0) == []  # Nothing was chosen.


def test_play_page_comes_back_by_itself_but_not_out_of_the_wizard():
    menu = at(Page.ABOUT)
    menu.tick(VIEW, AWAY_S + 1)
    assert menu.page is Page.PLAY
    menu, wizard = at(Page.CALIBRATE), View(calibration="measuring")
    menu.tick(wizard, AWAY_S + 1)
    assert menu.page is Page.CALIBRATE
    assert menu.push(Push("ENC_SW", long=True), wizard, 30.0) == [CancelCalibration()]


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
    assert chip.light[:4] == [0.0, 1.0, 2048 / 4095, 0.0]
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
    display = LumaDisplay(Late(lambda: device))
    display.show(picture("play"))
    display.show(picture("play"))
    display.close()
    display.close()
    assert device.shown == [picture("play").tobytes()]
    assert device.hidden


def test_display_that_misses_one_transfer_shows_the_next_picture():
    class Shaky:
        mode = "1"

        def __init__(self):
            self.shown, self.fails, self.missed = [], True, threading.Event()

        def display(self, image):
            if self.fails:
                self.fails = False
                self.missed.set()
                raise RuntimeError("the bus is busy")
            self.shown.append(image.tobytes())

        def hide(self):
            pass

    device = Shaky()
    display = LumaDisplay(Late(lambda: device))
    display.show(picture("play"))
    assert device.missed.wait(5)
    display.show(picture("scenes"))
    display.close()
    assert device.shown == [picture("scenes").tobytes()]


def test_display_works_with_lumas_own_device():
    core = pytest.importorskip("luma.core.device", reason="luma.oled is not installed")
    device = core.dummy(width=128, height=64, mode="1")
    display = LumaDisplay(Late(lambda: device))
    display.show(picture("play"))
    display.close()
    assert device.image.tobytes() == picture("play").tobytes()
