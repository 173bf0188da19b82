"""What a page can ask for beside what the display can: knobs, pads, names of scenes, backup and restore."""

from __future__ import annotations

import json
import random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tombola_device.contract.errors import BadConfig
from tombola_device.disk.fake import FakeFiles, PowerCut
from tombola_device.hal.panel.port import PanelState
from tombola_device.play.player import Player
from tombola_device.surface.actions import (
    JACKS,
    Action,
    Choose,
    MakeBackup,
    Morph,
    MorphBy,
    RecallScene,
    RenameScene,
    Restore,
    SaveScene,
    SetBlend,
    SetGlide,
    SetLife,
    SetLoudness,
    SetTimbre,
    SetTune,
    SetWeight,
)
from tombola_device.surface.archive import UNDER_WAY, _replace, finish_restore
from tombola_device.surface.backup import Backup, read_backup
from tombola_device.surface.browser.state import knobs_of
from tombola_device.surface.hands import PanelMap
from tombola_device.surface.scenes import PLACES, Scene, SceneStore, Settings
from tombola_device.surface.view import Said, View
from tombola_device.surface.volts import Calibration, Line
from tombola_device.surface.wire import KINDS, action_of, fields_of, view_of


@pytest.fixture
def bench(make_bench):
    return make_bench(face="fake")


def do(bench, *actions):
    for action in actions:
        bench.surface.do(action, bench.now_s)
    return bench.view


def test_knobs_and_pads_move_the_player_and_are_seen(bench):
    view = do(
        bench,
        SetBlend((0.0, 0.25, 0.0, 0.75)),
        SetTimbre(0.2, 0.9),
        SetLife(1.5),
        SetLoudness(-12.0),
        SetGlide(0.5),
        SetTune(-0.5),
    )
    assert view.hand_blend == view.blend == (0.0, 0.25, 0.0, 0.75)
    assert (view.timbre, view.life, view.loudness_db) == ((0.2, 0.9), 1.5, -12.0)
    assert (view.glide_s, view.tune_semitones) == (0.5, -0.5)
    assert do(bench, SetWeight(0, 1.0)).blend == (0.5, 0.125, 0.0, 0.375)
    assert do(bench, Morph(0.5)).place == pytest.approx(0.5)


def test_blend_for_another_number_of_modes_is_a_notice(bench):
    assert "give 4 finite weights" in do(bench, SetBlend((1.0, 0.0))).notice


def test_notes_that_are_held_are_seen(bench):
    bench.player.note_on(60, 0.8)
    assert bench.view.held == (60.0,)


@given(st.integers(0, 7), st.floats(0, 1), st.booleans())
def test_knobs_that_a_page_draws_stand_where_the_panels_knobs_do(knob, position, morphed):
    player = Player(5, 1)
    hands = PanelMap(player)
    if morphed:
        player.morph(0.25)
    knobs = [1.0 if index == 0 else 0.5 for index in range(8)]
    hands.apply(PanelState(tuple(knobs), {}), {})
    knobs[knob] = position
    hands.apply(PanelState(tuple(knobs), {}), {})
    view = View(weights=player.weights, timbre=player.timbre, loudness_db=player.loudness_db)
    assert knobs_of(view) == pytest.approx(knobs, abs=0.01)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SetWeight(16, 0.5),
        lambda: SetWeight(0, 1.1),
        lambda: SetBlend((0.0, 0.0)),
        lambda: SetBlend((0.1,) * 17),
        lambda: SetTimbre(0.5, float("nan")),
        lambda: SetLoudness(13.0),
        lambda: SetLife(2.1),
        lambda: SetGlide(-1.0),
        lambda: SetTune(25.0),
        lambda: Morph(1.5),
        lambda: RenameScene(16, "x"),
        lambda: RenameScene(0, "<script>alert(1)</script>"),
        lambda: RenameScene(0, "a" * 25),
        lambda: RenameScene(0, "two\nlines"),
    ],
)
def test_action_that_cannot_be_is_refused_where_it_is_made(make):
    with pytest.raises(BadConfig):
        make()


# Scenes


def test_scene_has_a_name_that_the_display_shows_and_a_restart_keeps(bench, make_bench):
    do(bench, SaveScene(3), RenameScene(3, "dusk"))
    bench.run(0.1)
    assert (bench.view.scenes[3], bench.view.scene_names[3], bench.view.notice) == ("dusk", "dusk", "scene 4 kept")
    again = make_bench(face="fake")
    assert again.view.scenes[3] == "dusk"
    do(again, RenameScene(3, ""))
    again.run(0.1)
    assert (again.view.scenes[3], again.view.scene_names[3]) == ("saxophone", "")
    assert do(again, RenameScene(5, "x")).notice == "no scene is there"


# Backup and restore


