"""What hands do on the page: keys, knobs, buttons, pads."""

from __future__ import annotations

import time

import pytest


@pytest.fixture(scope="module")
def one_page(module_page, module_instrument):
    return module_page.open(module_instrument.address)


@pytest.fixture
def instrument(module_instrument):
    module_instrument.reset()
    return module_instrument


@pytest.fixture
def page(one_page, instrument):
    one_page.until("document.querySelector('#KNOB_1').getAttribute('aria-valuenow') === '1'")
    one_page.until("document.querySelector('#KNOB_6').getAttribute('aria-valuenow') === '0.5'")
    one_page.js("(document.activeElement.blur(), document.querySelector('#tabs button').click())")
    yield one_page
    assert one_page.complaints() == []


def eventually(_page, holds, what=""):
    end_s = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end_s, what
        time.sleep(0.02)


def notes(instrument):
    return [message["bytes"] for message in instrument.of_kind("midi")]


def test_a_key_is_as_loud_as_it_is_touched_low_and_sounds_while_it_is_held(page, instrument):
    loud = page.middle("#board [data-note='60']", down=0.9)
    page.mouse("mousePressed", *loud)
    eventually(page, lambda: instrument.state["held"] == [60])
    page.until("document.querySelector('#board [data-note=\"60\"]').classList.contains('lit')")
    page.mouse("mouseReleased", *loud)
    eventually(page, lambda: instrument.state["held"] == [])
    page.click("#board [data-note='64']", down=0.3)
    eventually(page, lambda: len(notes(instrument)) == 4)
    (_, first, hard), _, (_, second, soft), _ = notes(instrument)
    assert (first, second) == (60, 64)
    assert hard == pytest.approx(0.9 * 127, abs=3)
    assert soft == pytest.approx(0.3 * 127, abs=3)


def test_a_finger_that_slides_plays_what_it_slides_over_and_two_fingers_play_two_keys(page, instrument):
    one, next_to_it, far = (page.middle(f"#board [data-note='{note}']", down=0.9) for note in (60, 62, 67))
    page.touch("touchStart", one, far)
    eventually(page, lambda: sorted(instrument.state["held"]) == [60, 67])
    page.touch("touchMove", next_to_it, far)
    eventually(page, lambda: sorted(instrument.state["held"]) == [62, 67])
    page.touch("touchEnd")
    eventually(page, lambda: instrument.state["held"] == [])


def test_letters_play_two_octaves_by_their_place_and_minus_shifts_them(page, instrument):
    for key, code in (("z", "KeyZ"), ("s", "KeyS"), ("q", "KeyQ"), ("p", "KeyP"), ("-", "Minus"), ("z", "KeyZ")):
        page.press(key, code)
    eventually(page, lambda: len(notes(instrument)) == 10)
    assert [note for status, note, _ in notes(instrument) if status == 0x90] == [48, 49, 60, 76, 36]
    page.press("=", "Equal")


def test_letters_that_are_written_into_a_name_play_nothing(page, instrument):
    page.click(".scenes li:first-child input")
    page.press("End")
    page.press("z", "KeyZ")
    page.press("Enter")
    eventually(
        page,
        lambda: instrument.of_kind("rename_scene") == [{"kind": "rename_scene", "place": 0, "name": "reed and bowz"}],
    )
    assert notes(instrument) == []


def test_no_note_hangs_when_the_window_is_left_with_a_key_down(page, instrument):
    page.key("z", "KeyZ")
    page.press("c", "KeyC")
    eventually(page, lambda: instrument.state["held"] == [48])
    page.js("window.dispatchEvent(new Event('blur'))")
    eventually(page, lambda: instrument.state["held"] == [])
    page.key("z", "KeyZ", "keyUp")


def test_the_keyboard_uses_the_channel_that_the_instrument_listens_to(page, instrument):
    page.click("#tabs button:nth-child(3)")
    page.until("document.querySelectorAll('.settings select').length === 4")
    page.js(
        "(() => { const it = [...document.querySelectorAll('.settings select')][1]; it.value = '5'; it.dispatchEvent(new Event('change')); })()"
    )
    eventually(
        page, lambda: instrument.of_kind("choose") == [{"kind": "choose", "option": "MIDI channel", "choice": "5"}]
    )
    time.sleep(0.2)
    page.press("z", "KeyZ")
    eventually(page, lambda: [status for status, _, _ in notes(instrument)] == [0x94, 0x84])


