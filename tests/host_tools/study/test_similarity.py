from __future__ import annotations

import pytest
import torch
from tombola_host.study.laboratory.similarity import debiased_cka, height, overlap


def rows(count, units, seed):
    return torch.randn(count, units, generator=torch.Generator().manual_seed(seed))


def test_random_layers_with_more_units_than_examples_have_no_likeness():
    """The biased form gives 0.9 here."""
    first, second = rows(40, 400, 0), rows(40, 400, 1)
    assert abs(debiased_cka(first, second)) < 0.05
    centred = [each - each.mean(0) for each in (first, second)]
    cross, own, other = (
        (a.T @ b).square().sum() for a, b in ((centred[0], centred[1]), (centred[0],) * 2, (centred[1],) * 2)
    )
    assert float(cross / (own * other).sqrt()) > 0.85


def test_a_layer_is_like_itself_turned_and_scaled():
    first = rows(100, 8, 0)
    turn, _ = torch.linalg.qr(rows(8, 8, 1))
    assert debiased_cka(first, 3 * first @ turn) == pytest.approx(1.0, abs=1e-6)


def test_random_masks_overlap_as_chance_does_and_equal_ones_by_one_over_their_density():
    masks = [{"a": torch.rand(20_000, generator=torch.Generator().manual_seed(seed)) < 0.1} for seed in (0, 1)]
    assert overlap(*masks) == pytest.approx(1.0, abs=0.1)
    assert overlap(masks[0], masks[0]) == pytest.approx(10.0, rel=0.05)


def test_height_is_counted_above_the_line_between_both_ends():
    assert height(lambda at: 1 - (2 * at - 1) ** 2 + (2 * at - 1)) == pytest.approx(1.0)
    assert height(lambda at: (2 * at - 1) ** 2) == pytest.approx(0.0)
