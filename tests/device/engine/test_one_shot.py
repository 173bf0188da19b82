"""Hits: they begin at their sample, sound to their end, restart without a click, blend with tones."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.bundle import Bundle, decode_bundle, encode_bundle
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.graph import onset_graph
from tombola_device.contract.manifest import Envelope
from tombola_device.engine.crossfade import FADE_PERIODS, Crossfade, preroll
from tombola_device.engine.engine import HEADROOM_DB, Engine
from tombola_device.engine.onset_session import OnsetSession
from tombola_device.engine.probe import probe_bundle
from tombola_device.play.player import Player

QUARTET = Path(__file__).parents[3] / "models" / "quartet" / "quartet.tombola"
SAMPLES = 6000
GAIN = 10 ** (HEADROOM_DB / 20)
TIME = np.arange(SAMPLES)


def render(engine, player, periods):
    out = np.zeros(periods * 128, np.float32)
    engine.render(player.controls(), out)
    return out


def hit(note=69.0, number=1, samples=SAMPLES):
    """The hit that the graph in conftest makes."""
    time = np.arange(samples)
    turns = 440 * 2 ** ((note - 69) / 12) / 48_000
    return np.cos(2 * np.pi * number * turns * time) * 10 ** (-3 * time / samples) / (number + 1)


def struck(bundle, note=69, velocity=1.0, periods=0, voices=2):
    engine, player = Engine(bundle, voices), Player(len(bundle.manifest.modes), voices)
    engine.warm_up()
    player.note_on(note, velocity)
    return engine, player, render(engine, player, periods) if periods else np.zeros(0)


def heard(expected):
    """The engine's output for a sound: at its headroom, until the DC block finds an offset."""
    return GAIN * expected


def test_a_hit_begins_with_its_period_and_equals_the_graphs_output(make_struck):
    _, _, sound = struck(make_struck(), periods=60)
    np.testing.assert_allclose(sound[:SAMPLES], heard(hit()), atol=2e-3)
    assert sound[0] == pytest.approx(GAIN / 2, abs=1e-6)
    assert np.abs(sound[SAMPLES:]).max() < 2e-3


def test_a_delayed_hit_begins_at_its_sample_and_keeps_its_attack(make_struck):
    for late in (0, 1, 64, 112):
        engine, player = Engine(make_struck(), 1), Player(2, 1)
        player.note_on(69, 1.0)
        engine.delay_onsets([late])
        sound = render(engine, player, 3)
        assert not sound[:late].any()
        np.testing.assert_allclose(sound[late:384], heard(hit())[: 384 - late], atol=2e-3)
        assert engine.waited_samples == late


def test_a_one_shot_ignores_its_key_and_falls_silent_by_itself(make_struck):
    engine, player, first = struck(make_struck(), periods=2)
    player.note_off(69)
    sound = np.concatenate([first, render(engine, player, 60)])
    np.testing.assert_allclose(sound[:SAMPLES], heard(hit()), atol=2e-3)
    render(engine, player, 2000)
    assert engine.idle
    assert engine.sounding == 0
    assert engine.levels_db == [-80.0, -80.0]
    assert not render(engine, player, 4).any()


def test_a_hit_that_is_held_falls_at_its_release(make_struck):
    envelope = Envelope([0.0, 1.0], [0.0, 0.0], 0.0, -1000.0)
    engine, player, _ = struck(make_struck(gate="held", envelope=envelope), periods=10)
    player.note_off(69)
    sound = render(engine, player, 32)
    at = 10 * 128 + 8 * 128
    expected = heard(hit())[at : at + 128] * 10 ** (-1000 * 8.5 / 375 / 20)
    np.testing.assert_allclose(sound[8 * 128 : 9 * 128], expected, atol=3e-3)
    assert engine.idle


def test_velocity_zero_to_one_spans_24_db(make_struck):
    loud, soft = (struck(make_struck(), velocity=velocity, periods=3)[2] for velocity in (1.0, 0.5))
    assert 20 * np.log10(loud[0] / soft[0]) == pytest.approx(12.0, abs=1e-3)


def test_panic_ends_it_within_one_period(make_struck):
    engine, player, before = struck(make_struck(), periods=3)
    player.panic()
    sound = render(engine, player, 1)
    assert np.abs(np.diff(np.concatenate([before, sound]))).max() < 1.2 * np.abs(np.diff(heard(hit()))).max()
    assert np.abs(sound[-4:]).max() < 0.02
    assert np.abs(render(engine, player, 2)).max() < 2e-3
    assert engine.idle


