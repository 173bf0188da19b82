"""One engine takes over from another while notes are held."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tombola_device.contract.errors import BadBundle, ShapeError
from tombola_device.engine.crossfade import FADE_PERIODS, Crossfade, fit_modes, preroll
from tombola_device.engine.engine import Engine
from tombola_device.play.player import Player


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


def swap(fader: Crossfade, engine: Engine, player: Player) -> None:
    preroll(engine, player.controls)
    fader.swap(engine)


def test_a_bundle_that_breaks_on_the_held_notes_is_refused_before_it_is_heard(make_bundle):
    _, player = held(make_bundle())
    with pytest.raises(BadBundle, match="no numbers"):
        preroll(Engine(make_bundle(poison=np.nan), 4), player.controls)


def test_bundle_swap_has_no_gap_and_no_click(make_bundle):
    engine, player = held(make_bundle(modes=3))
    fader = Crossfade(engine)
    before = render(fader, player, 20)
    swap(fader, Engine(make_bundle(modes=3, name="next"), 4), player)
    sound = render(fader, player, FADE_PERIODS + 20)
    assert not fader.fading
    assert fader.engine.manifest.name == "next"
    own = np.abs(np.diff(before)).max()
    # With equal power, two sounds in phase would be 3 dB louder in the middle of the fade.
    assert np.abs(np.diff(np.concatenate([before[-1:], sound]))).max() <= own * np.sqrt(2) * 1.01
    assert rms_db(sound[-1280:]) == pytest.approx(-26, abs=0.1)


def test_bundle_swap_to_another_number_of_modes_keeps_held_notes_sounding(make_bundle):
    engine, player = held(make_bundle(modes=3))
    player.program_change(2)
    fader = Crossfade(engine)
    swap(fader, Engine(make_bundle(modes=1), 4), player)
    render(fader, player, FADE_PERIODS + 5)
    player.set_modes(1)
    sound = render(fader, player, 100)
    assert peak_hz(sound) == pytest.approx(440, abs=2)


def test_swap_during_a_fade_waits_and_the_last_one_wins(make_bundle):
    engine, player = held(make_bundle())
    fader = Crossfade(engine)
    for name in ("second", "third", "fourth"):
        swap(fader, Engine(make_bundle(name=name), 4), player)
        render(fader, player, 1)
    assert fader.engine.manifest.name == "second"
    render(fader, player, 2 * FADE_PERIODS)
    assert fader.engine.manifest.name == "fourth"
    assert not fader.fading


def test_swap_away_from_a_broken_bundle_brings_the_sound_back(make_bundle):
    engine, player = held(make_bundle(poison=np.inf))
    assert engine.fault
    fader = Crossfade(engine)
    swap(fader, Engine(make_bundle(), 4), player)
    render(fader, player, FADE_PERIODS)
    assert rms_db(render(fader, player, 60)) == pytest.approx(-26, abs=0.1)
    assert not fader.engine.fault


def test_notes_released_before_a_swap_do_not_begin_again(make_bundle):
    engine, player = held(make_bundle())
    player.note_off(69)
    render(engine, player, 200)
    fader = Crossfade(engine)
    swap(fader, Engine(make_bundle(name="next"), 4), player)
    assert not render(fader, player, 100).any()


def test_engines_share_the_noise_table_where_it_fits_and_sound_as_if_they_did_not(make_bundle):
    bundle = make_bundle(noise_bands=3)
    first, player = held(bundle)
    second, alone = Engine(bundle, 4, neighbour=first), Engine(bundle, 4)
    assert second.noise_tables[3, False] is first.noise_tables[3, False]
    assert second.noise_tables[3, False].shape[1] == 3
    Engine(make_bundle(noise_bands=2), 4, neighbour=first)
    assert sorted(first.noise_tables) == [(2, False), (3, False)]
    np.testing.assert_array_equal(render(second, player, 30), render(alone, player, 30))


def test_swap_with_another_number_of_voices_is_refused(bundle):
    with pytest.raises(ShapeError, match="2 voices"):
        Crossfade(Engine(bundle, 4)).swap(Engine(bundle, 2))


def test_fitted_blend_stays_on_the_simplex():
    player = Player(4, 2)
    player.set_blend([0.0, 0.5, 0.0, 0.5])
    controls = player.controls()
    assert fit_modes(controls, 2).blend[0].tolist() == [0.0, 1.0]
    assert fit_modes(controls, 1).blend[0].tolist() == [1.0]
    assert fit_modes(controls, 6).blend.sum(axis=1).tolist() == [1.0, 1.0]
    assert fit_modes(replace(controls), 4).blend is controls.blend


def test_swap_under_a_chord_whose_lowest_voice_was_released_is_no_louder_than_the_chord(make_bundle):
    engine, player = held(make_bundle())
    player.note_on(76, 1.0)
    player.note_off(69)
    player.hear(engine.levels_db)
    render(engine, player, 200)
    fader = Crossfade(engine)
    before = rms_db(render(fader, player, 100))
    swap(fader, Engine(make_bundle(name="next"), 4), player)
    render(fader, player, FADE_PERIODS)
    assert rms_db(render(fader, player, 100)) == pytest.approx(before, abs=0.1)


def test_controls_that_fit_neither_engine_of_a_swap_are_fitted_to_both(make_bundle):
    engine, player = held(make_bundle(modes=3))
    fader = Crossfade(engine)
    swap(fader, Engine(make_bundle(modes=4, name="next"), 4), player)
    player.set_modes(2)
    sound = render(fader, player, FADE_PERIODS + 60)
    assert rms_db(sound[-60 * 128 :]) == pytest.approx(-26, abs=0.1)
