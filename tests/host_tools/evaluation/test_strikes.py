from __future__ import annotations

import numpy as np
import pytest
from tombola_device.contract.controls import FRAME_RATE_HZ, SAMPLE_RATE_HZ
from tombola_host.evaluation.frames import Frames, measured
from tombola_host.evaluation.strikes import (
    attack_s,
    compare,
    compare_decays,
    decays_db_per_s,
    let_go_s,
    release_db_per_s,
)


def sine(seconds, amplitude):
    """440 Hz under an envelope given as (s, linear) or, where it is negative, (s, dB) points."""
    time_s = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    at, values = zip(*amplitude, strict=True)
    curve = np.interp(time_s, at, values)
    curve = 10 ** (curve / 20) if min(values) < 0 else curve
    return (curve * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)


@pytest.mark.parametrize("rise_s", [0.05, 0.1, 0.3])
def test_a_straight_rise_takes_four_fifths_of_its_length_from_10_to_90_percent(rise_s):
    found = attack_s(sine(1.0, [(0, 0), (rise_s, 0.5)]), 69.0, sustained=True)
    assert found == pytest.approx(0.8 * rise_s, abs=0.006)


def test_a_struck_note_rises_to_its_peak_and_a_held_one_to_what_it_holds():
    struck = sine(1.0, [(0, 0), (0.02, 1.0), (0.6, 0.1)])
    assert attack_s(struck, 69.0, sustained=False) == pytest.approx(0.016, abs=0.006)
    overshoots = sine(1.0, [(0, 0), (0.02, 1.0), (0.08, 0.25)])
    assert attack_s(overshoots, 69.0, sustained=True) == pytest.approx(0.004, abs=0.004)


def test_silence_and_very_short_sounds_have_no_attack():
    assert attack_s(np.zeros(48_000, np.float32), 69.0, sustained=True) is None
    assert attack_s(sine(0.3, [(0, 0.5)]), 69.0, sustained=True) is None


@pytest.mark.parametrize("slope", [-30.0, -76.0, -161.0])
def test_a_release_has_the_slope_that_it_was_made_with_whether_its_time_is_known_or_not(slope):
    sound = sine(4.0, [(0, -10), (2.0, -10), (2.0 + 60 / -slope, -70)])
    assert release_db_per_s(sound) == pytest.approx(slope, rel=0.08)
    assert release_db_per_s(sound, 2.0) == pytest.approx(slope, rel=0.08)
    assert let_go_s(sound) == pytest.approx(2.0, abs=0.03 + 6 / -slope)


def test_a_recording_that_is_cut_off_has_no_release():
    assert release_db_per_s(sine(2.0, [(0, -10)])) is None
    assert release_db_per_s(sine(2.0, [(0, -10), (1.9, -10), (2.0, -25)])) is None


def test_a_swell_before_the_release_is_not_taken_for_it():
    sound = sine(4.0, [(0, -20), (1.0, -10), (2.5, -14), (2.9, -74)])
    assert release_db_per_s(sound) == pytest.approx(-150, rel=0.1)


def decaying(slopes, seconds=2.0, beat_hz=0.0):
    time_s = np.arange(round(seconds * FRAME_RATE_HZ)) / FRAME_RATE_HZ
    courses = np.array(slopes) * time_s[:, None] - 3.0 * np.arange(len(slopes))
    beats = 20 * np.log10(np.abs(1 + 0.95 * np.exp(2j * np.pi * beat_hz * time_s)) / 1.95)[:, None] if beat_hz else 0.0
    courses = courses + beats
    level = 10 * np.log10(np.sum(10 ** (courses / 10), axis=1))
    return Frames(np.full(len(level), 69.0), level, courses - level[:, None])


SLOPES = [-10.0 - 3 * h for h in range(10)]


def test_each_partials_decay_is_found():
    assert decays_db_per_s(decaying(SLOPES)) == pytest.approx(SLOPES, abs=0.5)


def test_two_strings_that_beat_do_not_change_the_decay_much():
    assert decays_db_per_s(decaying(SLOPES, beat_hz=5.0)) == pytest.approx(SLOPES, abs=3.0)


def test_a_partial_that_is_not_heard_has_no_decay():
    quiet = decaying(SLOPES)
    hidden = quiet.partials_db.copy()
    hidden[:, 4] = -60.0
    found = decays_db_per_s(Frames(quiet.note, quiet.level_db, hidden))
    assert np.isnan(found).tolist() == [h == 4 for h in range(10)]


def test_the_decay_of_a_sound_is_measured_through_its_analysis(sung):
    level_db = np.linspace(-10, -40, 900)
    found = decays_db_per_s(measured(sung(69.0, 2.4, level_db=level_db, hiss_db=-90), 69.0))
    assert found[:6] == pytest.approx([-12.5] * 6, abs=0.7)


def test_figures_are_compared_note_by_note_where_both_sides_have_one():
    found = compare([0.02, None, 0.04, 0.03], [0.02, 0.1, 0.02, None])
    assert found is not None
    assert (found.played, found.real, found.error, found.notes) == pytest.approx((0.03, 0.02, 0.5, 2))
    assert found.off == pytest.approx(0.5)
    assert compare([None], [1.0]) is None


def test_decays_are_compared_partial_by_partial_and_by_their_spread():
    real = decays_db_per_s(decaying(SLOPES))
    alike = compare_decays([real], [real])
    assert alike is not None
    assert (alike.rate.error, alike.spread.error) == (0.0, 0.0)
    even = compare_decays([np.full(10, -20.0)], [real])
    assert even is not None
    assert even.spread.played == 0.0
    assert even.spread.real == pytest.approx(np.std(SLOPES), abs=0.5)
