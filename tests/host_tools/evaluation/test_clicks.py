from __future__ import annotations

import numpy as np
import pytest
from tombola_device.contract.controls import SAMPLE_RATE_HZ, SILENCE_DB
from tombola_device.contract.errors import ShapeError
from tombola_host.evaluation.clicks import find_clicks, largest_jump, level_curve_db, level_dip_db


def sine(hz=440.0, seconds=1.0, amplitude=0.5):
    time = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (amplitude * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def test_the_largest_jump_of_a_sine_is_amplitude_times_angle():
    assert largest_jump(sine(440.0)) == pytest.approx(0.5 * 2 * np.pi * 440 / SAMPLE_RATE_HZ, rel=1e-3)


def test_a_steady_sine_has_no_click_anywhere():
    clicks = find_clicks(sine(), [0.25, 0.5])
    assert clicks.jump_ratio == pytest.approx(1.0, abs=1e-3)
    assert clicks.bend_ratio == pytest.approx(1.0, abs=1e-3)


def test_a_step_of_a_tenth_is_found_where_it_is_and_not_elsewhere():
    wave = sine()
    wave[24_000:] += 0.1
    assert find_clicks(wave, [0.5]).jump > 0.1
    assert find_clicks(wave, [0.5]).jump_ratio > 3.0
    assert find_clicks(wave, [0.25]).jump_ratio < 0.35


def test_a_kink_hidden_in_the_slope_shows_in_the_bend():
    wave = sine(100.0)
    wave[24_000:] += 0.004
    clicks = find_clicks(wave, [0.5])
    assert clicks.jump_ratio < 1.7
    assert clicks.bend_ratio > 30.0


def test_events_outside_of_the_sound_or_everywhere_are_refused():
    with pytest.raises(ShapeError, match=r"an event at 2\.0 s is outside"):
        find_clicks(sine(), [2.0])
    with pytest.raises(ShapeError, match="some of the sound is near"):
        find_clicks(sine(), [0.5], around_s=1.0)
    with pytest.raises(ShapeError, match="some of the sound is near"):
        find_clicks(sine(), [])


def test_a_sine_of_amplitude_half_has_a_level_of_minus_9_db_every_10_ms():
    level = level_curve_db(sine(400.0))
    assert level.shape == (100,)
    assert level == pytest.approx(-9.03, abs=0.01)


def test_silence_has_the_level_of_silence():
    assert set(level_curve_db(np.zeros(4800, np.float32))) == {SILENCE_DB}


def test_a_sweep_from_loud_to_soft_evenly_in_db_has_no_dip():
    gain = 10 ** (np.linspace(0, -12, 2 * SAMPLE_RATE_HZ) / 20)
    assert level_dip_db(sine(440, 2.0) * gain, [0.1, 1.9]) < 0.05


def test_a_dip_of_3_db_halfway_is_3_db_deep():
    gain = np.ones(2 * SAMPLE_RATE_HZ)
    gain[40_000:56_000] = 10 ** (-3 / 20)
    assert level_dip_db(sine(440, 2.0) * gain, [0.2, 1.8]) == pytest.approx(3.0, abs=0.05)


def test_a_linear_cross_fade_of_unlike_notes_dips_by_3_db():
    fade = np.clip(np.linspace(-0.5, 1.5, 2 * SAMPLE_RATE_HZ), 0.0, 1.0)
    wave = (1 - fade) * sine(440, 2.0) + fade * sine(617, 2.0)
    assert level_dip_db(wave, [0.2, 1.8]) == pytest.approx(3.0, abs=0.3)


def test_a_bump_is_no_dip():
    gain = np.ones(2 * SAMPLE_RATE_HZ)
    gain[40_000:56_000] = 2.0
    assert level_dip_db(sine(440, 2.0) * gain, [0.2, 1.8]) < 0.05


@pytest.mark.parametrize("anchors", [[0.5], [0.5, 0.4], [0.5, 3.0]])
def test_a_dip_needs_two_rising_moments_inside_the_sound(anchors):
    with pytest.raises(ShapeError):
        level_dip_db(sine(), anchors)
