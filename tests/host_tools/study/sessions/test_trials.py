"""Orders are blind, drawn from a seed, and fit into the minutes."""

from __future__ import annotations

from collections import Counter

import pytest
from tombola_host.study.sessions.session import REFERENCE
from tombola_host.study.sessions.trials import planned_s, trials_of, tuning_votes

LISTENERS = [f"listener {n}" for n in range(60)]


def test_the_same_listener_gets_the_same_order_and_another_one_another(sheet):
    pairs = sheet(stimuli=6)
    assert trials_of(pairs, "anna") == trials_of(pairs, "anna") != trials_of(pairs, "ben")
    assert trials_of(pairs, "anna") != trials_of(sheet(stimuli=6, seed=4), "anna")


def test_each_pair_is_asked_once_and_stands_on_either_side_equally_often(sheet):
    pairs = sheet(stimuli=3)
    sides = Counter()
    for listener in LISTENERS:
        trials = trials_of(pairs, listener)
        assert len({frozenset(trial.slots.values()) for trial in trials}) == 3 == len(trials)
        sides.update(trial.slots["A"] for trial in trials)
    assert all(40 < count < 80 for count in sides.values())


def test_x_is_a_or_b_equally_often_and_never_something_else(sheet):
    test = sheet("abx", stimuli=2, repeats=16)
    behind = Counter(
        "A" if trial.slots["X"] == trial.slots["A"] else "B" for name in LISTENERS for trial in trials_of(test, name)
    )
    assert sum(behind.values()) == 16 * 60
    assert 0.45 < behind["A"] / sum(behind.values()) < 0.55
    assert all(trial.slots["X"] in (trial.slots["A"], trial.slots["B"]) for trial in trials_of(test, "anna"))


def test_ratings_show_the_reference_openly_and_hide_it_behind_a_letter(sheet):
    (trial,) = trials_of(sheet("ratings"), "anna")
    assert trial.slots.pop(REFERENCE) == REFERENCE
    assert sorted(trial.slots.values()) == sorted(["s1", "s2", "s3", REFERENCE, "anchor 3.5 kHz", "anchor 7 kHz"])
    places = {
        next(k for k, v in trials_of(sheet("ratings"), name)[0].slots.items() if v == REFERENCE and k != REFERENCE)
        for name in LISTENERS
    }
    assert len(places) == 6


@pytest.mark.parametrize("minutes", [1.0, 5.0, 20.0])
def test_a_listener_is_never_planned_for_more_minutes_than_the_session_has(sheet, minutes):
    pairs = sheet(stimuli=20, minutes=minutes)
    trials = trials_of(pairs, "anna")
    assert planned_s(pairs, trials) <= 60 * minutes
    assert planned_s(pairs, trials) > 60 * minutes - 10 or len(trials) == 190
    # Of 190 pairs nearly all come up, at somebody or other.
    asked = {frozenset(trial.slots.values()) for name in LISTENERS for trial in trials_of(pairs, name)}
    assert len(asked) > 170


def test_a_tuning_session_has_as_many_votes_as_fit(sheet):
    assert tuning_votes(sheet("tune", votes=25)) == 25
    assert tuning_votes(sheet("tune", votes=25, minutes=1.0, options=4)) == 6
