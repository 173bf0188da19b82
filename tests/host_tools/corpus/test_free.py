from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ
from tombola_host.corpus.analysis import analyse
from tombola_host.corpus.character import character
from tombola_host.corpus.clip import PARTIALS, Clip
from tombola_host.corpus.doubts import doubts
from tombola_host.corpus.free import NO_TRACKS, Tracks, fit_tracks, split_off
from tombola_host.corpus.windows import mode_data
from tombola_host.evaluation.floor import resynthesis
from tombola_host.evaluation.held_out import note_errors

FRAMES = 225
RATIOS, LEVELS, GAIN = (2.76, 5.4), (1.0, 0.6), -0.004
"""A bar's modes; what the second one's log ratio gains per semitone above note 72."""


def bar(note: int, *, free: bool = True) -> Clip:
    """Two harmonics that fall by 20 dB/s, and two modes off the series that fall by 40 and 60."""
    time = np.arange(FRAMES * PERIOD_SAMPLES) / SAMPLE_RATE_HZ
    f0_hz = 440 * 2 ** ((note - 69) / 12)
    sound = sum(0.2 / h * np.sin(2 * np.pi * h * f0_hz * time) * 10 ** (-time) for h in (1, 2))
    if free:
        for k, (ratio, level) in enumerate(zip(RATIOS, LEVELS, strict=True)):
            hz = f0_hz * ratio * np.exp(k * GAIN * (note - 72))
            sound = sound + 0.2 * level * np.sin(2 * np.pi * hz * time) * 10 ** (-(2 + k) * time)
    audio = np.asarray(sound, np.float32)
    found = analyse(audio, note)
    return Clip(
        f"{note}", "", f"{note}", float(note), 1.0, found.f0_hz, found.level_db, found.partials, found.noise, audio,
        character(audio, audio, float(note)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def bars() -> list[Clip]:
    return [bar(note) for note in range(63, 82, 3)]


def test_tracks_of_a_bar_are_found_within_twelve_cents_with_their_slope_over_the_keyboard(bars):
    tracks = fit_tracks(bars)
    assert len(tracks) == 2
    for note in (63, 72, 81):
        true = np.log(RATIOS) + np.array([0.0, GAIN * (note - 72)])
        assert np.abs(tracks.at(note) - true).max() * 1200 / np.log(2) < 12
    assert fit_tracks(bars, most=1).at(72) == pytest.approx(np.log([RATIOS[0]]), abs=0.003)


def test_harmonic_notes_have_no_tracks_and_the_same_columns_as_ever(bars):
    plain = [bar(note, free=False) for note in (63, 72)]
    assert fit_tracks(plain) == fit_tracks([]) == NO_TRACKS
    assert mode_data("plain", plain, 0.0).notes[0].relative.shape[1] == PARTIALS + 24


def test_free_partials_are_read_with_their_own_level_and_decay_and_taken_from_the_rest(bars):
    clip = bars[3]
    rest, amplitude = split_off(clip, fit_tracks(bars))
    time_s = (np.arange(FRAMES) + 0.5) * PERIOD_SAMPLES / SAMPLE_RATE_HZ
    middle = slice(20, 120)
    for k, level in enumerate(LEVELS):
        true_db = 20 * np.log10(0.2 * level / np.sqrt(2)) - 20 * (2 + k) * time_s
        assert np.abs(20 * np.log10(amplitude[:, k]) - true_db)[middle].max() < 0.5
    plain = bar(72, free=False)
    assert np.abs(rest.partials[middle, :2] / plain.partials[middle, :2] - 1).max() < 0.03
    assert rest.noise[middle].max() < 0.05 * clip.noise[middle].max()
    assert (
        np.abs(rest.level_db - 10 * np.log10(10 ** (plain.level_db / 10) + (amplitude**2).sum(1)))[middle].max() < 0.2
    )


def test_a_bars_floor_falls_by_a_third_and_its_doubt_names_the_free_partials(bars):
    tracks = fit_tracks(bars)
    without, with_free = (
        note_errors(resynthesis, mode_data("bar", bars[3:4], 0.0, known).notes)[0].error
        for known in (NO_TRACKS, tracks)
    )
    assert with_free < 0.67 * without
    louder = [replace(clip, character=replace(clip.character, off_harmonic=0.3)) for clip in bars]
    assert "is rendered with 2 free partials" in doubts(louder, len(tracks))[0]
    assert "is rendered as noise or not at all" in doubts(louder)[0]


def test_a_mode_is_widened_with_silent_partials_on_the_harmonics(bars):
    tracks = fit_tracks(bars)
    wide = mode_data("bar", bars[:1], 0.0, tracks).widened(4)
    assert np.exp(wide.tracks.at(60)[2:]) == pytest.approx([3.0, 4.0])
    assert float(wide.notes[0].relative[:, -2:].max()) == pytest.approx(-100 / 20 * np.log(10))
    assert wide.notes[0].relative.shape[1] == PARTIALS + 24 + 4
    assert Tracks((0.1,), (0.0,)).widened(1) == Tracks((0.1,), (0.0,))


def test_amplitudes_are_single_precision_with_and_without_tracks_or_weights_would_change(bars):
    clip = bars[0]
    level = 10 ** (clip.level_db / 20)
    amplitude = np.concatenate([clip.partials, clip.noise], axis=1) / level[:, None]
    as_ever = np.log(np.maximum(amplitude, 1e-5))
    assert as_ever.dtype == np.float32
    assert np.array_equal(mode_data("bar", [clip], 0.0).notes[0].relative.numpy(), as_ever)
    assert split_off(clip, fit_tracks(bars))[1].dtype == np.float32
