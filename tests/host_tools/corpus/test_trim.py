from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.controls import Float32Array
from tombola_host.corpus.trim import split_at_silences, trim

Tone = Callable[..., Float32Array]


def _noise(seconds: float, level: float) -> Float32Array:
    return (level * np.random.default_rng(3).standard_normal(int(48_000 * seconds))).astype(np.float32)


@pytest.mark.parametrize("noise_level", [0.0, 1e-4, 1e-3, 4e-3])
def test_onset_is_found_within_5_ms_behind_silence_or_noise(noise_level: float, tone: Tone) -> None:
    sound = np.concatenate([np.zeros(40_000, np.float32), tone(69)])
    start = trim(sound + _noise(len(sound) / 48_000, noise_level)).start
    assert 40_000 - 240 <= start <= 40_000 + 480


def test_click_before_the_note_is_no_onset(tone: Tone) -> None:
    sound = np.concatenate([np.zeros(24_000, np.float32), tone(69)])
    sound[6_000:6_050] = 0.3
    assert trim(sound).start >= 24_000 - 240


def test_swell_keeps_its_quiet_beginning(tone: Tone) -> None:
    sound = tone(69, 3.0) * np.linspace(0.02, 1, 144_000, dtype=np.float32)
    assert trim(sound).start < 14_400


def test_end_is_60_db_below_the_peak(tone: Tone) -> None:
    time_s = np.arange(48_000 * 3) / 48_000
    sound = (0.5 * np.sin(2 * np.pi * 440 * time_s) * 10 ** (-40 * time_s / 20)).astype(np.float32)
    assert abs(trim(sound).stop / 48_000 - 1.5) < 0.03


def test_long_note_is_cut_at_8_s_by_default(tone: Tone) -> None:
    assert trim(tone(69, 9.0)).seconds == 8.0
    assert trim(tone(69, 9.0), 2.0).seconds == 2.0


@pytest.mark.parametrize("noise_level", [0.0, 1e-3])
def test_silences_of_more_than_300_ms_split_and_shorter_ones_do_not(noise_level: float, tone: Tone) -> None:
    def played(gap_s: float) -> Float32Array:
        gap = np.zeros(int(48_000 * gap_s), np.float32)
        sound = np.concatenate([gap, tone(60), gap, tone(64), gap, tone(67), gap])
        return sound + _noise(len(sound) / 48_000, noise_level)[: len(sound)]

    assert len(split_at_silences(played(0.6))) == 3
    assert len(split_at_silences(played(0.15))) == 1


def test_faint_noise_after_a_decay_is_no_note(tone: Tone) -> None:
    quiet = np.concatenate([tone(60), np.zeros(48_000, np.float32), 0.01 * tone(60)])
    assert len(split_at_silences(quiet)) == 1


@settings(max_examples=40, deadline=None)
@given(samples=st.integers(0, 5_000), seed=st.integers(0, 99), level=st.sampled_from([0.0, 1e-9, 0.1, 1.0]))
def test_spans_always_lie_inside_the_sound(samples: int, seed: int, level: float) -> None:
    audio = (level * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)
    for span in [trim(audio), *split_at_silences(audio)]:
        assert 0 <= span.start <= span.stop <= samples
