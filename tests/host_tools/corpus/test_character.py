from __future__ import annotations

import numpy as np
import pytest
from tombola_device.contract.controls import SAMPLE_RATE_HZ
from tombola_host.corpus.character import character, release_db_per_s


def tone(hz, seconds=2.0, cents=0.0, rate_hz=5.5):
    time_s = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    f0_hz = hz * 2 ** (cents * np.sin(2 * np.pi * rate_hz * time_s) / 1200)
    return np.sin(2 * np.pi * np.cumsum(f0_hz) / SAMPLE_RATE_HZ)


def harmonic(f0_hz, stretch=0.0, **vibrato):
    """Partials 1 … 10, each 3 dB weaker than the one before, at h √(1 + stretch h²)."""
    numbers = np.arange(1, 11)
    places_hz = f0_hz * numbers * np.sqrt(1 + stretch * numbers**2)
    return 0.05 * sum(10 ** (-3 * h / 20) * tone(hz, **vibrato) for h, hz in zip(numbers, places_hz, strict=True))


def ending(sound, held_s, release_db_per_s):
    after_s = np.maximum(np.arange(len(sound)) / SAMPLE_RATE_HZ - held_s, 0)
    return (sound * 10 ** (release_db_per_s * after_s / 20)).astype(np.float32)


@pytest.mark.parametrize("asked", [-28.0, -76.0, -161.0])
@pytest.mark.parametrize("f0_hz", [82.0, 440.0])
def test_the_recorded_end_of_a_held_note_is_read_within_a_tenth(f0_hz, asked):
    sound = ending(harmonic(f0_hz, seconds=4.0), 2.5, asked)
    assert release_db_per_s(sound) == pytest.approx(asked, rel=0.1)


@pytest.mark.parametrize("seconds", [0.05, 0.3, 2.0])
def test_a_note_that_is_cut_or_dies_away_has_no_release(seconds):
    whole = harmonic(440.0, seconds=seconds)
    assert release_db_per_s(whole.astype(np.float32)) is None
    assert release_db_per_s(ending(whole, 0.0, -30.0)) is None


def test_a_vibrato_is_neither_stretched_nor_inharmonic():
    sound = harmonic(440.0, cents=20.0).astype(np.float32)
    found = character(sound, sound, 69.0)
    assert found.stretch_cents < 4
    assert found.off_harmonic < 0.001


def test_a_stiff_string_is_stretched_by_what_its_partials_are():
    sound = harmonic(220.0, stretch=2e-4).astype(np.float32)
    found = character(sound, sound, 57.0)
    numbers, strength = np.arange(2, 11), 10 ** (-3 * np.arange(2, 11) / 20)
    stretch = 600 * np.log2((1 + 2e-4 * numbers**2) / (1 + 2e-4))
    assert found.stretch_cents == pytest.approx(np.average(stretch, weights=strength), rel=0.1)
    assert found.off_harmonic < 0.001


def test_a_bell_is_off_the_harmonic_series_by_its_share_of_power():
    sound = (0.1 * tone(440.0) + 0.05 * tone(440 * 2.76) + 0.05 * tone(440 * 5.4)).astype(np.float32)
    assert character(sound, sound, 69.0).off_harmonic == pytest.approx(1 / 3, abs=0.02)
