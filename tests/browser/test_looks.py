"""How the page looks, and for whom: sizes, contrast, widths, keys, first paint."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[2] / "device" / "tombola_device" / "surface" / "browser" / "static"
MOST_BYTES = 300_000
LEAST_TEXT, LEAST_EDGE = 4.5, 3.0
"""WCAG 2.2, 1.4.3 and 1.4.11, level AA."""
LOG = logging.getLogger(__name__)


def test_the_page_has_at_most_300_kb_in_all():
    assert sum(path.stat().st_size for path in STATIC.rglob("*") if path.is_file()) <= MOST_BYTES


def test_nothing_is_fetched_from_elsewhere_and_nothing_is_inline():
    for path in STATIC.iterdir():
        text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://", text), path.name
        if path.suffix == ".js":
            assert not re.search(
                r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text
            ), path.name
        if path.suffix in {".html", ".svg"}:
            assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", text), path.name


def test_the_page_draws_the_panel_that_hardware_describes():
    live = pytest.importorskip(
        "tombola_hardware.panel.live", reason="the board's description is not installed; make env"
    )
    assert (STATIC / "panel.svg").read_text("utf-8") == live.page(), (
        "panel.svg is not current; run make hardware and commit"
    )


def test_every_control_of_the_panel_is_a_group_with_its_legend():
    instrument = pytest.importorskip(
        "tombola_hardware.instrument", reason="the board's description is not installed; make env"
    )
    drawing = (STATIC / "panel.svg").read_text("utf-8")
    for control in instrument.PANEL:
        found = re.search(rf'<g id="{control.name}" data-kind="(\w+)"[^>]* data-legend="([^"]*)"', drawing)
        assert found, control.name
        assert found.groups() == (type(control).__name__, control.legend)


def schemes() -> dict[str, dict[str, str]]:
    """The colours by their names, in the dark and in the light scheme."""
    css = (STATIC / "page.css").read_text("utf-8")
    blocks = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
        for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    ]
    dark, light = blocks[:2]
    return {"dark": dark, "light": dark | light}


def luminance(colour: str) -> float:
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_and_white_is_21():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_text_has_the_contrast_of_wcag_aa(scheme):
    colours = schemes()[scheme]
    pairs = [(text, ground) for text in ("print", "quiet", "fault", "gold") for ground in ("ground", "card")]
    pairs += [("card", "gold"), ("print-on-panel", "well"), ("quiet-on-panel", "well"), ("gold-on-panel", "well")]
    low = {pair: round(contrast(*(colours[name] for name in pair)), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in low.items() if ratio < LEAST_TEXT} == {}


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_edges_of_what_is_operated_and_the_focus_have_the_contrast_of_wcag_aa(scheme):
    colours = schemes()[scheme]
    pairs = [(edge, ground) for edge in ("edge", "focus", "good") for ground in ("ground", "card")] + [
        ("glass", "well")
    ]
    low = {pair: round(contrast(*(colours[name] for name in pair)), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in low.items() if ratio < LEAST_EDGE} == {}


def test_print_on_the_panel_has_the_contrast_of_wcag_aa():
    drawing = (STATIC / "panel.svg").read_text("utf-8")
    grounds = re.findall(r'stop-color="(#\w{6})"', re.search(r'id="ground".*?</linearGradient>', drawing)[0])
    inks = set(re.findall(r'fill="none" stroke="(#\w{6})"', drawing))
    assert (len(grounds), len(inks)) == (2, 2)
    assert min(contrast(ink, ground) for ink in inks for ground in grounds) >= LEAST_TEXT


@pytest.mark.parametrize("width", [360, 768, 1280, 1920])
def test_nothing_overflows(page, instrument, width):
    page.size(width, 900)
    page.open(instrument.address)
    for tab in range(1, 6):
        page.click(f"#tabs button:nth-child({tab})")
        assert page.js("document.documentElement.scrollWidth") <= width
        wide = page.js("""[...document.querySelectorAll('body *')].filter((it) => !it.closest('svg, pre, #sheet, .skip') && it.getClientRects().length
            && (it.getBoundingClientRect().right > innerWidth + 0.5 || it.getBoundingClientRect().left < -0.5)).map((it) => it.tagName + '#' + it.id + '.' + it.className)""")
        assert wide == []


def test_what_fingers_touch_is_large_enough_on_a_telephone(page, instrument):
    """WCAG 2.2, 2.5.8: 24 CSS pixels each way."""
    page.size(360, 740)
    page.open(instrument.address)
    small = page.js("""[...document.querySelectorAll('button, select, input:not([hidden]), a.button, #panel g[tabindex] .touch')].filter((it) => it.getClientRects().length)
        .map((it) => [it.id || it.parentElement.id || it.textContent, it.getBoundingClientRect()]).filter(([, box]) => box.width < 24 || box.height < 24).map(([name]) => name)""")
    assert small == []


def test_a_finger_turns_a_knob_and_does_not_scroll_the_page(page, instrument):
    page.size(360, 740)
    page.open(instrument.address)
    x, y = page.middle("#KNOB_3")
    before = page.js("scrollY")
    page.touch("touchStart", (x, y))
    for step in range(1, 10):
        page.touch("touchMove", (x, y - 9 * step))
    page.touch("touchEnd")
    page.until("Number(document.querySelector('#KNOB_3').getAttribute('aria-valuenow')) > 0.4")
    assert page.js("scrollY") == before


def test_a_finger_moves_the_pad_and_a_tap_on_a_jack_begins_to_listen(page, instrument):
    page.size(360, 740)
    page.open(instrument.address)
    start, end = (page.middle("#blend-pad canvas", right, 0.5) for right in (0.5, 0.03))
    page.touch("touchStart", start)
    for step in range(1, 11):
        page.touch("touchMove", (start[0] + (end[0] - start[0]) * step / 10, start[1]))
    page.touch("touchEnd")
    page.until("/harp (9\\d|100) %/.test(document.querySelector('#blend-pad canvas').getAttribute('aria-valuetext'))")
    page.touch("touchStart", page.middle("#AUDIO_L"))
    page.touch("touchEnd")
    page.until("/Listening, \\d+ ms/.test(document.querySelector('#listen').textContent)")


@pytest.mark.parametrize(("width", "height"), [(360, 740), (740, 360)])
def test_the_keyboard_leaves_room_for_the_panel(page, instrument, width, height):
    page.size(width, height)
    page.open(instrument.address)
    page.js("window.scrollTo(0, 0)")
    free = page.js(
        """Math.min(document.querySelector('#keys').getBoundingClientRect().top, innerHeight) - document.querySelector('#panel').getBoundingClientRect().top"""
    )
    assert free >= 240


def test_every_control_is_reached_by_the_tab_key(page, instrument):
    """Each is also named, and its focus is seen."""
    page.open(instrument.address)
    wanted = set(
        page.js("""[...document.querySelectorAll('button, select, input, a[href], canvas[tabindex], g[tabindex]')]
        .filter((it) => it.getClientRects().length && !it.disabled && it.tabIndex >= 0).map((it, at) => { it.dataset.at = at; return it.id || it.dataset.note || String(at); })""")
    )
    page.js("document.activeElement.blur()")
    reached, unnamed = set(), []
    for _ in range(200):
        page.press("Tab")
        here = page.js("""(() => { const it = document.activeElement; const label = it.labels?.[0]?.textContent;
            return [it.id || it.dataset.note || it.dataset.at, it.getAttribute('aria-label') || label || it.textContent.trim() || it.title]; })()""")
        if here[0] in reached:
            break
        reached.add(here[0])
        if not here[1]:
            unnamed.append(here[0])
    assert wanted - reached == set()
    assert unnamed == []
    assert {
        "KNOB_1",
        "KNOB_8",
        "ENC",
        "SHIFT",
        "SAVE",
        "CV_X",
        "GATE_IN",
        "MIDI_IN",
        "AUDIO_L",
        "USB",
        "listen",
        "panic",
    } <= reached


def test_a_knob_in_focus_wears_a_ring(page, instrument):
    page.open(instrument.address)
    page.js("document.querySelector('#SAVE').focus()")
    page.press("Tab")
    assert page.js("document.activeElement.id") == "KNOB_1"
    ring = page.js("getComputedStyle(document.querySelector('#KNOB_1 .halo')).stroke")
    assert ring == "rgb(191, 230, 255)"


def test_sliders_have_the_numbers_that_screen_readers_need(page, instrument):
    page.open(instrument.address)
    bare = page.js("""[...document.querySelectorAll('[role=slider]')].filter((it) => ['aria-label', 'aria-valuenow', 'aria-valuetext', 'aria-valuemin', 'aria-valuemax']
        .some((name) => !it.getAttribute(name))).map((it) => it.id || it.tagName)""")
    assert bare == []
    assert page.js("document.querySelectorAll('[role=slider]').length") >= 8 + 6 + 1 + 2


@pytest.mark.slow
def test_first_paint_comes_within_a_second(page, instrument):
    page.driver.get("about:blank")
    page.open(instrument.address)
    first_ms = page.js("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    LOG.info("first contentful paint after %.0f ms", first_ms)
    assert first_ms <= 1000


def test_the_first_paint_waits_for_little(page, instrument):
    """Only the page itself and its two style sheets: scripts are modules, and the panel comes after."""
    page.open(instrument.address)
    blocking = page.js(
        "performance.getEntriesByType('resource').filter((it) => it.renderBlockingStatus === 'blocking').map((it) => it.name.split('/').pop())"
    )
    assert sorted(blocking) == ["instrument.css", "page.css"]
    size = sum((STATIC / name).stat().st_size for name in ("index.html", *blocking))
    assert size < 25_000