def test_a_knob_follows_a_drag_and_the_instrument_follows_the_knob(page, instrument):
    x, y = page.middle("#KNOB_2")
    page.mouse("mousePressed", x, y)
    for step in range(1, 10):
        page.mouse("mouseMoved", x, y - 10 * step)
    page.mouse("mouseReleased", x, y - 90)
    eventually(page, lambda: instrument.state["knobs"][1] == pytest.approx(0.5, abs=0.02))
    assert page.value("#KNOB_2") == pytest.approx(0.5, abs=0.02)
    assert page.words("#KNOB_2") == "50 %"
    assert page.find("#KNOB_2").get_attribute("aria-label") == "weight of violin"
    angle = float(page.find("#KNOB_2 .pointer").get_attribute("transform").split("(")[1].split()[0])
    assert angle == pytest.approx(0.0, abs=6)
    page.press("Home")
    page.until("document.querySelector('#KNOB_2 .pointer').getAttribute('transform') === 'rotate(-150.0 88 36.8)'")


@pytest.mark.parametrize(
    ("key", "value"), [("Home", 0.0), ("End", 1.0), ("ArrowUp", 0.51), ("ArrowLeft", 0.49), ("PageUp", 0.6)]
)
def test_a_knob_takes_keys(page, instrument, key, value):
    page.js("document.querySelector('#KNOB_6').focus()")
    page.press(key)
    eventually(page, lambda: instrument.state["timbre"] == [pytest.approx(value), 0.5])
    assert page.value("#KNOB_6") == pytest.approx(value, abs=0.001)


def test_with_shift_the_small_knobs_are_glide_tune_and_morph(page, instrument):
    page.click("#SHIFT")
    page.until("document.querySelector('#SHIFT').getAttribute('aria-pressed') === 'true'")
    for knob, name in (("#KNOB_6", "glide"), ("#KNOB_7", "tune"), ("#KNOB_8", "morph")):
        page.until(f"document.querySelector('{knob}').getAttribute('aria-label') === '{name}'")
        page.js(f"document.querySelector('{knob}').focus()")
        page.press("End")
    eventually(page, lambda: instrument.of_kind("morph"))
    assert instrument.of_kind("set_glide")[-1]["seconds"] == pytest.approx(2.0)
    assert instrument.of_kind("set_tune")[-1]["semitones"] == pytest.approx(1.0)
    assert instrument.of_kind("morph")[-1]["place"] == pytest.approx(1.0)
    page.click("#SHIFT")
    page.until("document.querySelector('#KNOB_6').getAttribute('aria-label') === 'timbre X'")
    assert [message["high"] for message in instrument.of_kind("button")] == [True, False]


def test_the_level_knob_is_silent_at_its_end_and_says_decibels(page, instrument):
    page.js("document.querySelector('#KNOB_8').focus()")
    page.press("Home")
    eventually(page, lambda: instrument.of_kind("set_loudness")[-1:] == [{"kind": "set_loudness", "offset_db": -160}])
    assert page.words("#KNOB_8") == "silent"
    page.press("PageUp")
    eventually(page, lambda: instrument.of_kind("set_loudness")[-1]["offset_db"] == pytest.approx(-36.0))
    assert page.words("#KNOB_8") == "−36.0 dB"


def test_a_knob_without_a_mode_does_nothing(page, instrument):
    page.js("document.querySelector('#KNOB_5').focus()")
    page.press("End")
    page.press("z", "KeyZ")
    eventually(page, lambda: notes(instrument))
    assert instrument.of_kind("set_weight") == []
    assert page.find("#KNOB_5").get_attribute("aria-disabled") == "true"


def test_the_encoder_turns_by_drag_and_keys_and_a_click_pushes_it(page, instrument):
    x, y = page.middle("#ENC")
    page.mouse("mousePressed", x, y)
    page.mouse("mouseMoved", x, y - 30)
    page.mouse("mouseReleased", x, y - 30)
    eventually(page, lambda: sum(message["clicks"] for message in instrument.of_kind("turn")) == 3)
    assert instrument.of_kind("button") == []
    page.press("ArrowDown")
    eventually(page, lambda: instrument.of_kind("turn")[-1]["clicks"] == -1)
    page.click("#ENC")
    wanted = [{"kind": "button", "name": "ENC_SW", "high": high} for high in (True, False)]
    eventually(page, lambda: instrument.of_kind("button") == wanted)


