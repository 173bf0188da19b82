from __future__ import annotations

import math

import pytest
import torch
from tombola_host.generators.voice.losses import control_loss, normalized

DECIBEL = math.log(10) / 20


def flat(width=10):
    """Equal amplitudes of power 1 together. Shape (1, 4, width)."""
    return torch.full((1, 4, width), -0.5 * math.log(width))


def test_the_loss_is_zero_for_the_target_at_any_common_factor():
    audible, weight = torch.ones(1, 4, 10), torch.ones(1, 4)
    for factor in (-3.0, 0.0, 3.0):
        assert float(control_loss(flat() + factor, audible, flat(), weight)) < 1e-5


def test_one_decibel_off_everywhere_costs_about_its_size():
    audible, weight = torch.ones(1, 4, 10), torch.ones(1, 4)
    zigzag = DECIBEL * torch.tensor([1.0, -1.0] * 5)
    loss = float(control_loss(flat() + zigzag, audible, flat(), weight))
    assert loss == pytest.approx(DECIBEL, rel=0.7)
    assert loss > DECIBEL  # the linear term comes on top


def test_inaudible_amplitudes_and_frames_without_weight_do_not_count():
    audible, weight = torch.ones(1, 4, 10), torch.ones(1, 4)
    audible[..., 7:], weight[:, 2:] = 0.0, 0.0
    target = flat() + 0.5 * math.log(10 / 7)
    wrong = target.clone()
    wrong[..., 7:] += 5.0
    wrong[:, 2:] = torch.randn(2, 10)
    assert float(control_loss(wrong, audible, target, weight)) < 1e-5


def test_differences_far_below_the_level_hardly_count():
    audible, weight = torch.ones(1, 4, 10), torch.ones(1, 4)
    target, predicted = flat(), flat()
    target[..., 9], predicted[..., 9] = -110 * DECIBEL, -130 * DECIBEL
    assert float(control_loss(predicted, audible, target, weight)) < 0.12  # the other nine share the rest: 1 dB
    target[..., 9] = predicted[..., 9] = -110 * DECIBEL
    shared = float(control_loss(predicted, audible, target, weight))
    target[..., 9] = -130 * DECIBEL
    assert float(control_loss(predicted, audible, target, weight)) - shared < 0.002


def test_nothing_audible_is_no_loss_and_no_nan():
    loss = control_loss(flat(), torch.zeros(1, 4, 10), flat(), torch.ones(1, 4))
    assert float(loss) == 0.0


def test_normalised_amplitudes_have_power_one():
    audible = torch.rand(2, 3, 8)
    found = normalized(torch.randn(2, 3, 8), audible)
    assert ((found.exp() * audible).square().sum(-1) - 1).abs().max() < 1e-5
