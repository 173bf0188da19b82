"""Recordings as points on the maps: drawn where they lie, clearer the more of their mode sounds, and told in words."""

from __future__ import annotations

import time

DOT = (
    "((u, v) => {{ const c = document.querySelector('#{pad}-pad canvas'); return [...c.getContext('2d').getImageData("
    "Math.round(c.width * u), Math.round(c.height * (1 - v)), 1, 1).data].slice(0, 3).join() }})({u}, {v})"
)
SAX, FLUTE = "217,149,46", "127,182,201"


def dot(pad: str, u: float, v: float) -> str:
    return DOT.format(pad=pad, u=u, v=v)


def test_the_points_of_the_mode_that_sounds_lie_on_the_timbre_pad_and_fade_with_its_share(page, instrument):
    page.open(instrument.address)
    page.until(f"{dot('timbre', 0.25, 0.75)} === '{SAX}'")
    page.until(f"{dot('timbre', 0.6, 0.4)} === '{SAX}'")
    page.until("document.querySelector('#timbre-scale').textContent !== ''")  # The map below the points is painted.
    violin = page.js(dot("timbre", 0.9, 0.9))
    instrument.change(blend=[0.2, 0.8, 0.0, 0.0], hand_blend=[0.2, 0.8, 0.0, 0.0])
    page.until(f"{dot('timbre', 0.9, 0.9)} !== '{violin}'")
    page.until(f"{dot('timbre', 0.25, 0.75)} !== '{SAX}'")
    instrument.change(blend=[0.0, 0.0, 1.0, 0.0], hand_blend=[0.0, 0.0, 1.0, 0.0])
    page.until(f"{dot('timbre', 0.9, 0.9)} === '{violin}'")  # The flute's are not known: no points.


def test_each_corner_of_the_blend_pad_shows_the_points_of_its_mode(page, instrument):
    page.open(instrument.address)
    # The sax's corner is the upper one; its picture lies below the name.
    across, up = 0.5 + 0.94 * 0.1 * (2 * 0.25 - 1) / 2, 0.5 + 0.94 * (0.6 + 0.1 * (2 * 0.75 - 1)) / 2
    near = [dot("blend", across + step / 200, up) for step in (-1, 0, 1)]  # The pad's size differs by a pixel or two.
    page.until(f"[{', '.join(near)}].includes('{SAX}')")
    flute = page.js(
        f"[...Array(40).keys()].some(at => {DOT.format(pad='blend', u='0.4 + at / 200', v='0.10')} === '{FLUTE}')"
    )
    assert not flute


def test_the_nearest_recording_is_named_beside_the_pad_and_to_a_screen_reader(page, instrument):
    page.open(instrument.address)
    near = "document.querySelector('#timbre-near').textContent"
    page.until(f"{near} === ''")
    instrument.change(timbre=[0.27, 0.74])
    page.until(f"{near} === 'near sax A3'")
    assert page.words("#timbre-pad canvas").endswith("; near sax A3")
    instrument.change(timbre=[0.9, 0.9])
    page.until(f"{near} === ''")
    instrument.change(blend=[0.5, 0.5, 0.0, 0.0], hand_blend=[0.5, 0.5, 0.0, 0.0])
    page.until(f"{near} === 'near violin G4 forte'")


def test_the_page_of_sounds_lists_the_recordings_as_text_and_goes_to_the_one_that_is_chosen(page, instrument):
    page.open(instrument.address)
    page.click("#tabs button:nth-child(2)")
    rows = "[...document.querySelectorAll('.modes details li')].map((row) => row.textContent).join('|')"
    page.until(f"{rows} === 'A3 X 25 %, Y 75 %|<b>C4 X 60 %, Y 40 %|G4 forte X 90 %, Y 90 %|pluck X 10 %, Y 10 %'")
    assert page.js("document.querySelectorAll('.modes summary').length") == 3
    page.js("(() => { document.querySelectorAll('.modes details')[1].open = true })()")
    page.click(".modes li:nth-child(2) details button")
    end_s = time.monotonic() + 10
    while instrument.state["timbre"] != [0.9, 0.9] or instrument.state["blend"] != [0.0, 1.0, 0.0, 0.0]:
        assert time.monotonic() < end_s, instrument.asked
        time.sleep(0.02)


def test_a_bundle_that_names_no_recordings_has_pads_without_points(page, instrument):
    bare = [
        {key: value for key, value in mode.items() if key != "recordings"}
        for mode in instrument.state["bundle"]["modes"]
    ]
    instrument.change(bundle=instrument.state["bundle"] | {"modes": bare})
    page.open(instrument.address)
    page.click("#tabs button:nth-child(2)")
    page.until("document.querySelectorAll('.modes > li').length === 4")
    assert page.js("document.querySelectorAll('.modes details').length") == 0
    assert page.js(dot("timbre", 0.25, 0.75)) != SAX
