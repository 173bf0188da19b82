from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tombola_device.contract.controls import PERIOD_SAMPLES
from tombola_host.generators.synthesizer import Synthesizer

STEADY = 2000.0 / 48_000
"""Cycles per sample."""


@pytest.fixture(scope="module")
def synthesizer():
    return Synthesizer(partials=20, noise_bands=2)


def column(value):
    return torch.tensor([[value]])


def one_partial(number, rms=0.1):
    amplitude = torch.zeros(1, 22)
    amplitude[0, number - 1] = rms
    return amplitude


def test_a_partial_is_a_sine_of_its_rms_amplitude_and_phase(synthesizer):
    """Reading the table linearly leaves images: of partial 20 some, of (20 / 492)² together 0.5 %."""
    pace = [column(STEADY / 4)] * 2
    for number in (1, 7, 20):
        sound, _ = synthesizer(*[one_partial(number)] * 2, column(0.25), *pace, torch.zeros(1, 2, 128))
        turns = 0.25 + STEADY / 4 * np.arange(PERIOD_SAMPLES)
        ideal = 0.1 * math.sqrt(2) * np.sin(2 * np.pi * number * turns)
        assert np.abs(sound[0].numpy() - ideal).max() < 0.006 * 0.1 * math.sqrt(2)


def test_the_phase_goes_on_where_the_period_ends(synthesizer):
    _, after = synthesizer(*[one_partial(1)] * 2, column(0.9), column(0.01), column(0.02), torch.zeros(1, 2, 128))
    assert float(after) == pytest.approx((0.9 + 0.015 * PERIOD_SAMPLES) % 1, abs=1e-6)


def test_frequency_moves_linearly_from_one_end_to_the_other(synthesizer):
    sound, _ = synthesizer(*[one_partial(1)] * 2, column(0.0), column(0.01), column(0.03), torch.zeros(1, 2, 128))
    t = np.arange(PERIOD_SAMPLES)
    ideal = 0.1 * math.sqrt(2) * np.sin(2 * np.pi * (0.01 * t + 0.02 * t**2 / 256))
    assert np.abs(sound[0].numpy() - ideal).max() < 1e-3


def test_amplitudes_move_linearly_and_reach_their_end_with_the_last_sample(synthesizer):
    noise = torch.ones(1, 2, PERIOD_SAMPLES)
    gains = torch.zeros(2, 1, 22)
    gains[0, 0, 20], gains[1, 0, 20] = 0.2, 0.6
    sound, _ = synthesizer(gains[0], gains[1], column(0.0), column(STEADY), column(STEADY), noise)
    expected = 0.2 + 0.4 * (np.arange(PERIOD_SAMPLES) + 1) / PERIOD_SAMPLES
    assert np.abs(sound[0].numpy() - expected).max() < 1e-6


def test_the_level_is_the_root_of_all_powers_whatever_the_common_factor(synthesizer):
    audible = torch.ones(1, 22)
    for factor in (-5.0, 0.0, 5.0):
        amplitude = synthesizer.at_level(torch.linspace(0, -3, 22)[None] + factor, audible, column(0.25))
        assert float(amplitude.norm()) == pytest.approx(0.25 - 1e-4, rel=1e-3)


def test_at_minus_80_db_amplitudes_are_exactly_zero(synthesizer):
    amplitude = synthesizer.at_level(torch.zeros(1, 22), torch.ones(1, 22), column(10 ** (-80 / 20)))
    assert torch.count_nonzero(amplitude) == 0


def test_it_learns_nothing_and_saves_nothing(synthesizer):
    assert list(synthesizer.parameters()) == []
    assert synthesizer.state_dict() == {}
