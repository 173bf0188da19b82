from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.errors import ShapeError
from tombola_host.training.spectral import ALL_SIZES, MultiScaleSpectralLoss


@pytest.fixture(scope="module")
def loss():
    return MultiScaleSpectralLoss()


def sine(frequency_hz=440.0, amplitude=0.1, samples=9600):
    return amplitude * torch.sin(2 * math.pi * frequency_hz * torch.arange(samples) / 48_000)[None]


def test_a_sound_has_distance_zero_from_itself(loss):
    assert float(loss(sine(), sine())) == 0.0
    assert loss.sizes == ALL_SIZES == (2048, 1024, 512, 256, 128, 64)


def test_the_distance_ignores_phase_and_measures_pitch(loss):
    shifted, fifth = sine(samples=9700)[:, 37:9637], sine(660.0)
    assert float(loss(shifted, sine())) < 0.4
    assert float(loss(fifth, sine())) > 1.0


@given(level_db=st.floats(-30, 0), gain_db=st.floats(-6, 6))
@settings(max_examples=12)
def test_the_distance_of_noise_at_another_gain_follows_the_gain_at_any_level(loss, level_db, gain_db):
    noise = torch.randn(1, 9600, generator=torch.Generator().manual_seed(0)) * 10 ** (level_db / 20)
    gain = 10 ** (gain_db / 20)
    expected = abs(gain - 1) + abs(math.log(gain))
    assert float(loss(gain * noise, noise)) == pytest.approx(expected, rel=0.03, abs=1e-4)


def test_a_sine_of_amplitude_one_reads_a_half_at_every_size(loss):
    tone = sine(6000.0, 1.0, 48_000)
    for size in ALL_SIZES:
        magnitude = loss._magnitude(tone, size)[0]
        assert float(magnitude[:, magnitude.shape[1] // 2].max()) == pytest.approx(0.5, rel=0.01)


def test_each_row_has_its_own_distance_and_the_whole_is_their_mean(loss):
    sounds, references = torch.cat([sine(), sine(880.0)]), torch.cat([sine(), sine()])
    each = loss.each(sounds, references)
    assert each.shape == (2,)
    assert float(each[0]) == 0.0
    assert float(loss(sounds, references)) == pytest.approx(float(each.mean()))


def test_silence_has_finite_gradients(loss):
    sound = torch.zeros(1, 4096, requires_grad=True)
    loss(sound, sine(samples=4096)).backward()
    assert torch.isfinite(sound.grad).all()
    assert torch.isfinite(loss(sine(samples=4096), torch.zeros(1, 4096)))


@pytest.mark.parametrize("shape", [(1, 4000), (2, 4096), (4096,)])
def test_sounds_that_cannot_be_compared_are_refused(loss, shape):
    with pytest.raises(ShapeError, match="cannot compare sounds"):
        loss(torch.zeros(shape), torch.zeros(1, 4096))
