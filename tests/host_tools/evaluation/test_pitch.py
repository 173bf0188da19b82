from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tombola_device.contract.controls import SAMPLE_RATE_HZ
from tombola_device.contract.errors import ShapeError
from tombola_host.evaluation.pitch import cents_off, midi_to_hz, pitch_error, summarise


def tone(note, seconds=1.0, amplitudes=(0.3, 0.2, 0.15, 0.1, 0.05, 0.05), vibrato_cents=0.0, noise=0.0):
    """A note with partials of given amplitude; ``note`` may be a curve of shape (T,)."""
    time = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    curve = note + vibrato_cents / 100 * np.sin(2 * np.pi * 5 * time)
    phase = 2 * np.pi * np.cumsum(440.0 * 2 ** ((curve - 69) / 12)) / SAMPLE_RATE_HZ
    wave = sum(a * np.sin((h + 1) * phase + h) for h, a in enumerate(amplitudes))
    return (wave + noise * np.random.default_rng(0).standard_normal(time.size)).astype(np.float32)


@settings(max_examples=15)
@given(st.floats(28, 100), st.floats(-80, 80))
@example(98.0, 0.0)  # Once heard an octave low, between two samples.
@example(81.0, 0.0)
def test_a_note_off_by_any_cents_is_measured_within_a_fifth_of_a_cent(note, off):
    error = pitch_error(tone(note + off / 100), note)
    assert error.bias_cents == pytest.approx(off, abs=0.2)
    assert error.p95_cents == pytest.approx(abs(off), abs=0.2)


def test_a_pure_note_is_0_cents_off_in_some_80_frames():
    error = pitch_error(tone(69.0), 69.0)
    assert error.p95_cents < 0.01
    assert 75 <= error.frames <= 85


@pytest.mark.parametrize(
    "amplitudes", [(0.5,), (0.0, 0.3, 0.3, 0.2), (0.03, 0.3, 0.06, 0.2), (0.3, 0.0, 0.2, 0.0, 0.1)]
)
def test_weak_and_missing_partials_do_not_mislead(amplitudes):
    assert pitch_error(tone(60.1, amplitudes=amplitudes), 60.0).bias_cents == pytest.approx(10.0, abs=0.2)


@pytest.mark.parametrize("octaves", [-1, 1])
def test_a_note_that_sounds_in_another_octave_is_1200_cents_off(octaves):
    assert pitch_error(tone(60 + 12 * octaves), 60).bias_cents == pytest.approx(1200 * octaves, abs=0.2)


def test_noise_40_db_below_the_note_costs_less_than_half_a_cent():
    assert pitch_error(tone(60, noise=0.003), 60).p95_cents < 0.5


def test_a_vibrato_of_20_cents_shows_in_the_95_percent_and_not_in_the_bias():
    error = pitch_error(tone(69, seconds=2.0, vibrato_cents=20.0), 69)
    assert error.bias_cents == pytest.approx(0.0, abs=2.0)
    assert error.median_cents == pytest.approx(14.0, abs=2.0)
    assert error.p95_cents == pytest.approx(19.5, abs=1.5)


def test_a_glide_during_the_onset_is_not_counted():
    note = np.full(SAMPLE_RATE_HZ, 69.0)
    note[:4800] = np.linspace(67, 69, 4800)
    assert pitch_error(tone(note), 69).p95_cents < 0.1


def test_the_silence_after_a_note_is_not_counted():
    wave = np.concatenate([tone(69), np.zeros(SAMPLE_RATE_HZ, np.float32)])
    error = pitch_error(wave, 69)
    assert error.p95_cents < 1.0
    assert error.frames <= 90


def test_frames_of_several_notes_are_summarised_together():
    error = summarise([np.full(60, 1.0), np.full(40, -5.0)])
    assert (error.median_cents, error.p95_cents, error.bias_cents, error.frames) == (1.0, 5.0, 1.0, 100)


def test_silence_and_short_sounds_have_no_pitch():
    assert cents_off(np.zeros(48_000, np.float32), 60).size == 0
    assert cents_off(tone(60, seconds=0.1), 60).size == 0
    with pytest.raises(ShapeError, match="render longer notes"):
        summarise([])


def test_sound_with_a_nan_is_refused():
    with pytest.raises(ShapeError, match="finite"):
        cents_off(np.array([0.0, np.nan], np.float32), 60)


def test_midi_69_is_440_hz():
    assert midi_to_hz(69) == 440.0