def test_backup_holds_everything_and_restore_puts_it_back(bench, make_bench, tmp_path):
    do(bench, SetBlend((0.0, 0.0, 1.0, 0.0)), SaveScene(0), RenameScene(0, "bells"), Choose("MIDI channel", "5"))
    view = do(bench, MakeBackup("t1"))
    assert (view.answer.ticket, view.answer.good) == ("t1", True)
    kept = read_backup(view.answer.text.encode())
    do(bench, SetBlend((1.0, 0.0, 0.0, 0.0)), SaveScene(0), SaveScene(7), Choose("MIDI channel", "9"))
    line = Line(0.1, 10.0)
    restored = Backup(kept.scenes, kept.settings, Calibration({"V_OCT": line}))
    do(bench, Restore(restored, "t2"))
    bench.run(0.1)
    assert bench.view.answer == Said("t2", "restored: 1 scenes, the settings and the calibration")
    assert (bench.view.scenes[0], bench.view.scenes[7]) == ("bells", "")
    assert bench.midi_map.settings.channel == 5
    assert bench.voltmeter.line("V_OCT") == line
    again = make_bench(face="fake", memory=bench.memory)
    assert (again.view.scenes[0], again.view.scenes[7], again.midi_map.settings.channel) == ("bells", "", 5)
    assert again.voltmeter.line("V_OCT") == line
    assert not (tmp_path / UNDER_WAY).exists()


def test_answer_is_shown_for_three_seconds_from_when_it_was_seen_first(bench):
    do(bench, MakeBackup("t"))
    bench.run(2.9)
    assert bench.view.answer is not None
    bench.run(0.2)
    assert bench.view.answer is None


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"\xff", b"{" * 10_000, b'{"scenes": [], "settings": {}, "calibration": {}}'],
)
def test_what_is_no_backup_is_one_sentence(data):
    with pytest.raises(BadConfig, match="no backup of an instrument"):
        read_backup(data)


def test_backup_whose_calibration_cannot_be_is_refused(bench):
    text = json.loads(do(bench, MakeBackup("t")).answer.text)
    text["calibration"] = {"lines": {"V_OCT": {"volts_at_zero": 1.0, "volts_at_full": 1.0}}}
    with pytest.raises(BadConfig, match="V_OCT"):
        read_backup(json.dumps(text).encode())


def test_full_disk_changes_nothing_and_is_one_sentence(bench, tmp_path):
    do(bench, SaveScene(0))
    (tmp_path / f"{UNDER_WAY}.new").mkdir()  # The disk takes no more files.
    empty = Backup((None,) * PLACES, Settings(), Calibration())
    do(bench, Restore(empty, "t"))
    bench.run(0.1)
    assert bench.view.answer.good is False
    assert "so nothing was changed" in bench.view.answer.text
    assert bench.view.scenes[0] == "saxophone"
    assert (tmp_path / "scene-01.json").exists()


def test_after_a_power_cut_at_any_moment_everything_is_as_before_or_as_in_the_backup(tmp_path):
    old = Backup((Scene({"harp": 1.0}),) * 3 + (None,) * 13, Settings(), Calibration())
    new = Backup(
        (None, Scene({"bells": 1.0}, name="new")) + (None,) * 14, Settings(), Calibration({"V_OCT": Line(0, 9)})
    )
    seen = set()
    for cut in range(200):
        disk, saved = FakeFiles(), []
        store = SceneStore(disk, tmp_path)
        _replace(store, saved.append, old)
        disk.cut_power_at(cut)
        try:
            _replace(store, saved.append, new)
        except PowerCut:
            disk = disk.after_power_cut(random.Random(cut))
        else:
            break
        store = SceneStore(disk, tmp_path)
        finish_restore(store, saved.append)
        found = tuple(store.scene(place) for place in range(PLACES))
        assert found in (old.scenes, new.scenes)
        assert found == old.scenes or saved[-1] == new.calibration
        seen.add(found == new.scenes)
    assert seen == {True, False}


# The wire


ACTIONS = st.one_of(
    st.builds(MorphBy, st.floats(-1, 1)),
    st.builds(SetWeight, st.integers(0, 15), st.floats(0, 1)),
    st.builds(SetBlend, st.lists(st.floats(0.01, 1), min_size=1, max_size=16).map(tuple)),
    st.builds(SetTimbre, st.floats(0, 1), st.floats(0, 1)),
    st.builds(RecallScene, st.integers(0, 15)),
    st.builds(RenameScene, st.integers(0, 15), st.text("abc +-_.", max_size=24)),
    st.builds(Choose, st.text(max_size=9), st.text(max_size=9)),
    st.sampled_from(JACKS).map(KINDS["calibrate"]),
)


@given(ACTIONS)
def test_an_action_arrives_as_it_was_sent(action):
    assert action_of(json.loads(json.dumps(fields_of(action)))) == action


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"kind": "explode"},
        {"kind": ["panic"]},
        {"kind": "set_weight"},
        {"kind": "set_weight", "mode": 0.5, "weight": 0.5},
        {"kind": "set_weight", "mode": 0, "weight": 0.5, "also": 1},
        {"kind": "set_weight", "mode": 0, "weight": "0.5"},
        {"kind": "set_timbre", "x": 2, "y": 0},
        {"kind": "choose", "option": 1, "choice": "mono"},
        {"kind": "rename_scene", "place": 0, "name": "<b>"},
        {"kind": "restore", "backup": {"scenes": []}, "ticket": "t"},
    ],
)
def test_what_is_no_action_is_one_sentence(fields):
    with pytest.raises(BadConfig) as refused:
        action_of(fields)
    assert "\n" not in str(refused.value)


def test_every_action_has_a_kind():
    assert {"panic", "set_weight", "accept_key", "make_backup", "stop_learning"} <= KINDS.keys()
    assert set(KINDS.values()) == set(get_args(Action))


def test_a_view_of_another_version_is_one_sentence():
    with pytest.raises(BadConfig, match="update this program"):
        view_of(b'{"bundle": 3}')
