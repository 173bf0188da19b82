"""Lines over the keyboard: what rises is followed, what scatters keeps its median."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import theilslopes
from tombola_device.contract.envelope_keys import MAX_KEYS
from tombola_host.corpus.over_keys import FEWEST_KEYS, keys_of, over_keys

NOTES = np.arange(36.0, 96.0, 3.0)


def line_at(notes, line, at=NOTES):
    return np.interp(at, keys_of(notes), line)


def per_semitone(notes, values):
    return float(theilslopes(values, notes)[0])


def test_keys_are_half_an_octave_apart_and_at_most_sixteen():
    assert keys_of([36.0, 60.0]).tolist() == [36.0, 42.0, 48.0, 54.0, 60.0]
    assert len(keys_of([0.0, 127.0])) == MAX_KEYS
    assert keys_of([60.0, 61.0]).tolist() == [60.0, 61.0]


def test_of_forty_sets_of_chance_at_most_eight_have_a_line():
    rng = np.random.default_rng(0)
    found = [over_keys(NOTES, rng.normal(0.0, 0.5, len(NOTES))) for _ in range(40)]
    assert sum(line is not None for line in found) <= 8


@pytest.mark.parametrize("scatter", [0.0, 0.3])
def test_a_rise_of_three_octaves_is_followed_within_the_scatter(scatter):
    rise = (NOTES - 66.0) / 20.0
    line = over_keys(NOTES, rise + np.random.default_rng(3).normal(0.0, scatter, len(NOTES)))
    assert line is not None
    assert np.abs(line_at(NOTES, line) - rise).mean() < 0.1 + scatter / 2


def test_a_step_is_found_within_half_an_octave_of_notes():
    step = np.where(NOTES < 78, 0.0, -2.5)
    line = over_keys(NOTES, step)
    assert line is not None
    away = np.abs(NOTES - 78) > 6
    assert np.abs(line_at(NOTES, line) - step)[away].max() < 0.5


def test_one_odd_note_moves_the_line_by_less_than_a_tenth_of_itself():
    rise = (NOTES - 66.0) / 20.0
    odd = rise.copy()
    odd[10] += 4.0
    plain, bent = over_keys(NOTES, rise), over_keys(NOTES, odd)
    assert plain is not None
    assert bent is not None
    assert np.abs(plain - bent).max() < 0.4


def test_a_key_recorded_ten_times_counts_once():
    """One odd key among level ones: ten recordings of it are no ten witnesses."""
    notes = np.concatenate([NOTES, np.full(9, 66.0)])
    values = np.where(notes == 66.0, 2.0, 0.0)
    assert over_keys(notes, values) is None


def test_with_fewer_than_eight_keys_nothing_is_said():
    notes = NOTES[: FEWEST_KEYS - 1]
    assert FEWEST_KEYS == 8
    assert over_keys(notes, (notes - 45.0) / 3.0) is None
    more = NOTES[:FEWEST_KEYS]
    assert over_keys(more, (more - 45.0) / 3.0) is not None


def test_what_a_straight_slope_says_already_is_no_line():
    slope = (NOTES - 60.0) / 12.0
    assert over_keys(NOTES, slope, per_semitone) is None
    bend = np.abs(NOTES - 66.0) / 12.0
    line = over_keys(NOTES, slope + bend, per_semitone)
    assert line is not None
    assert line_at(NOTES, line, np.array([36.0, 66.0, 93.0])) == pytest.approx([1.25, -1.25, 1.0], abs=0.35)