def test_an_input_jack_takes_a_voltage_and_a_gate_jack_a_gate(page, instrument):
    x, y = page.middle("#CV_X")
    page.mouse("mousePressed", x, y)
    page.mouse("mouseMoved", x, y - 45)  # A quarter of 15 V.
    page.mouse("mouseReleased", x, y - 45)
    eventually(page, lambda: instrument.state["jacks"]["CV_X"] == pytest.approx(3.75, abs=0.1))
    page.until("document.querySelector('#readout').textContent.startsWith('X input: +3.')")
    page.press("Delete")
    eventually(page, lambda: instrument.state["jacks"]["CV_X"] == 0.0)
    x, y = page.middle("#TRIG_IN")
    page.mouse("mousePressed", x, y)
    page.until("document.querySelector('#GATE_OUT').getAttribute('aria-label') === 'GATE output: +5.00 V'")
    page.mouse("mouseReleased", x, y)
    eventually(page, lambda: [message["high"] for message in instrument.of_kind("gate")] == [True, False])


def test_jacks_of_a_real_panel_are_left_alone(page, instrument):
    instrument.change(jacks=None)
    page.until("document.querySelector('#CV_X').getAttribute('aria-disabled') === 'true'")
    page.js("document.querySelector('#CV_X').focus()")
    page.press("End")
    page.click("#TRIG_IN")
    page.press("z", "KeyZ")
    eventually(page, lambda: notes(instrument))
    assert instrument.of_kind("patch") + instrument.of_kind("gate") == []


def test_the_display_shows_the_pixels_that_came(page, instrument):
    row = "[...document.querySelector('#display').getContext('2d').getImageData(0, 20, 128, 1).data].filter((_, at) => at % 4 === 0)"
    lit = f"{row}.flatMap((red, at) => (red === 191 ? [at] : [])).join()"
    bar = ",".join(str(at) for at in range(4, 26))
    page.until(f"{lit} === '{bar}'")
    instrument._do("set_blend", {"weights": [0.0, 1.0, 0.0, 0.0]})
    bar = ",".join(str(at) for at in range(36, 58))
    page.until(f"{lit} === '{bar}'")


def test_a_display_that_cannot_be_drawn_shows_the_weights_as_bars(page, instrument):
    lit = "[...document.querySelector('#display').getContext('2d').getImageData(0, 0, 128, 64).data].filter((red, at) => at % 4 === 0 && red === 191).length"
    instrument.change(oled="", blend=[0.5, 0.5, 0.0, 0.0])
    page.until(f"{lit} === 16 * (28 + 28 + 2 + 2)")


def test_a_lamp_shows_what_it_has_as_the_eye_sees_it(page, instrument):
    instrument.change(lamps=[[0.0, 0.5**2.2], [1.0, 0.0]] + [[0.0, 0.0]] * 6)
    page.until("document.querySelector('#LAMP_1 .light').getAttribute('opacity') === '0.50'")
    page.until("document.querySelector('#LAMP_2 .light').getAttribute('fill') === '#e0574f'")


def test_the_blend_pad_gives_one_mode_at_a_corner_two_on_a_side_and_all_in_the_middle(page, instrument):
    for place, wanted in (
        ((0.5, 0.03), [1, 0, 0, 0]),
        ((0.735, 0.265), [0.5, 0.5, 0, 0]),
        ((0.5, 0.5), [0.25] * 4),
        ((0.02, 0.5), [0, 0, 0, 1]),
    ):
        page.click("#blend-pad canvas", *place)
        eventually(page, lambda wanted=wanted: instrument.state["blend"] == pytest.approx(wanted, abs=0.02))
    assert page.words("#blend-pad canvas") == "sax 0 %, violin 0 %, flute 0 %, harp 100 %"
    page.press("Delete")
    eventually(page, lambda: instrument.state["blend"] == pytest.approx([0.25] * 4, abs=1e-6))


