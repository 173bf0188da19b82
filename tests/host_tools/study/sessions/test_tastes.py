"""Tastes of several length scales at once: what they foretell, and what they ask for next."""

from __future__ import annotations

import numpy as np
import pytest
from tombola_host.study.sessions.listeners import Listener, drawn_taste, random_modelled, tuned
from tombola_host.study.sessions.preference import Taste, Votes
from tombola_host.study.sessions.setting import Space
from tombola_host.study.sessions.tastes import KEPT, Tastes, _best_of_pairs

SPACE = Space(("sax", "violin", "flute"))


def votes_by_x(count: int) -> Votes:
    """Choices between random pairs by timbre X alone: the nearer to 0.8 the better."""
    rng, votes = np.random.default_rng(3), Votes(SPACE.dimensions)
    for _ in range(count):
        pair = SPACE.random(rng, 2)
        votes = votes.with_vote(pair, int(np.argmin(np.abs(pair[:, 0] - 0.8))))
    return votes


def test_the_expected_better_one_of_each_pair_is_that_of_many_draws():
    rng = np.random.default_rng(0)
    root = rng.standard_normal((4, 4))
    mean, covariance = rng.standard_normal(4), root @ root.T
    drawn = rng.multivariate_normal(mean, covariance, 200_000)
    expected = np.maximum(drawn[:, :, None], drawn[:, None]).mean(axis=0)
    apart = ~np.eye(4, dtype=bool)
    assert _best_of_pairs(mean, covariance)[apart] == pytest.approx(expected[apart], abs=0.02)


def test_the_scales_that_make_the_votes_probable_weigh_most_and_the_weights_sum_to_1():
    tastes = Tastes(votes_by_x(30))
    evidence = [taste.evidence for taste in tastes._tastes]
    assert evidence == sorted(evidence, reverse=True)
    assert len(evidence) == KEPT
    assert tastes._weights.sum() == pytest.approx(1.0)
    assert tastes._weights[0] / tastes._weights[1] == pytest.approx(np.exp(evidence[0] - evidence[1]))
    # What matters to this listener is X: there the utility changes fastest.
    shortest = tastes._tastes[0]._scales
    assert shortest[0] < shortest[1:].mean()


def test_what_one_coordinate_decides_is_foretold_better_than_by_scales_that_are_the_same_for_all():
    votes, rng = votes_by_x(30), np.random.default_rng(4)
    pairs = SPACE.random(rng, 800).reshape(400, 2, -1)
    nearer = np.argmin(np.abs(pairs[:, :, 0] - 0.8), axis=1)

    def right(model: Taste | Tastes) -> float:
        means = model.mean(pairs.reshape(800, -1)).reshape(400, 2)
        return float((np.argmax(means, axis=1) == nearer).mean())

    assert right(Tastes(votes)) > right(Taste(votes)) + 0.01
    assert right(Tastes(votes)) > 0.8


def test_pairs_lead_nearer_to_the_best_than_random_pairs():
    # docs/notebook/0015-preferences.md has 100 listeners; these are other seeds.
    found, random = [], []
    for seed in range(400, 404):
        taste = drawn_taste(SPACE, seed)
        for way, utilities in ((tuned(2), found), (random_modelled, random)):
            utilities.append(float(taste(way(SPACE, Listener(taste, seed), 25, seed)[None])[0]))
    assert np.mean(found) > 0.85
    assert np.mean(found) > np.mean(random) + 0.05
