"""The statistics of sessions, against known cases, exact tables and another library."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tombola_host.study.sessions.statistics import abx, bradley_terry, misses_reference, resampled


@pytest.mark.parametrize(("least", "trials"), [(9, 10), (12, 16), (17, 24), (22, 32), (26, 40)])
def test_abx_needs_as_many_right_answers_as_the_exact_table_says(least, trials):
    assert abx(least, trials).p <= 0.05 < abx(least - 1, trials).p
    assert abx(least, trials).p == pytest.approx(
        sum(math.comb(trials, k) for k in range(least, trials + 1)) / 2**trials
    )


def test_abx_interval_is_that_of_clopper_and_pearson():
    none, all_ = abx(0, 10), abx(10, 10)
    assert (none.share.low, all_.share.high) == (0.0, 1.0)
    assert none.share.high == pytest.approx(1 - 0.025 ** (1 / 10))
    assert all_.share.low == pytest.approx(0.025 ** (1 / 10))


def test_strengths_of_known_odds_are_found_again():
    pairs = [("a", "b", 1)] * 300 + [("a", "b", -1)] * 100
    found = bradley_terry(["a", "b"], pairs)
    assert found.strength[0] - found.strength[1] == pytest.approx(math.log(3), abs=0.01)
    assert found.wins()[0, 1] == pytest.approx(0.75, abs=0.01)


def test_ties_pull_strengths_together_and_are_counted():
    sure = bradley_terry(["a", "b"], [("a", "b", 1)] * 30 + [("a", "b", -1)] * 10)
    tied = bradley_terry(["a", "b"], [("a", "b", 1)] * 30 + [("a", "b", -1)] * 10 + [("a", "b", 0)] * 200)
    # Davidson: the odds among those who choose stay the same; how often "no difference" is said goes into ν.
    assert tied.strength[0] - tied.strength[1] == pytest.approx(sure.strength[0] - sure.strength[1], abs=0.02)
    assert tied.tie > sure.tie + 2
    chance = math.exp(tied.tie) / (math.exp(tied.tie) + 2 * math.cosh((tied.strength[0] - tied.strength[1]) / 2))
    assert chance == pytest.approx(200 / 240, abs=0.01)


def test_the_side_on_which_something_stands_does_not_matter():
    rng = np.random.default_rng(0)
    pairs = [
        (str(a), str(b), int(sign))
        for a, b, sign in zip(*rng.integers(4, size=(2, 80)), rng.integers(-1, 2, 80), strict=True)
        if a != b
    ]
    turned = [(b, a, -sign) for a, b, sign in pairs]
    names = [str(n) for n in range(4)]
    assert bradley_terry(names, pairs).strength == pytest.approx(bradley_terry(names, turned).strength, abs=1e-6)


def test_what_always_won_has_a_finite_strength():
    found = bradley_terry(["a", "b"], [("a", "b", 1)] * 12)
    assert 2 < found.strength[0] - found.strength[1] < 10


def test_strengths_without_ties_are_those_of_choix():
    choix = pytest.importorskip("choix", reason="choix is not installed; it is only asked for a second opinion")
    rng = np.random.default_rng(1)
    true = np.array([0.0, 0.5, 1.0, -1.0])
    wins = []
    for _ in range(400):
        a, b = rng.choice(4, 2, replace=False)
        wins.append((a, b) if rng.random() < 1 / (1 + np.exp(true[b] - true[a])) else (b, a))
    ours = bradley_terry(list("0123"), [(str(a), str(b), 1) for a, b in wins]).strength
    theirs = choix.opt_pairwise(4, [(int(a), int(b)) for a, b in wins])
    assert ours == pytest.approx(theirs - theirs.mean(), abs=0.03)


def test_intervals_resample_listeners_not_votes():
    # Ten listeners who disagree with each other and repeat themselves 50 times: the 500 votes are ten opinions.
    by_listener = {str(n): np.full(50, float(n % 2)) for n in range(10)}
    (interval,) = resampled(by_listener, lambda votes: np.array([np.concatenate(votes).mean()]))
    assert interval.value == 0.5
    assert interval.high - interval.low > 0.5
    (alone,) = resampled({"a": np.zeros(50)}, lambda votes: np.array([np.concatenate(votes).mean()]))
    assert np.isnan(alone.low)


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    covered = 0
    for trial in range(60):
        by_listener = {str(n): np.array([value]) for n, value in enumerate(rng.normal(3.0, 1.0, 15))}
        (interval,) = resampled(by_listener, lambda votes: np.array([np.concatenate(votes).mean()]), seed=trial)
        covered += interval.low <= 3.0 <= interval.high
    assert 48 <= covered <= 60


@pytest.mark.parametrize(
    ("hidden", "out"),
    [
        ([100.0] * 20, False),
        ([100.0] * 17 + [50.0] * 3, False),
        ([100.0] * 16 + [50.0] * 4, True),
        ([], False),
        ([89.9], True),
    ],
)
def test_who_misses_the_hidden_reference_in_more_than_15_per_cent_is_left_out(hidden, out):
    assert misses_reference(hidden) is out
