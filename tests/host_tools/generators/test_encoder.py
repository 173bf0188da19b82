from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_host.generators.voice.encoder import LATENT_SPREAD, SMOOTHING_FRAMES, TimbreEncoder


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return TimbreEncoder(width=20, controls=9, hidden=8)


@given(windows=st.integers(1, 3), frames=st.integers(1, 140), scale=st.floats(0, 100))
@settings(max_examples=20)
def test_latents_are_two_bounded_numbers_a_frame_at_any_length(encoder, windows, frames, scale):
    with torch.no_grad():
        latent = encoder(scale * torch.randn(windows, frames, 20), torch.zeros(windows, frames, 9))
    assert latent.shape == (windows, frames, 2)
    assert latent.abs().max() <= 1.0


def test_the_latents_are_zero_in_two_windows_of_five_and_noisy_in_the_others(encoder):
    clean = torch.rand(1, 4, 2).expand(500, -1, -1)
    latent = encoder.disturbed(clean, torch.Generator().manual_seed(1))
    left_out = (latent == 0).all(dim=2).all(dim=1)
    assert float(left_out.float().mean()) == pytest.approx(0.4, abs=0.06)
    assert float((latent - clean)[~left_out].std()) == pytest.approx(0.15, abs=0.01)


def test_the_same_generator_disturbs_in_the_same_way(encoder):
    latent = torch.zeros(3, 5, 2)
    first, again = (encoder.disturbed(latent, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, again)


def test_the_spread_loss_wants_latents_centred_spread_and_uncorrelated_in_every_mode(encoder):
    blend = torch.eye(2).repeat(2, 1)
    corners = LATENT_SPREAD * torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    in_order = corners.expand(4, -1, -1)
    assert float(encoder.spread_loss(in_order, blend)) < 1e-5
    off_centre, collapsed, along_a_line = in_order.clone(), in_order.clone(), in_order.clone()
    off_centre[1] += 0.3
    off_centre[3] += 0.3  # one of two modes: half of 0.3² + 0.3²
    collapsed[:] = 0.0
    along_a_line[..., 1] = along_a_line[..., 0]
    assert float(encoder.spread_loss(off_centre, blend)) == pytest.approx(0.09, abs=1e-3)
    assert float(encoder.spread_loss(collapsed, blend)) == pytest.approx(2 * LATENT_SPREAD**2, abs=2e-3)
    assert float(encoder.spread_loss(along_a_line, blend)) == pytest.approx(1.0, abs=1e-2)


def test_timbre_cannot_follow_a_single_frame(encoder):
    relative, controls = torch.zeros(1, 3 * SMOOTHING_FRAMES, 20), torch.zeros(1, 3 * SMOOTHING_FRAMES, 9)
    with torch.no_grad():
        still = encoder(relative, controls)
        relative[:, SMOOTHING_FRAMES] = 20.0
        moved = encoder(relative, controls) - still
    assert 0 < moved.abs().max() < 4 / SMOOTHING_FRAMES
    far = moved[:, 2 * SMOOTHING_FRAMES :]
    assert torch.count_nonzero(far.abs() > 1e-6) == 0
