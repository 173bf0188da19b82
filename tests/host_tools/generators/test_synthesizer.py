from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tombola_device.contract.controls import PERIOD_SAMPLES
from tombola_host.generators.voice.synthesizer import Synthesizer

STEADY = 2000.0 / 48_000
"""Cycles per sample."""
TIME = np.arange(PERIOD_SAMPLES) + 1.0
"""The last sample is at the period's end."""


@pytest.fixture(scope="module")
def synthesizer():
    return Synthesizer(partials=20, noise_bands=2)


def amplitudes(number, rms=0.1):
    amplitude = torch.zeros(1, 1, 1, 22)
    amplitude[..., number - 1] = rms
    return amplitude


def played(synthesizer, before, after, turns, start, pace, noise=None):
    """One period of one voice. Shape (T,)."""
    tables, gains = (
        torch.cat(pair, dim=2) for pair in zip(synthesizer.wave(before), synthesizer.wave(after), strict=True)
    )
    motion = torch.tensor([[turns, start, pace]])
    sound = synthesizer(tables, gains, torch.zeros(1, 1, 2, 128) if noise is None else noise, motion)
    return sound.flatten().numpy()


def cosine(turns):
    return np.cos(2 * np.pi * turns)


def test_a_partial_is_a_cosine_of_its_rms_amplitude_and_phase(synthesizer):
    """Linear reading of the table leaves images: for partial 20, of (20 / 492)², 0.5 % together."""
    for number, sign in ((1, 1), (4, -1), (7, -1), (20, -1)):
        sound = played(synthesizer, *[amplitudes(number)] * 2, 0.2, STEADY / 4, STEADY / 4)
        ideal = sign * 0.1 * math.sqrt(2) * cosine(number * (0.2 + STEADY / 4 * TIME))
        assert np.abs(sound - ideal).max() < 0.006 * 0.1 * math.sqrt(2)


def test_equal_partials_do_not_make_a_pulse():
    """With equal signs the peak is √(2 × their number); with these signs it stays near the peak of noise."""
    synthesizer = Synthesizer(partials=100, noise_bands=0)
    for count in (10, 30, 64, 100):
        amplitude = (torch.arange(100) < count) / math.sqrt(count)
        wave = synthesizer.wave(amplitude)[0]
        assert float(wave.abs().max()) < 2.9
        assert math.sqrt(2 * count) > 4.4


def test_frequency_moves_linearly_from_one_end_to_the_other(synthesizer):
    sound = played(synthesizer, *[amplitudes(1)] * 2, 0.0, 0.01, 0.03)
    ideal = 0.1 * math.sqrt(2) * cosine(0.01 * TIME + 0.02 * TIME**2 / 256)
    assert np.abs(sound - ideal).max() < 1e-3


def test_amplitudes_move_linearly_and_reach_their_end_with_the_last_sample(synthesizer):
    noise = torch.ones(1, 1, 2, PERIOD_SAMPLES)
    sound = played(synthesizer, amplitudes(21, 0.2), amplitudes(21, 0.6), 0.0, STEADY, STEADY, noise)
    assert np.abs(sound - (0.2 + 0.4 * TIME / PERIOD_SAMPLES)).max() < 1e-6
    sound = played(synthesizer, amplitudes(1, 0.0), amplitudes(1, 0.1), 0.0, STEADY, STEADY)
    ideal = 0.1 * math.sqrt(2) * TIME / PERIOD_SAMPLES * cosine(STEADY * TIME)
    assert np.abs(sound - ideal).max() < 1e-4


def test_the_level_is_the_root_of_all_powers_whatever_the_common_factor(synthesizer):
    for factor in (-5.0, 0.0, 5.0):
        amplitude = synthesizer.at_level(torch.linspace(0, -3, 22)[None] + factor, torch.tensor([[0.25]]))
        assert float(amplitude.norm()) == pytest.approx(0.25, rel=1e-5)


def test_without_amplitude_the_sound_is_exactly_zero(synthesizer):
    assert torch.count_nonzero(synthesizer.at_level(torch.ones(1, 22), torch.zeros(1, 1))) == 0


def test_it_learns_nothing_and_saves_nothing(synthesizer):
    assert list(synthesizer.parameters()) == []
    assert synthesizer.state_dict() == {}