@settings(max_examples=25, deadline=None)
@given(periods=st.integers(1, 46), soft=st.floats(0.1, 1.0))
def test_struck_again_the_old_hit_fades_in_a_straight_line_and_the_new_one_is_complete(make_struck, periods, soft):
    engine, player, _ = struck(make_struck(), periods=periods, voices=1)
    player.note_on(69, soft)
    sound = render(engine, player, 20)
    old = np.zeros(SAMPLES + 256)
    old[:SAMPLES] = heard(hit())
    fade = np.arange(127, -1, -1) / 128
    expected = heard(hit())[: 20 * 128] * 10 ** (24 * (soft - 1) / 20)
    expected[:128] += old[periods * 128 : periods * 128 + 128] * fade
    np.testing.assert_allclose(sound, expected, atol=5e-3)


def test_each_note_and_blend_makes_its_own_hit(make_struck):
    engine, player, _ = struck(make_struck(), note=60, periods=1)
    asked = engine.renderers[0].session.controls
    assert asked[0].tolist() == [60.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    player.morph(0.25)
    player.note_on(67, 0.5)
    render(engine, player, 1)
    np.testing.assert_allclose(asked[1], [67.0, 0.5, 0.0, 0.0, 0.75, 0.25], atol=1e-6)


def test_timbre_of_a_hit_is_that_of_its_modes_at_its_onset(make_struck):
    modes = {"controls": {"timbre_x": (-2.0, 0.0, 1.0)}}
    engine, player, _ = struck(make_struck(**modes), periods=1)
    player.set_timbre(0, 1.0)
    render(engine, player, 1)
    assert engine.renderers[0].session.controls[0, 2] == 0.0
    player.note_on(69, 1.0)
    render(engine, player, 1)
    assert engine.renderers[0].session.controls[:, 2].max() == 1.0


def test_the_graph_runs_only_at_onsets_once_each(make_struck, monkeypatch):
    runs = []
    run = OnsetSession.run
    monkeypatch.setattr(OnsetSession, "run", lambda self, voice, side: (runs.append(voice), run(self, voice, side)))
    engine, player = Engine(make_struck(), 4), Player(2, 4)
    for note in (60, 64, 67):
        player.note_on(note, 1.0)
    render(engine, player, 30)
    player.morph(0.7)
    render(engine, player, 30)
    assert sorted(runs) == [0, 1, 2]


# Both kinds in one engine


def test_tones_beside_hits_sound_as_they_do_alone(make_struck, make_bundle):
    both, alone = Engine(make_struck(tones=3), 2), Engine(make_bundle(3), 2)
    one, other = Player(5, 2), Player(3, 2)
    for player in (one, other):
        player.note_on(64, 0.8)
    np.testing.assert_array_equal(render(both, one, 40), render(alone, other, 40))


def test_hits_beside_tones_sound_as_they_do_alone(make_struck):
    both, alone = Engine(make_struck(tones=3), 2), Engine(make_struck(), 2)
    one, other = Player(5, 2), Player(2, 2)
    one.program_change(3)
    for player in (one, other):
        player.note_on(64, 0.8)
    np.testing.assert_allclose(render(both, one, 40), render(alone, other, 40), atol=1e-6)


def test_a_blend_of_both_is_the_sum_of_both_at_equal_power(make_struck):
    def played(blend):
        engine, player = Engine(make_struck(tones=1, hits=1), 1), Player(2, 1)
        player.set_blend(blend)
        player.note_on(69, 1.0)
        return render(engine, player, 40)

    tone, struck_alone, both = played([1.0, 0.0]), played([0.0, 1.0]), played([0.5, 0.5])
    np.testing.assert_allclose(both, (tone + struck_alone) * np.sqrt(0.5), atol=2e-3)


def test_a_blend_that_moves_from_hit_to_tone_jumps_no_more_than_either(make_struck):
    engine, player = Engine(make_struck(tones=1, hits=1), 1), Player(2, 1)
    player.set_blend([0.0, 1.0])
    player.note_on(69, 1.0)
    before = render(engine, player, 4)
    assert not engine.renderers[0].sounding[0]
    player.set_blend([1.0, 0.0])
    sound = np.concatenate([before, render(engine, player, 80)])
    own = np.abs(np.diff(heard(hit()))).max() + 2 * np.pi * 440 / 48_000 * 0.1 * np.sqrt(2) * GAIN
    assert np.abs(np.diff(sound)).max() <= own
    level_db = 10 * np.log10(np.mean(np.square(sound[-2560:])))
    assert level_db == pytest.approx(-20 + HEADROOM_DB, abs=0.1)


def test_a_bundle_of_both_goes_through_its_file_and_the_probe_and_swaps_under_a_hit(make_struck):
    bundle = decode_bundle(encode_bundle(make_struck(tones=2, hits=1)))
    probe_bundle(bundle)
    engine, player = Engine(bundle, 2), Player(3, 2)
    player.program_change(2)
    player.note_on(69, 1.0)
    fader = Crossfade(engine)
    render(fader, player, 3)
    twin = engine.twin()
    preroll(twin, player.controls)
    fader.swap(twin)
    sound = render(fader, player, 60 + FADE_PERIODS)
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() < 1.0
    assert not fader.fading


def test_sound_does_not_depend_on_how_many_periods_are_rendered_at_once(make_struck):
    sounds = []
    for periods in (1, 5):
        engine, player, _ = struck(make_struck(tones=1, hits=1))
        player.set_blend([0.3, 0.7])
        player.note_on(60, 0.6)
        controls, blocks = player.controls(), []
        for _ in range(20 // periods):
            blocks.append(np.zeros(periods * 128, np.float32))
            engine.render(controls, blocks[-1])
        sounds.append(np.concatenate(blocks))
    np.testing.assert_array_equal(*sounds)


@pytest.fixture(scope="module")
def quartet_and_hit(make_struck):
    """The shipped bundle, whose noise overlaps periods, with a hit beside its four modes."""
    quartet, hits = decode_bundle(QUARTET.read_bytes()), make_struck(hits=1)
    modes = [*quartet.manifest.modes, *hits.manifest.modes]
    ports = {**quartet.manifest.graphs, **hits.manifest.graphs}
    manifest = msgspec.structs.replace(quartet.manifest, modes=modes, graphs=ports)
    return decode_bundle(encode_bundle(Bundle(manifest, {**quartet.graphs, **hits.graphs})))


@pytest.mark.parametrize("mode", range(4))
def test_a_blend_with_a_graph_whose_sound_overlaps_is_the_sum_of_both_at_equal_power(quartet_and_hit, mode):
    def played(*blends):
        engine, player, sounds = Engine(quartet_and_hit, 1), Player(5, 1), []
        for blend in blends:
            player.set_blend(blend)
            if not sounds:
                player.note_on(62, 0.9)
            sounds.append(render(engine, player, 60))
        return np.concatenate(sounds)

    one, hit_alone = np.eye(5)[mode], np.eye(5)[4]
    both = (one + hit_alone) / 2
    np.testing.assert_allclose(
        played(both, both), (played(one, one) + played(hit_alone, hit_alone)) * np.sqrt(0.5), atol=2e-3
    )
    # During the blend, no jump is larger than those of the two sounds.
    own = sum(np.abs(np.diff(played(alone, alone))).max() for alone in (one, hit_alone))
    assert np.abs(np.diff(played(hit_alone, one))).max() <= own
    assert np.abs(np.diff(played(one, hit_alone))).max() <= own


def test_two_hundred_hits_leave_no_memory_behind(make_struck):
    engine, player = Engine(make_struck(tones=1, hits=1), 4), Player(2, 4)
    player.set_blend([0.5, 0.5])

    def play(hits):
        out = np.zeros(128, np.float32)
        for number in range(hits):
            player.note_on(40 + number % 40, 0.7)
            controls = player.controls()
            for _ in range(5):
                engine.render(controls, out)
            player.note_off(40 + number % 40)

    play(20)
    gc.collect()
    tracemalloc.start()
    before, objects = tracemalloc.get_traced_memory()[0], len(gc.get_objects())
    play(200)
    gc.collect()
    grown, more = tracemalloc.get_traced_memory()[0] - before, len(gc.get_objects()) - objects
    tracemalloc.stop()
    assert grown < 20_000  # The last frame and the player's few notes; a hit has 24 000 bytes.
    assert more < 20


# Refusals


def test_a_hit_of_another_length_or_with_controls_unknown_at_an_onset_is_refused(make_struck):
    onnx = make_struck().graphs["onset"]
    with pytest.raises(BadBundle, match=r"not float of shape \(voices, 5000\)"):
        OnsetSession(onnx, onset_graph(2, 5000), 1)
    with pytest.raises(BadBundle, match="loudness_db.* are known when a note begins"):
        OnsetSession(onnx, onset_graph(2, SAMPLES, ("note", "loudness_db")), 1)


def test_a_hit_of_nan_is_refused_by_the_probe_and_muted_by_the_engine(make_struck):
    bundle = make_struck(note_range=(1e30, 1e30))
    with pytest.raises(BadBundle, match="no usable sound in mode 'hit 0'"):
        probe_bundle(bundle)
    engine, player = Engine(bundle, 1), Player(2, 1)
    player.note_on(69, 1.0)
    player.pitch_bend(1.0)
    controls = player.controls()
    controls.note[:] = 1e30
    out = np.zeros(1280, np.float32)
    engine.render(controls, out)
    assert not out.any()
    assert "was muted" in engine.fault
