from __future__ import annotations

import numpy as np
import pytest
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ
from tombola_host.corpus.unrolling import Unrolled, noise_gain, periods_for

FRAMES = 300


@pytest.mark.parametrize(("f0_hz", "periods"), [(55.0, 2), (110.0, 2), (440.0, 4), (441.0, 4), (3520.0, 32)])
def test_a_window_is_two_periods_doubled_until_it_is_256_samples_long(f0_hz, periods):
    assert periods_for(f0_hz, 2, 256) == periods


def test_a_gliding_partial_lies_in_its_own_bin_alone():
    f0_hz = 300 * 2 ** (np.linspace(0, 2, FRAMES * PERIOD_SAMPLES) / 12)
    tone = (np.sqrt(2) * np.sin(2 * np.pi * 5 * np.cumsum(f0_hz) / SAMPLE_RATE_HZ)).astype(np.float32)
    note = Unrolled(tone, f0_hz[PERIOD_SAMPLES // 2 :: PERIOD_SAMPLES], 8)
    magnitude = np.abs(np.concatenate(list(note.spectra(8))))[30:-30]
    assert magnitude.shape[1] == 4 * note.period_samples + 1
    assert magnitude[:, 40] == pytest.approx(1.0, abs=0.003)
    magnitude[:, 38:43] = 0.0
    assert magnitude.max() < 10 ** (-65 / 20)


@pytest.mark.parametrize("periods", [4, 16])
def test_white_noise_without_partials_is_stronger_by_the_stated_gain(periods):
    noise = np.random.default_rng(0).standard_normal(20 * FRAMES * PERIOD_SAMPLES).astype(np.float32)
    note = Unrolled(noise, np.full(20 * FRAMES, 1500.0), periods)
    plain, taken = (
        np.mean(np.abs(np.concatenate(list(spectra(periods, 2)))) ** 2, axis=0)
        for spectra in (note.spectra, note.noise_spectra)
    )
    bins = np.arange(len(plain) * 6 // 10)
    between = bins[np.abs(bins / periods % 1 - 0.5) <= 0.25]
    off_db = 10 * np.log10(taken[between] / plain[between] / noise_gain(between, periods))
    assert abs(off_db.mean()) < 0.1
    assert abs(off_db[between % periods == periods // 2].mean()) < 0.3


def test_a_partial_that_rises_in_a_straight_line_is_no_noise():
    time = np.arange(FRAMES * PERIOD_SAMPLES)
    tone = (np.sin(2 * np.pi * 200 * time / SAMPLE_RATE_HZ) * time / len(time)).astype(np.float32)
    note = Unrolled(tone, np.full(FRAMES, 200.0), 4)
    sound, noise = (np.concatenate(list(spectra(4)))[30:-30] for spectra in (note.spectra, note.noise_spectra))
    plain, taken = (np.abs(spectrum).max() for spectrum in (sound, noise))
    assert 20 * np.log10(taken / plain) < -75
