from __future__ import annotations

import numpy as np
import pytest
from tombola_device.contract.controls import SAMPLE_RATE_HZ
from tombola_device.contract.errors import ShapeError
from tombola_host.evaluation.frechet import EMBEDDING_SIZE, LogMel, embed, frechet_distance, frechet_ratio, likeness


def note(hz, seconds=2.0, tilt=1.0, noise=0.0, seed=0):
    """A plucked note: partials that fall off with their number and with time."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    partials = range(1, int(15_000 / hz))
    wave = sum(h**-tilt * np.exp(-time * (0.5 + 0.1 * h)) * np.sin(2 * np.pi * h * hz * time + h) for h in partials)
    return (0.2 * wave + (noise + 0.001) * rng.standard_normal(time.size)).astype(np.float32)


PITCHES_HZ = (220.0, 262.0, 330.0, 392.0)
RECORDINGS = [note(hz) for hz in PITCHES_HZ]


def test_sounds_equal_to_the_recordings_have_a_ratio_of_exactly_1():
    result = frechet_ratio(RECORDINGS, RECORDINGS)
    assert result.ratio == 1.0
    assert result.windows == 16


def test_the_ratio_rises_with_noise_and_with_a_wrong_colour():
    ratios = [
        frechet_ratio([note(hz, noise=n, seed=1) for hz in PITCHES_HZ], RECORDINGS).ratio for n in (0.0, 0.003, 0.03)
    ]
    assert ratios[0] == pytest.approx(1.0, abs=0.15)
    assert ratios[0] < ratios[1] < ratios[2]
    darker = frechet_ratio([note(hz, tilt=2.0, seed=1) for hz in PITCHES_HZ], RECORDINGS).ratio
    assert darker > 1.5


def test_gaussians_of_known_mean_and_spread_have_the_known_distance():
    rng = np.random.default_rng(0)
    first = rng.standard_normal((200_000, 3))
    second = 2.0 * rng.standard_normal((200_000, 3)) + [1.0, 0.0, 2.0]
    # |mean|² = 5, and per axis (1 - 2)² = 1
    assert frechet_distance(first, second) == pytest.approx(8.0, rel=0.02)


def test_the_distance_is_symmetric_and_0_to_itself_even_with_fewer_rows_than_columns():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((6, 128)), rng.standard_normal((9, 128))
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-6)
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-4)


def test_an_embedding_has_128_numbers_per_half_second():
    assert embed(RECORDINGS[0][: SAMPLE_RATE_HZ * 5 // 4]).shape == (2, EMBEDDING_SIZE) == (2, 128)


def test_twice_as_loud_moves_the_means_by_6_db_and_the_spreads_not_at_all():
    rng = np.random.default_rng(0)
    noise = (0.1 * rng.standard_normal(SAMPLE_RATE_HZ)).astype(np.float32)
    difference = embed(2 * noise) - embed(noise)
    assert difference[:, :64] == pytest.approx(np.log(4.0), abs=1e-3)
    assert difference[:, 64:] == pytest.approx(0.0, abs=5e-3)


def test_windows_in_which_the_recording_is_silent_are_left_out():
    silence = np.zeros(SAMPLE_RATE_HZ, np.float32)
    padded = [np.concatenate([recording, silence]) for recording in RECORDINGS]
    assert frechet_ratio(padded, padded).windows == 16


def test_too_little_sound_is_refused_in_one_sentence():
    with pytest.raises(ShapeError, match=r"2 windows of 0\.5 s are too few"):
        frechet_ratio([RECORDINGS[0][:SAMPLE_RATE_HZ]], [RECORDINGS[0]])
    with pytest.raises(ShapeError, match="1 sounds cannot be compared with 2 recordings"):
        frechet_ratio(RECORDINGS[:1], RECORDINGS[:2])


OTHERS = [note(hz, tilt=1.2, seed=2) for hz in PITCHES_HZ]


def test_played_notes_are_as_near_as_the_sampler_where_they_are_the_sampler():
    found = likeness(LogMel(), OTHERS, OTHERS, RECORDINGS)
    assert (found.ratio, found.windows) == (1.0, 16)
    assert found.halves > 0


def test_the_recordings_themselves_are_at_distance_0_and_wrong_notes_are_further_than_right_ones():
    exact = likeness(LogMel(), RECORDINGS, OTHERS, RECORDINGS)
    assert exact.played == pytest.approx(0.0, abs=1e-4)
    near = likeness(LogMel(), [note(hz, tilt=1.05, seed=3) for hz in PITCHES_HZ], OTHERS, RECORDINGS)
    far = likeness(LogMel(), [note(hz, tilt=2.0, seed=3) for hz in PITCHES_HZ], OTHERS, RECORDINGS)
    assert near.ratio < 1 < far.ratio


def test_a_likeness_of_too_few_windows_is_none_and_any_embedding_will_do():
    class Loudness:
        name, window_s = "loudness", 1.0

        def __call__(self, audio):
            return np.log(np.mean(audio.reshape(-1, SAMPLE_RATE_HZ) ** 2, axis=1, keepdims=True) + 1e-9)

    assert likeness(LogMel(), RECORDINGS[:1], OTHERS[:1], [RECORDINGS[0][: SAMPLE_RATE_HZ // 2]]) is None
    louder = [2 * recording for recording in RECORDINGS]
    found = likeness(Loudness(), louder, RECORDINGS, RECORDINGS)
    assert found.windows == 8
    assert found.played == pytest.approx(np.log(4.0) ** 2, rel=0.01)
