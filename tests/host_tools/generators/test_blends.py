from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_host.generators.voice.blends import blend_loss, moving_blends


@given(modes=st.integers(2, 5), seed=st.integers(0, 99))
@settings(max_examples=10)
def test_paths_stay_on_the_simplex_and_are_straight(modes, seed):
    path = moving_blends(6, 9, modes, np.random.default_rng((seed, 1)))
    assert path.shape == (6, 9, modes)
    assert path.min() >= 0
    assert (path.sum(-1) - 1).abs().max() < 1e-5
    assert (path[:, 2:] - 2 * path[:, 1:-1] + path[:, :-2]).abs().max() < 1e-5
    assert torch.equal(path, moving_blends(6, 9, modes, np.random.default_rng((seed, 1))))


def test_a_network_whose_modes_sound_alike_has_nothing_to_learn(voice, moving):
    network = voice(2, hidden=8)
    with torch.no_grad():
        network.spectrum[1] = network.spectrum[0]
        network.head.weight[:] = 0.0
    assert float(blend_loss(network, moving(4, 12, 2, 0), np.random.default_rng((0, 1))).detach()) < 1e-5


def test_pure_modes_are_teachers_and_get_no_gradient(voice, moving):
    """Only mean spectra differ between modes here: half-way in dB is then exact, and only the trunk adds errors."""
    network = voice(2, hidden=8)
    with torch.no_grad():
        network.head.weight[:] = 0.0
    assert float(blend_loss(network, moving(8, 12, 2, 0), np.random.default_rng((0, 1))).detach()) < 1e-4
    network = voice(2, hidden=8)
    with torch.no_grad():
        network.head.weight[:] *= 10
    loss = blend_loss(network, moving(8, 12, 2, 0), np.random.default_rng((0, 1)))
    loss.backward()
    assert float(loss.detach()) > 1e-3
    assert network.head.weight.grad.abs().max() > 0


def test_gradient_steps_lower_the_loss(voice, moving):
    network = voice(3, hidden=8)
    with torch.no_grad():
        network.head.weight[:] *= 10
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    controls, losses = moving(8, 12, 3, 0), []
    for _ in range(12):
        optimizer.zero_grad()
        loss = blend_loss(network, controls, np.random.default_rng((0, 1)))
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