def test_the_timbre_pad_moves_with_the_mouse_and_with_the_arrows(page, instrument):
    page.click("#timbre-pad canvas", 0.8, 0.1)
    eventually(page, lambda: instrument.state["timbre"] == pytest.approx([0.8, 0.9], abs=0.01))
    page.press("ArrowDown")
    eventually(page, lambda: instrument.state["timbre"] == pytest.approx([0.8, 0.88], abs=0.01))
    assert page.value("#KNOB_7") == pytest.approx(0.88, abs=0.01)


def test_pads_are_painted_with_the_descriptor_that_is_chosen(page):
    middle = "(() => { const c = document.querySelector('#timbre-pad canvas'); return [...c.getContext('2d').getImageData(c.width * 0.9, c.height * 0.3, 1, 1).data].slice(0, 3).join() })()"
    page.until(f"{middle} !== '11,12,14'")
    first = page.js(middle)
    page.js(
        "(() => { const it = document.querySelector('#descriptor'); it.value = 2; it.dispatchEvent(new Event('change')) })()"
    )
    page.until(f"{middle} !== '{first}'")
    page.until("document.querySelector('#timbre-scale').textContent.includes('1.00 s')")


def test_weights_of_the_blend_pad_are_exact_for_two_to_sixteen_modes(page):
    worst = page.module(
        """const { weightsAt, placeOf, corners } = await import("./polygon.js");
        let worst = 0;
        for (let modes = 1; modes <= 16; modes++) {
          for (let at = 0; at < 200; at++) {
            const angle = at * 2.399963, far = Math.sqrt(at / 200) * (modes > 2 ? Math.cos(Math.PI / modes) : 0.9);
            const [x, y] = modes > 2 ? [far * Math.sin(angle), far * Math.cos(angle)] : [modes > 1 ? Math.sin(at) : 0, 0];
            const weights = weightsAt(x, y, modes);
            const sum = weights.reduce((all, weight) => all + weight, 0), [px, py] = placeOf(weights);
            worst = Math.max(worst, Math.hypot(px - x, py - y), Math.abs(sum - 1), -Math.min(...weights));
          }
          corners(modes).forEach((corner, mode) => {
            worst = Math.max(worst, Math.abs(weightsAt(...corner, modes)[mode] - 1));
          });
        }
        return worst;"""
    )
    assert worst < 1e-9


def test_scenes_are_saved_recalled_and_named(page, instrument):
    page.click(".scenes li:nth-child(2) button:nth-of-type(2)")
    eventually(page, lambda: instrument.of_kind("save_scene") == [{"kind": "save_scene", "place": 1}])
    page.until("document.querySelectorAll('.scenes button:disabled').length === 14")
    page.click(".scenes li:nth-child(1) button:nth-of-type(1)")
    eventually(page, lambda: instrument.of_kind("recall_scene") == [{"kind": "recall_scene", "place": 0}])
    page.until("document.querySelector('#notice').textContent.includes('scene 2 kept')")


def test_learning_and_calibration_are_led_by_the_instrument(page, instrument):
    page.click("#tabs button:nth-child(3)")
    page.until("document.querySelectorAll('.settings select').length === 4")
    page.js("(() => { document.querySelectorAll('.settings select')[2].value = 'timbre y' })()")
    page.click(".settings > div:nth-child(3) button")
    page.until(
        "document.querySelector('[data-page=Settings] .asks p').textContent === 'Move a controller: it will be timbre y.'"
    )
    page.click("[data-page=Settings] .asks button")
    eventually(page, lambda: instrument.state["learning"] == "")
    page.click("#tabs button:nth-child(4)")
    page.click("[data-page=Calibrate] .row button")
    page.until(
        "document.querySelector('[data-page=Calibrate] [role=status]').textContent === 'patch 1 V into V/OCT, then push'"
    )
    page.click("[data-page=Calibrate] .row:last-child button")
    eventually(page, lambda: instrument.of_kind("confirm_calibration"))


def test_escape_silences_everything(page, instrument):
    page.key("z", "KeyZ")
    eventually(page, lambda: instrument.state["held"] == [48])
    page.press("Escape")
    eventually(page, lambda: instrument.of_kind("panic") and instrument.state["held"] == [])
