from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from tombola_device.contract.controls import SCALAR_COLUMNS
from tombola_host.evaluation.blend import (
    EDGE_S,
    LEVEL_DB,
    SWEEP_S,
    blend_quality,
    mixture_sweep,
    sweep_controls,
    trainee_sweep,
)
from tombola_host.generators.voice.family import VoiceFamily

COLUMNS = len(SCALAR_COLUMNS)
SAMPLES = int((2 * EDGE_S + SWEEP_S) * 375) * 128

VOICE = VoiceFamily()


@dataclass(frozen=True)
class Ranged:
    note_range: tuple[float, float]


MODES = (Ranged((48.0, 72.0)), Ranged((60.0, 90.0)))


def sound(frequency_hz, level_db):
    """A sine whose frequency and level move as given over the sweep."""
    amplitude = np.sqrt(2) * 10 ** (level_db / 20)
    return (amplitude * np.sin(2 * np.pi * np.cumsum(frequency_hz) / 48_000)).astype(np.float32)


def position():
    time_s = np.arange(SAMPLES) / 48_000
    return np.clip((time_s - EDGE_S) / SWEEP_S, 0, 1)


def test_a_straight_way_has_no_dip_and_is_monotone():
    straight = sound(400 * 2 ** position(), LEVEL_DB + 0 * position())
    quality = blend_quality(lambda controls: straight, MODES)
    assert quality.worst_dip_db < 0.05
    assert quality.monotone == 1.0
    assert quality.overshoot_octaves < 0.02


def test_a_dip_is_measured_from_the_line_between_the_ends():
    dip = 3.0 * np.exp(-(((position() - 0.5) / 0.15) ** 2))
    dipped = sound(400 * 2 ** position(), LEVEL_DB + 4 * position() - dip)
    assert blend_quality(lambda controls: dipped, MODES).worst_dip_db == pytest.approx(3.0, abs=0.3)


def test_brightness_beside_the_way_is_an_overshoot():
    beside = sound(400 * 2 ** (position() + np.sin(2 * np.pi * position())), LEVEL_DB + 0 * position())
    quality = blend_quality(lambda controls: beside, MODES)
    assert quality.overshoot_octaves == pytest.approx(0.26, abs=0.03)  # where p + sin(2 π p) is largest
    assert quality.monotone < 0.8


def test_one_mode_has_no_blends():
    assert blend_quality(lambda controls: np.zeros(SAMPLES, np.float32), MODES[:1]) is None


def test_every_pair_is_swept_on_a_note_that_both_have():
    seen = []

    def play(controls):
        seen.append((float(controls[0, 0]), controls[0, COLUMNS:].tolist(), controls[-1, COLUMNS:].tolist()))
        return sound(400 + 0 * position(), LEVEL_DB + 0 * position())

    blend_quality(play, (*MODES, Ranged((50.0, 54.0))))
    assert seen == [
        (66.0, [1, 0, 0], [0, 1, 0]),
        (52.0, [1, 0, 0], [0, 0, 1]),
        (57.0, [0, 1, 0], [0, 0, 1]),
    ]


def test_a_sweep_stays_on_the_simplex():
    blend = sweep_controls(2, 0, 3, 60.0)[:, COLUMNS:]
    assert (blend.sum(1) - 1).abs().max() < 1e-6
    assert blend.min() >= 0
    assert blend[0].tolist() == [0, 0, 1]


def test_a_voice_of_two_modes_blends_without_a_dip(voice, trainee):
    quality = blend_quality(trainee_sweep(VOICE, trainee(voice(2, hidden=6, noise=False))), MODES)
    assert quality.worst_dip_db < 0.3


def test_a_mixture_plays_each_network_alone_in_its_pure_mode(voice, trainee):
    first, second = (trainee(voice(1, hidden=4, seed=seed)) for seed in (1, 2))
    mixed = mixture_sweep(VOICE, [first, second])
    controls = sweep_controls(0, 1, 2, 60.0)[:20]
    alone = torch.cat([controls[:, :COLUMNS], torch.ones(20, 1)], dim=1)
    assert np.array_equal(mixed(controls), trainee_sweep(VOICE, first)(alone))
    controls[:, COLUMNS:] = torch.tensor([0.25, 0.75])
    expected = 0.25 * trainee_sweep(VOICE, first)(alone) + 0.75 * trainee_sweep(VOICE, second)(alone)
    assert np.abs(mixed(controls) - expected).max() < 1e-6
