"""A bundle's words on the instrument: at each face, at a jack, and in scenes."""

from __future__ import annotations

import pytest
from tombola_device.contract.errors import BadConfig
from tombola_device.contract.words import Stop, Word
from tombola_device.surface.actions import Choose, MorphBy, RecallScene, SaveScene, SetTimbre, SetWord
from tombola_device.surface.browser.state import state_of
from tombola_device.surface.wire import action_of

MODES = ("saxophone", "harp", "bells", "violin")
SCARY = Word("scary", [Stop([1.0, 0.0, 0.0, 0.0], 0.0, 0.5, 1.0), Stop([0.0, 0.0, 0.0, 1.0], 1.0, 0.5, 0.0)])
PLACED = Word("voices", SCARY.path)
"""It has the name of a setting."""


@pytest.fixture
def bench(make_bench):
    made = make_bench(face="fake")
    made.surface.set_modes(MODES, (), [SCARY, PLACED])
    return made


def do(bench, *actions):
    for action in actions:
        bench.surface.do(action, bench.now_s)
    return bench.view


def row(view, name):
    option = next(option for option in view.options if option.name == name)
    return option.choices[option.chosen]


def test_a_knob_is_turned_by_its_word_and_seen_as_number_and_as_row(bench):
    view = bench.view
    assert view.words == (("scary", None), ("voices", None))
    assert row(view, "word scary") == "·"
    view = do(bench, SetWord("scary", 0.3))
    assert view.words == (("scary", 0.3), ("voices", None))
    assert (view.timbre, view.life) == ((pytest.approx(0.3), 0.5), pytest.approx(0.7))
    assert (row(view, "word scary"), row(view, "voices")) == ("30 %", "poly")
    assert state_of(view, 0.0)["words"] == ({"name": "scary", "place": 0.3}, {"name": "voices", "place": None})
    assert do(bench, SetTimbre(0.9, 0.5)).words[0] == ("scary", None)
    assert do(bench, SetWord("voices", 1.0)).words == (("scary", None), ("voices", 1.0))


def test_a_word_that_the_bundle_does_not_have_is_one_sentence(bench):
    assert do(bench, SetWord("blue", 0.5)).notice == "the bundle that plays has no knob blue"
    for fields in ({"word": "scary", "place": 1.5}, {"word": "x" * 25, "place": 0.5}, {"word": "scary"}):
        with pytest.raises(BadConfig):
            action_of({"kind": "set_word", **fields})


def test_the_row_moves_the_knob_while_it_is_turned_and_the_dot_moves_nothing(bench):
    view = do(bench, Choose("word scary", "100 %"))
    assert view.words[0] == ("scary", 1.0)
    assert bench.player.blend.tolist() == [0, 0, 0, 1]
    assert do(bench, Choose("word scary", "·")).words[0] == ("scary", 1.0)
    assert do(bench, Choose("word voices", "5 %")).words == (("scary", None), ("voices", 0.05))
    assert row(bench.view, "voices") == "poly"


def test_the_encoder_of_the_display_turns_it(make_bench):
    pytest.importorskip("PIL.Image", reason="pillow is not installed")
    from tombola_device.surface.oled.menu import Page

    bench = make_bench(face="oled")
    bench.surface.set_modes(MODES, (), [SCARY])
    bench.go(Page.SETTINGS)
    bench.choose("word scary", "100 %")
    assert bench.view.words == (("scary", 1.0),)
    assert bench.player.blend.tolist() == [0, 0, 0, 1]


def test_a_scene_brings_the_knob_back_where_the_bundle_has_it(bench, make_bench):
    do(bench, SetWord("scary", 0.35), SaveScene(0), MorphBy(1.0))
    assert bench.view.words[0] == ("scary", None)
    assert do(bench, RecallScene(0)).words[0] == ("scary", 0.35)
    do(bench, SetTimbre(0.9, 0.5), SaveScene(1))  # Not as the knob had set it.
    assert do(bench, RecallScene(1)).words[0] == ("scary", None)
    again = make_bench(face="fake")  # The next day.
    again.surface.set_modes(MODES, (), [SCARY])
    assert again.view.words == (("scary", None),)
    assert do(again, RecallScene(0)).words == (("scary", 0.35),)
    other = make_bench(face="fake")
    other.surface.set_modes(MODES, (), [Word("scary", list(reversed(SCARY.path)))])
    assert do(other, RecallScene(0)).words == (("scary", None),)
    assert other.player.timbre[0] == pytest.approx(0.35)
    plain = make_bench(face="fake")
    assert do(plain, RecallScene(0)).words == ()


def test_five_volts_at_a_jack_are_the_whole_way_and_an_open_jack_moves_nothing(bench):
    do(bench, Choose("CV III", "word 1"), SetTimbre(0.0, 0.5))
    bench.run(0.05)
    assert bench.player.blend.tolist() == [1, 0, 0, 0]
    pin = bench.voltmeter
    for volts, last in ((5.0, 1.0), (2.5, 0.5), (0.0, 0.0)):
        bench.panel.patch("CV_3", pin.share("CV_3", volts))
        bench.run(0.05)
        assert bench.player.blend[3] == pytest.approx(last, abs=0.01)
        assert bench.player.controls().timbre[0, 0] == pytest.approx(last, abs=0.01)
    bench.panel.patch("CV_3", pin.share("CV_3", 5.0))
    bench.run(0.05)
    do(bench, Choose("CV III", "none"))
    assert bench.player.blend.tolist() == [1, 0, 0, 0]
