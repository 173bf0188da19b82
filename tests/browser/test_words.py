"""The bundle's knobs that bear a word, as sliders: turned by hand and by keys, taken back, and named as text."""

from __future__ import annotations

SCARY, CALM = {"name": "scary", "place": None}, {"name": "<b>calm</b>", "place": 0.25}
ROWS = (
    "[...document.querySelectorAll('#words label')].map((label, at) => label.textContent.trim() + ' '"
    " + document.querySelectorAll('#words output')[at].textContent).join('|')"
)
FIRST = "document.querySelector('#words input')"


def test_a_bundle_without_words_has_no_sliders(page, instrument):
    page.open(instrument.address)
    assert page.js("document.querySelector('#words').hidden")


def test_each_word_is_a_slider_and_one_that_was_not_turned_says_so(page, instrument):
    instrument.change(words=[SCARY, CALM])
    page.open(instrument.address)
    page.until(f"{ROWS} === 'scary –|<b>calm</b> 25 %'")
    assert page.js(f"{FIRST}.getAttribute('aria-valuetext')") == "not turned"
    assert page.js("document.querySelectorAll('#words input')[1].value") == "25"
    instrument.change(words=[SCARY | {"place": 0.5}, CALM | {"place": None}])
    page.until(f"{ROWS} === 'scary 50 %|<b>calm</b> –'")
    instrument.change(words=[])
    page.until("document.querySelector('#words').hidden")


def test_arrows_turn_a_word_by_its_name_and_the_instrument_has_the_last_word(page, instrument):
    instrument.change(words=[SCARY, CALM])
    page.open(instrument.address)
    page.until(f"{ROWS} === 'scary –|<b>calm</b> 25 %'")
    page.js(f"{FIRST}.focus()")
    for _ in range(3):
        page.press("ArrowRight")
    page.until(f"{ROWS} === 'scary 3 %|<b>calm</b> –'")
    assert instrument.of_kind("set_word")[-1] == {"kind": "set_word", "word": "scary", "place": 0.03}
    instrument.change(words=[SCARY, CALM])  # A hand elsewhere moved the timbre.
    page.until(f"{ROWS} === 'scary –|<b>calm</b> 25 %'")
    assert page.js(f"{FIRST}.value") == "0"


def test_the_mouse_draws_a_word_and_at_360_pixels_it_fits(page, instrument):
    page.size(360, 740)
    instrument.change(words=[SCARY, CALM, {"name": "x" * 24, "place": 1.0}, {"name": "steady", "place": None}])
    page.open(instrument.address)
    page.until("document.querySelectorAll('#words input').length === 4")
    assert page.js("document.documentElement.scrollWidth") <= 360
    page.js(f"{FIRST}.scrollIntoView({{ block: 'center' }})")
    page.click("#words input", 0.75)
    page.until("document.querySelector('#words output').textContent !== '–'")
    assert 0.6 < instrument.last_of_kind("set_word")["place"] < 0.9
