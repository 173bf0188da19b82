"""The output of an engine: pitch, level, onset, joins, faults."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.controls import SILENCE_DB
from tombola_device.contract.errors import BadBundle, ShapeError
from tombola_device.contract.manifest import Envelope
from tombola_device.engine.engine import Engine
from tombola_device.engine.limiter import THRESHOLD, Limiter
from tombola_device.play.midi_map import MidiMap
from tombola_device.play.player import Player

HEADROOM_DB = -6.0


def render(engine, player: Player, periods: int) -> np.ndarray:
    out = np.zeros(periods * 128, np.float32)
    engine.render(player.controls(), out)
    return out


def rms_db(sound: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(sound, dtype=np.float64)) + 1e-20))


def peak_hz(sound: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 8 * len(sound)))
    return float(np.argmax(spectrum) * 48_000 / (8 * len(sound)))


def held(bundle, note: float = 69, velocity: float = 1.0, periods: int = 60) -> tuple[Engine, Player]:
    engine, player = Engine(bundle, 4), Player(len(bundle.manifest.modes), 4)
    player.note_on(note, velocity)
    render(engine, player, periods)
    return engine, player


def test_a_held_note_has_its_pitch_and_the_level_of_its_envelope(bundle):
    engine, player = held(bundle)
    sound = render(engine, player, 150)
    assert abs(1200 * np.log2(peak_hz(sound) / 440)) < 3
    assert rms_db(sound) == pytest.approx(-20 + HEADROOM_DB, abs=0.05)


def test_first_sound_leaves_within_one_period_of_the_note(bundle):
    engine, player = Engine(bundle, 4), Player(3, 4)
    assert not render(engine, player, 3).any()
    player.note_on(69, 1.0)
    assert np.abs(render(engine, player, 1)).max() > 1e-3


def test_a_slow_attack_that_begins_at_silence_is_heard_in_its_first_period(make_bundle):
    slow = Envelope(time_s=[0.0, 1.0], level_db=[-120.0, -20.0], decay_db_per_s=0, release_db_per_s=-100)
    engine, player = Engine(make_bundle(envelopes=(slow,)), 4), Player(3, 4)
    player.note_on(69, 1.0)
    assert np.abs(render(engine, player, 1)).max() > 0


def test_velocity_zero_to_one_spans_the_velocity_range_of_the_mode(bundle):
    loud, soft = held(bundle, velocity=1.0), held(bundle, velocity=0.5)
    difference_db = rms_db(render(*loud, 100)) - rms_db(render(*soft, 100))
    assert difference_db == pytest.approx(12.0, abs=0.05)


def test_release_falls_at_its_rate_and_ends_in_exact_silence(bundle):
    engine, player = held(bundle)
    player.note_off(69)
    render(engine, player, 25)  # 66.7 ms at -300 dB/s.
    assert engine.levels_db[0] == pytest.approx(-20 - 20, abs=0.9)
    render(engine, player, 60)
    assert engine.idle
    assert engine.levels_db[0] == SILENCE_DB
    assert not render(engine, player, 4).any()
    assert not engine.renderers[0].session.state.any()


def test_a_voice_that_rested_sounds_exactly_like_one_that_never_played(bundle):
    engine, player = held(bundle)
    player.note_off(69)
    render(engine, player, 200)
    fresh, other = Engine(bundle, 4), Player(3, 4)
    player.hear(engine.levels_db)
    player.note_on(76, 0.7)
    other.note_on(76, 0.7)
    np.testing.assert_array_equal(render(engine, player, 30), render(fresh, other, 30))


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 6), min_size=1, max_size=12), modes=st.integers(1, 4), bands=st.sampled_from([0, 3])
)
def test_sound_does_not_depend_on_how_many_periods_are_rendered_at_once(make_bundle, cuts, modes, bands):
    bundle = make_bundle(modes, bands)
    (one, first), (other, second) = held(bundle, periods=2), held(bundle, periods=2)
    for player in (first, second):
        player.note_on(64, 0.5)
        player.morph(1.0)
    whole = render(one, first, sum(cuts))
    controls, parts = second.controls(), []
    for periods in cuts:
        parts.append(np.zeros(periods * 128, np.float32))
        other.render(controls, parts[-1])
    np.testing.assert_array_equal(whole, np.concatenate(parts))


def test_a_harmonic_mode_switch_jumps_no_more_than_the_sound_itself_and_dips_less_than_1_db(bundle):
    engine, player = held(bundle)
    before = render(engine, player, 100)
    player.program_change(1)
    across = render(engine, player, 60)
    after = render(engine, player, 100)
    own = max(np.abs(np.diff(before)).max(), np.abs(np.diff(after)).max())
    assert np.abs(np.diff(np.concatenate([before, across, after]))).max() <= own * 1.001
    assert peak_hz(after) == pytest.approx(880, abs=2)


def test_retrigger_goes_on_from_the_level_it_has(bundle):
    engine, player = held(bundle)
    own = np.abs(np.diff(render(engine, player, 50))).max()
    player.note_on(69, 1.0)
    sound = np.concatenate([render(engine, player, 1) for _ in range(40)])
    assert np.abs(np.diff(sound)).max() <= own * 1.001
    assert min(rms_db(sound[at : at + 960]) for at in range(0, 4800, 480)) > -20 + HEADROOM_DB - 3.5


def test_stolen_voice_does_not_click(bundle):
    engine, player = Engine(bundle, 1), Player(3, 1)
    player.note_on(60, 1.0)
    render(engine, player, 60)
    player.note_on(64, 1.0)
    sound = render(engine, player, 60)
    own = 2 * np.pi * 329.63 / 48_000 * 0.1 * np.sqrt(2) * 10 ** (HEADROOM_DB / 20)
    assert np.abs(np.diff(sound)).max() <= own * 1.01


def test_panic_silences_within_one_period(bundle):
    engine, player = held(bundle)
    player.panic()
    first = render(engine, player, 1)
    assert first[:8].any()
    # The offset that the DC block tracked is quieter than silence, and gone a period later.
    assert np.abs(render(engine, player, 1)).max() < 1e-4
    assert not render(engine, player, 3).any()


def test_loudness_at_zero_is_silent_and_comes_back_with_the_note_still_held(bundle):
    engine, player = held(bundle)
    MidiMap(player).control_change(0, 11, 0)
    render(engine, player, 150)
    assert not render(engine, player, 4).any()
    MidiMap(player).control_change(0, 11, 127)
    render(engine, player, 120)
    assert rms_db(render(engine, player, 100)) == pytest.approx(-26, abs=0.1)


def test_a_dead_mode_comes_back_when_the_blend_moves_to_a_sustained_one(make_bundle):
    sustained = make_bundle().manifest.modes[0].envelope
    struck = Envelope(time_s=[0.0, 0.5], level_db=[-20.0, -35.0], decay_db_per_s=-30.0, release_db_per_s=-200.0)
    engine, player = held(make_bundle(envelopes=(struck, sustained)), periods=375 * 4)
    assert engine.idle
    player.program_change(1)
    render(engine, player, 100)
    assert rms_db(render(engine, player, 100)) == pytest.approx(-26, abs=0.1)


def test_timbre_in_the_middle_is_the_default_of_the_mode(bundle):
    engine, player = held(bundle)
    columns = engine.renderers[0].session.controls
    assert columns[0, 5:7].tolist() == [0.0, 0.5]
    player.set_timbre(0, 0.0)
    player.set_timbre(1, 1.0)
    render(engine, player, 150)
    assert columns[0, 5:7].tolist() == [-2.0, 1.0]


def test_blend_reaches_its_target_exactly_so_that_a_pure_mode_is_pure(bundle):
    engine, player = held(bundle)
    player.program_change(2)
    render(engine, player, 200)
    assert engine.renderers[0].session.controls[0, 7:].tolist() == [0.0, 0.0, 1.0]


def test_a_graph_that_breaks_is_muted_and_named_and_never_reaches_the_card(make_bundle):
    engine, player = Engine(make_bundle(poison=np.nan, name="broken"), 4), Player(3, 4)
    player.note_on(69, 1.0)
    sound = render(engine, player, 20)
    assert not sound.any()
    assert "'broken'" in engine.fault
    assert "muted" in engine.fault


def test_a_graph_that_raises_while_it_plays_is_muted_and_named(make_failing):
    engine, player = held(make_failing("treacherous", note=100))
    assert rms_db(render(engine, player, 60)) == pytest.approx(-20 + HEADROOM_DB, abs=0.1)
    player.note_on(100, 1.0)
    assert not render(engine, player, 4).any()
    assert engine.fault.startswith("the bundle 'treacherous' could not be run (")
    assert engine.idle


def test_a_graph_that_raises_only_with_three_voices_is_refused_by_the_warm_up(make_failing):
    Engine(make_failing(voices=2), 2).warm_up()
    with pytest.raises(BadBundle, match="cannot be run with 3 voices"):
        Engine(make_failing(voices=2), 4).warm_up()


def test_a_graph_forty_decibels_over_full_scale_is_muted_and_not_played_as_a_square(make_bundle):
    loud, far_louder = held(make_bundle(poison=1e3)), held(make_bundle(poison=1e4))
    assert np.abs(render(*loud, 4)).max() == 1.0
    assert not render(*far_louder, 4).any()
    assert "louder than any sound" in far_louder[0].fault


def test_wrong_shapes_are_refused(bundle):
    engine, player = Engine(bundle, 4), Player(3, 4)
    with pytest.raises(ShapeError, match="multiple of 128"):
        engine.render(player.controls(), np.zeros(100, np.float32))
    with pytest.raises(ShapeError, match="takes"):
        engine.render(Player(2, 4).controls(), np.zeros(128, np.float32))


# Limiter


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), level=st.floats(0.01, 40.0))
def test_limiter_never_passes_full_scale_and_leaves_quiet_sound_alone(seed, level):
    rng, limiter = np.random.default_rng(seed), Limiter()
    for _ in range(6):
        block = (rng.standard_normal(128) * level).astype(np.float32)
        before, at_rest = block.copy(), limiter._gain == 1.0
        limiter.process(block)
        assert np.abs(block).max() <= 1.0
        if np.abs(before).max() <= THRESHOLD and at_rest:
            np.testing.assert_array_equal(block, before)


def test_limiter_makes_no_dc_and_recovers(bundle):
    limiter = Limiter()
    sine = (1.5 * np.sin(2 * np.pi * 375 * np.arange(128 * 40) / 48_000)).astype(np.float32)
    blocks = sine.reshape(-1, 128)
    for block in blocks:
        limiter.process(block)
    assert abs(blocks[2:].mean()) < 1e-5
    quiet = np.full(128, 0.1, np.float32)
    for _ in range(400):
        quiet[:] = 0.1
        limiter.process(quiet)
    np.testing.assert_array_equal(quiet, np.full(128, 0.1, np.float32))
