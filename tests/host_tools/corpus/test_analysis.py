from __future__ import annotations

import numpy as np
import pytest
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ, SILENCE_DB
from tombola_device.engine.noise import band_centres_hz, noise_table
from tombola_host.corpus.analysis import analyse
from tombola_host.corpus.clip import NOISE_BANDS, PARTIALS

FRAMES = 150
STEADY = slice(40, 110)
"""The window of the lowest notes spans 64 frames."""


def f0_of(note):
    return 440.0 * 2 ** ((note - 69) / 12)


def harmonic_tone(f0_hz, amplitudes, frames=FRAMES):
    """RMS amplitudes of partials 1, 2, …; f0 may move. Shape (F * 128,)."""
    samples = frames * PERIOD_SAMPLES
    turns = np.cumsum(np.broadcast_to(f0_hz, samples)) / SAMPLE_RATE_HZ
    sound = np.zeros(samples)
    for index, amplitude in enumerate(amplitudes):
        sound += np.sqrt(2) * amplitude * np.sin(2 * np.pi * (index + 1) * turns + index**2)
    return sound.astype(np.float32)


def falling(f0_hz, count=20):
    """Partials 3 dB apart, every third one 10 dB weaker still, as many as lie below 15 kHz."""
    count = min(count, int(15_000 / f0_hz))
    level_db = -20 - 3.0 * np.arange(count) - 10.0 * (np.arange(count) % 3 == 2)
    return 10 ** (level_db / 20)


@pytest.mark.parametrize("note", [38.0, 50.3, 62.0, 74.6, 88.0])
def test_partials_of_a_tone_are_read_within_half_a_decibel(note):
    amplitudes = falling(f0_of(note))
    found = analyse(harmonic_tone(f0_of(note), amplitudes), note)
    read = np.median(found.partials[STEADY], axis=0)
    assert read.shape == (PARTIALS,)
    off_db = 20 * np.log10(read[: len(amplitudes)] / amplitudes)
    assert np.abs(off_db).max() < 0.5
    assert read[len(amplitudes) :].max(initial=0.0) < 1e-3 * amplitudes[0]


@pytest.mark.parametrize("note", [38.0, 50.3, 62.0, 74.6, 88.0])
@pytest.mark.parametrize("off_cents", [-35.0, 0.0, 20.0])
def test_f0_is_found_within_a_cent_beside_the_note(note, off_cents):
    f0_hz = f0_of(note) * 2 ** (off_cents / 1200)
    found = analyse(harmonic_tone(f0_hz, falling(f0_hz)), note)
    assert np.abs(1200 * np.log2(found.f0_hz[STEADY] / f0_hz)).max() < 1.0


def test_f0_follows_a_vibrato():
    time_s = np.arange(3 * FRAMES * PERIOD_SAMPLES) / SAMPLE_RATE_HZ
    cents = 30 * np.sin(2 * np.pi * 5 * time_s)
    found = analyse(harmonic_tone(440 * 2 ** (cents / 1200), falling(440.0), 3 * FRAMES), 69.0)
    asked = cents.reshape(-1, PERIOD_SAMPLES).mean(axis=1)
    read = 1200 * np.log2(found.f0_hz / 440)
    assert np.abs(read - asked)[40:-40].max() < 6.0


@pytest.mark.parametrize("note", [50.0, 69.0])
def test_noise_beside_a_tone_is_read_within_one_and_a_half_decibels(note):
    gains = 10 ** (np.linspace(-36, -46, NOISE_BANDS) / 20)
    noise = gains @ noise_table(NOISE_BANDS)[:, : 3 * FRAMES * PERIOD_SAMPLES]
    tone = harmonic_tone(f0_of(note), falling(f0_of(note), 6), 3 * FRAMES)
    found = analyse((tone + noise).astype(np.float32), note)
    read = np.sqrt(np.mean(found.noise[40:-40].astype(np.float64) ** 2, axis=0))
    seen = band_centres_hz(NOISE_BANDS) > 1.5 * f0_of(note)  # below it there is hardly a gap to look through
    off_db = 20 * np.log10(read / gains)
    assert np.abs(off_db[seen]).max() < 1.5
    assert abs(off_db[seen].mean()) < 0.5


