from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, sosfilt
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


def vibrato(note, depth_cents, frames, rate_hz=5.5):
    """A note's f0 at each sample, Hz."""
    time_s = np.arange(frames * PERIOD_SAMPLES) / SAMPLE_RATE_HZ
    return f0_of(note) * 2 ** (depth_cents * np.sin(2 * np.pi * rate_hz * time_s) / 1200)


@pytest.mark.parametrize("note", [28.0, 36.0, 45.0, 69.0, 93.0])
def test_f0_follows_a_vibrato_with_nine_tenths_of_its_depth(note):
    f0_hz = vibrato(note, 15.0, 3 * FRAMES)
    found = analyse(harmonic_tone(f0_hz, falling(f0_of(note)), 3 * FRAMES), note)
    asked, read = (
        1200 * np.log2(hz[40:-40] / f0_of(note)) for hz in (f0_hz[64::PERIOD_SAMPLES], found.f0_hz.astype(np.float64))
    )
    assert read.std() / asked.std() == pytest.approx(1.0, abs=0.1)
    assert np.corrcoef(asked, read)[0, 1] > 0.99


@pytest.mark.parametrize("depth_cents", [0.0, 15.0])
@pytest.mark.parametrize("note", [38.0, 50.0, 69.0, 84.0])
def test_noise_beside_a_tone_is_read_within_a_decibel(note, depth_cents):
    frames = 6 * FRAMES
    gains = 10 ** (np.linspace(-36, -46, NOISE_BANDS) / 20)
    noise = gains @ noise_table(NOISE_BANDS)[:, : frames * PERIOD_SAMPLES]
    tone = harmonic_tone(vibrato(note, depth_cents, frames), falling(f0_of(note)), frames)
    found = analyse((tone + noise).astype(np.float32), note)
    read = np.sqrt(np.mean(found.noise[40:-40].astype(np.float64) ** 2, axis=0))
    seen = band_centres_hz(NOISE_BANDS) > 1.5 * f0_of(note)  # below it there is hardly a gap to look through
    off_db = 20 * np.log10(read / gains)
    assert np.abs(off_db[seen]).max() < 1.0
    assert abs(off_db[seen].mean()) < 0.3


def test_rumble_below_a_high_note_is_not_taken_from_the_noise_above_it():
    hiss = 1e-3 * np.random.default_rng(0).standard_normal(3 * FRAMES * PERIOD_SAMPLES)
    hiss = sosfilt(butter(8, 1500, "high", fs=SAMPLE_RATE_HZ, output="sos"), hiss)
    tone = harmonic_tone(f0_of(93.0), falling(f0_of(93.0)), 3 * FRAMES)
    found = analyse((tone + hiss).astype(np.float32), 93.0)
    level_db = 10 * np.log10(np.mean(found.noise[STEADY].astype(np.float64) ** 2, axis=0))
    centres_hz = band_centres_hz(NOISE_BANDS)
    assert level_db[centres_hz < 500].max() < level_db[centres_hz > 3000].min() - 30


@pytest.mark.parametrize("note", [38.0, 50.0, 69.0, 81.0])
@pytest.mark.parametrize(("depth_cents", "decay_db_per_s"), [(0.0, 0.0), (15.0, 0.0), (0.0, 60.0)])
def test_a_tone_without_noise_has_noise_50_db_below_it_at_most(note, depth_cents, decay_db_per_s):
    """What leaks from the partials, while they move, into the gaps between them."""
    frames = 2 * FRAMES
    decay = 10 ** (-decay_db_per_s * np.arange(frames * PERIOD_SAMPLES) / SAMPLE_RATE_HZ / 20)
    tone = harmonic_tone(vibrato(note, depth_cents, frames), falling(f0_of(note)), frames) * decay
    found = analyse(tone.astype(np.float32), note)
    tone, noise = (np.sum(part[40:-40].astype(np.float64) ** 2) for part in (found.partials, found.noise))
    assert 10 * np.log10(noise / tone) < -50


@pytest.mark.parametrize(("note", "frames"), [(45.0, 7), (57.0, 4), (81.0, 2)])
def test_an_onset_is_read_within_two_periods(note, frames):
    tone = harmonic_tone(f0_of(note), falling(f0_of(note)))
    tone[: 60 * PERIOD_SAMPLES] = 0.0
    amplitude = 10 ** (analyse(tone, note).level_db / 20)
    amplitude /= np.median(amplitude[90:])
    assert int(np.argmax(amplitude > 0.9) - np.argmax(amplitude > 0.1)) <= frames


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
