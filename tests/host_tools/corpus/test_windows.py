from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.controls import ONSET_FAST_S, PERIOD_SAMPLES, SCALAR_COLUMNS
from tombola_device.contract.errors import BadAudio
from tombola_host.corpus.clip import PARTIALS
from tombola_host.corpus.windows import (
    LEVEL,
    LOWEST_RELATIVE_DB,
    MODE_LEVEL_DB,
    NOTE,
    SKIPPED_FRAMES,
    WindowSampler,
    mode_data,
    mode_gain_db,
    one_hot,
    shift_partials,
)

ONSET_FAST = SCALAR_COLUMNS.index("onset_fast")


def formant(frequency_hz):
    """One resonance at 1.5 kHz on a falling spectrum, natural logarithm."""
    return -frequency_hz / 4000 + 3 * torch.exp(-(((frequency_hz - 1500) / 400) ** 2))


@given(semitones=st.floats(-3, 3), f0_hz=st.floats(80, 250))
@settings(max_examples=20)
def test_a_formant_stays_in_place_when_the_pitch_is_shifted(semitones, f0_hz):
    harmonic = torch.arange(1, PARTIALS + 1)
    recorded = formant(f0_hz * harmonic)[None, None]
    shifted = shift_partials(recorded, torch.tensor([semitones]))[0, 0]
    new_hz = f0_hz * 2 ** (semitones / 12) * harmonic
    known = (new_hz > f0_hz) & (new_hz < 6000)
    # Between two partials the envelope is taken to be straight: at most f0² / 8 of its curvature off.
    worst = f0_hz**2 / 8 * 6 / 400**2 + 1e-3
    assert (shifted - formant(new_hz))[known].abs().max() < worst


def test_no_shift_changes_not_a_bit():
    log_amplitude = torch.randn(3, 5, PARTIALS)
    assert torch.equal(shift_partials(log_amplitude, torch.zeros(3)), log_amplitude)


def test_a_clip_becomes_controls_and_relative_amplitudes(clip):
    note = mode_data("toy", [clip(57.0, frames=60, level_db=-26.0)], gain_db=6.0).notes[0]
    assert note.scalars[:, NOTE].numpy() == pytest.approx(np.full(60, 57.0), abs=1e-3)
    assert note.scalars[:, LEVEL].numpy() == pytest.approx(np.full(60, -20.0), abs=1e-3)
    assert float(note.scalars[0, ONSET_FAST]) == 1.0
    assert float(note.scalars[45, ONSET_FAST]) == pytest.approx(math.exp(-45 / 375 / ONSET_FAST_S), rel=1e-4)
    assert float(note.relative.exp().square().sum(1)[0]) == pytest.approx(1.0, abs=0.01)
    assert float(note.relative.min()) == pytest.approx(LOWEST_RELATIVE_DB / 20 * math.log(10), abs=1e-4)
    level_db = 10 * np.log10(np.mean(note.audio.numpy() ** 2))
    assert level_db == pytest.approx(-20.0, abs=0.2)


def test_the_loud_part_of_every_mode_is_brought_to_one_level(clip):
    for level_db in (-45.0, -12.0):
        assert level_db + mode_gain_db([clip(60.0, level_db=level_db)]) == pytest.approx(MODE_LEVEL_DB, abs=1e-3)


def test_no_clips_are_refused_with_what_to_do():
    with pytest.raises(BadAudio, match="run `tombola corpus`"):
        mode_gain_db([])


def test_windows_are_the_same_again_for_the_same_seed(mode):
    modes = [mode("a"), mode("b", tilt=0.2)]
    first, again, other = (WindowSampler(modes, 64, np.random.default_rng((seed, 3))).draw(8) for seed in (5, 5, 6))
    assert torch.equal(first.controls, again.controls)
    assert torch.equal(first.relative, again.relative)
    assert not torch.equal(first.controls, other.controls)
    assert first.controls.shape == (8, 64, len(SCALAR_COLUMNS) + 2)
    assert first.audio.shape == (8, 64 * PERIOD_SAMPLES)


def test_half_of_the_windows_begin_at_an_onset_and_all_their_frames_count(mode):
    windows = WindowSampler([mode(frames=300)], 64, np.random.default_rng(0), shift_semitones=0.0).draw(400)
    at_onset = windows.controls[:, 0, ONSET_FAST] == 1.0
    assert 0.42 < float(at_onset.float().mean()) < 0.58
    assert windows.weight[at_onset].min() == 1.0
    assert windows.weight[~at_onset, :SKIPPED_FRAMES].max() == 0.0
    assert windows.weight[~at_onset, SKIPPED_FRAMES:].min() == 1.0


def test_after_the_end_of_a_short_note_nothing_counts_and_silence_is_asked_for(mode):
    windows = WindowSampler([mode(frames=40)], 64, np.random.default_rng(0), shift_semitones=0.0).draw(4)
    assert windows.weight[:, :40].min() == 1.0
    assert windows.weight[:, 40:].max() == 0.0
    assert windows.controls[:, 40:, LEVEL].unique().tolist() == [-80.0]
    assert torch.count_nonzero(windows.audio[:, 40 * PERIOD_SAMPLES :]) == 0


def test_quiet_frames_count_less_and_silence_nothing(clip):
    for level_db, weight in ((-60.0, 1.0), (-70.0, 0.5), (-80.0, 0.0)):
        modes = [mode_data("quiet", [clip(60.0, level_db=level_db)], 0.0)]
        assert float(WindowSampler(modes, 16, np.random.default_rng(0)).draw(1).weight[0, -1]) == pytest.approx(
            weight, abs=0.01
        )


def test_half_of_the_windows_are_shifted_and_those_have_no_sound(mode):
    windows = WindowSampler([mode(notes=(60.0,))], 16, np.random.default_rng(1), shift_semitones=3.0).draw(300)
    off = windows.controls[:, 0, NOTE] - 60.0
    shifted = off.abs() > 1e-3
    assert 0.4 < float(shifted.float().mean()) < 0.6
    assert 2.5 < float(off.abs().max()) <= 3.0
    assert torch.count_nonzero(windows.audio[shifted]) == 0
    assert windows.audio[~shifted].abs().amax(1).min() > 0.01


def test_a_mode_of_four_times_the_notes_is_drawn_twice_as_often(mode):
    modes = [mode("few", notes=(60.0,), frames=20), mode("many", notes=(60.0, 61.0, 62.0, 63.0), frames=20)]
    blend = WindowSampler(modes, 16, np.random.default_rng(3)).draw(900).controls[:, 0, len(SCALAR_COLUMNS) :]
    assert torch.equal(blend.sum(1), torch.ones(900))
    assert float(blend[:, 1].mean()) == pytest.approx(2 / 3, abs=0.05)


def test_a_pure_mode_is_a_corner_of_the_simplex():
    assert one_hot(1, 3).tolist() == [0.0, 1.0, 0.0]