@pytest.mark.parametrize("note", [38.0, 50.0, 69.0, 81.0])
def test_a_tone_without_noise_has_noise_20_db_below_it_at_most(note):
    """What leaks from the partials into the gaps between them."""
    found = analyse(harmonic_tone(f0_of(note), falling(f0_of(note))), note)
    tone, noise = (np.sum(part[STEADY].astype(np.float64) ** 2) for part in (found.partials, found.noise))
    assert 10 * np.log10(noise / tone) < -20


def test_white_noise_is_noise_and_of_its_own_level():
    noise = 0.01 * np.random.default_rng(0).standard_normal(2 * FRAMES * PERIOD_SAMPLES).astype(np.float32)
    found = analyse(noise, 60.0)
    noise_power = np.sum(found.noise[STEADY].astype(np.float64) ** 2, axis=1).mean()
    assert 10 * np.log10(noise_power) == pytest.approx(-40.0, abs=0.5)
    assert np.sum(found.partials[STEADY].astype(np.float64) ** 2, axis=1).mean() < 0.5 * noise_power


@pytest.mark.parametrize("note", [45.0, 69.0])
def test_the_level_is_the_sum_of_partials_and_noise_and_that_of_the_sound(note):
    tone = harmonic_tone(f0_of(note), falling(f0_of(note)))
    found = analyse(tone, note)
    power = np.sum(found.partials.astype(np.float64) ** 2, axis=1) + np.sum(found.noise.astype(np.float64) ** 2, axis=1)
    assert np.abs(found.level_db - 10 * np.log10(power + 1e-12)).max() < 1e-3
    assert np.median(found.level_db[STEADY]) == pytest.approx(10 * np.log10(np.mean(tone**2)), abs=0.3)


def test_a_slightly_stretched_string_keeps_its_partials():
    f0_hz, amplitudes = 220.0, falling(220.0, 10)
    harmonic = np.arange(1, 11)
    stretched = harmonic * np.sqrt(1 + 1e-4 * harmonic**2)
    time_s = np.arange(FRAMES * PERIOD_SAMPLES) / SAMPLE_RATE_HZ
    sound = sum(
        np.sqrt(2) * a * np.sin(2 * np.pi * f0_hz * h * time_s) for a, h in zip(amplitudes, stretched, strict=True)
    )
    read = np.median(analyse(sound.astype(np.float32), 57.0).partials[STEADY], axis=0)[:10]
    assert np.abs(20 * np.log10(read / amplitudes)).max() < 1.5


def test_silence_is_silence_and_no_warning():
    found = analyse(np.zeros(50 * PERIOD_SAMPLES, np.float32), 60.0)
    assert found.level_db.tolist() == [SILENCE_DB] * 50
    assert np.all(np.isfinite(found.f0_hz))
    assert found.partials.max() == 0.0


@pytest.mark.parametrize("frames", [1, 7, 300])
def test_every_frame_of_any_length_has_an_analysis(frames):
    found = analyse(harmonic_tone(440.0, [0.1], frames), 69.0)
    assert [array.shape for array in (found.f0_hz, found.level_db)] == [(frames,)] * 2
    assert found.partials.shape == (frames, PARTIALS)
    assert found.noise.shape == (frames, NOISE_BANDS)
    assert {array.dtype for array in (found.f0_hz, found.level_db, found.partials, found.noise)} == {np.dtype("f4")}


def test_frames_lie_where_their_samples_lie():
    """A tone that begins with frame 60 is at half of its power there: a window reaches as far back as forward."""
    tone = harmonic_tone(880.0, [0.1], FRAMES)
    tone[: 60 * PERIOD_SAMPLES + PERIOD_SAMPLES // 2] = 0.0
    level_db = analyse(tone, 81.0).level_db
    assert level_db[60] == pytest.approx(-20 - 6.0, abs=1.0)
    assert level_db[45] < -45
    assert level_db[75] == pytest.approx(-20.0, abs=0.3)
