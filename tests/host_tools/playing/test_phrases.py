"""Built-in performances, their levels, and their sound files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from tombola_device.contract.bundle import decode_bundle
from tombola_device.contract.errors import BadConfig, StoreError
from tombola_device.contract.manifest import Envelope, Mode
from tombola_host.playing.level import PEAK_DB, amplified, normalised, peak_db
from tombola_host.playing.performance import check_sound_path, phrase_at, write_sound
from tombola_host.playing.phrases import fitted, phrase, sweep
from tombola_host.playing.previews import preview_paths, write_previews

QUARTET = Path(__file__).parents[3] / "models" / "quartet" / "quartet.tombola"
ENVELOPE = Envelope([0.0, 0.1], [-20.0, -20.0], 0.0, -100.0)
SPAN = (-1.0, 0.0, 1.0)


def modes(*ranges):
    return [Mode(f"mode {n}", "#336699", span, ENVELOPE, SPAN, SPAN) for n, span in enumerate(ranges)]


def notes_of(performance):
    return [event.arguments[0] for event in performance.events if event.call == "note_on"]


@pytest.fixture(scope="module")
def bundle():
    return decode_bundle(QUARTET.read_bytes())


@given(low=st.floats(0, 120), width=st.floats(1, 80), degree=st.integers(-9, 16))
def test_every_note_of_a_phrase_lies_in_the_range(low, width, degree):
    high = min(low + width, 127.0)
    assert low - 0.5 <= fitted(degree, low, high) <= high + 0.5
    if high - low >= 1:
        assert low <= fitted(degree, low, high) <= high


def test_a_phrase_stays_in_the_range_of_its_mode_and_blends_that_mode_alone():
    both = modes((40.0, 60.0), (70.2, 73.9))
    for number, mode in enumerate(both):
        played = phrase(both, number)
        assert all(mode.note_range[0] <= note <= mode.note_range[1] for note in notes_of(played))
        assert len(set(notes_of(played))) >= 3
        assert played.blend.at(0.0).tolist() == [float(number == 0), float(number == 1)]
        assert 4.0 < played.seconds < 12.0
    assert len(notes_of(phrase(both, 0))) == 15


def test_a_sweep_rests_in_every_mode_and_plays_what_all_can_play():
    three = modes((40.0, 70.0), (50.0, 90.0), (45.0, 75.0))
    played = sweep(three)
    for number in range(3):
        at_rest = played.blend.time_s[2 * number : 2 * number + 2]
        assert at_rest[1] - at_rest[0] >= 0.5
        assert played.blend.at(sum(at_rest) / 2).tolist() == [float(n == number) for n in range(3)]
    assert all(50.0 <= note <= 70.0 for note in notes_of(played))
    assert played.seconds >= played.blend.time_s[-1]


def test_a_sweep_between_modes_without_a_common_note_plays_between_them():
    assert all(60.0 <= note <= 72.0 for note in notes_of(sweep(modes((40.0, 60.0), (72.0, 90.0)))))


def test_a_sound_is_brought_to_one_peak_and_silence_stays_silent():
    sound = np.array([0.0, 0.02, -0.05], np.float32)
    assert peak_db(normalised(sound)) == pytest.approx(PEAK_DB, abs=0.01)
    assert not normalised(np.zeros(4, np.float32)).any()
    assert peak_db(np.zeros(4, np.float32)) == -120.0


def test_a_gain_is_applied_or_refused_with_the_largest_possible_one():
    sound = np.array([0.1, -0.5], np.float32)
    assert amplified(sound, 6.0) == pytest.approx(sound * 1.9953, rel=1e-3)
    with pytest.raises(BadConfig, match=r"\+12 dB would raise the peak to \+6\.0 dBFS and clip it; give at most 6,"):
        amplified(sound, 12.0)
    for gain_db in (float("nan"), float("inf")):
        with pytest.raises(BadConfig, match="is not a number of dB; give --gain one, such as 6"):
            amplified(sound, gain_db)


def test_a_bundle_is_rendered_to_one_loud_file_per_mode_and_one_of_the_blend(bundle, tmp_path):
    told = []
    paths = write_previews(bundle, tmp_path / "mine.tombola", lambda *word: told.append(word))
    names = ["mine-1-sax.wav", "mine-2-violin.wav", "mine-3-flute.wav", "mine-4-harp.wav", "mine-blend.wav"]
    assert [path.name for path in paths] == names
    assert [word[:2] for word in told] == [(done, 5) for done in range(1, 6)]
    for path in paths:
        audio, rate_hz = soundfile.read(path)
        assert rate_hz == 48_000
        assert 20 * np.log10(np.abs(audio).max()) == pytest.approx(-1.0, abs=0.05)
        assert 20 * np.log10(np.sqrt(np.mean(audio**2))) > -20.0
        assert np.abs(audio[-48:]).max() < 0.05


def test_one_mode_has_no_blend_file_and_no_mode_name_can_take_that_file():
    assert preview_paths(Path("a/solo.tombola"), ["sax"]) == (Path("a/solo-1-sax.wav"),)
    assert len(set(preview_paths(Path("x.tombola"), ["blend", "sax"]))) == 3


def test_the_built_in_phrase_suits_the_mode_with_the_largest_weight(bundle):
    assert [e.arguments for e in phrase_at(bundle, "")] == [
        e.arguments for e in phrase(bundle.manifest.modes, 0).events
    ]
    flute = phrase_at(bundle, "sax=0.2,flute=0.8")
    assert flute == phrase(bundle.manifest.modes, 2).events


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg"])
def test_a_long_sound_is_written_whole(tmp_path, ending):
    audio = (0.1 * np.sin(np.arange(100_000) / 20)).astype(np.float32)
    write_sound(audio, tmp_path / f"a.{ending}")
    back, _ = soundfile.read(tmp_path / f"a.{ending}", dtype="float32")
    assert len(back) == len(audio)
    assert np.sqrt(np.mean((back - audio) ** 2)) < 0.01


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg"])
def test_a_disk_that_fills_up_leaves_the_sound_of_before_and_nothing_half_written(tmp_path, ending, monkeypatch):
    path, audio = tmp_path / f"a.{ending}", np.zeros(40_000, np.float32)
    write_sound(audio, path)
    before, write, written = path.read_bytes(), soundfile.SoundFile.write, []

    def full(file, data):
        written.append(len(data))
        if len(written) > 1:
            raise soundfile.LibsndfileError(2)
        write(file, data)

    monkeypatch.setattr(soundfile.SoundFile, "write", full)
    for target in (path, tmp_path / f"new.{ending}"):
        written.clear()
        with pytest.raises(StoreError, match="free some space or choose another folder"):
            write_sound(audio + 0.1, target)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_ending_that_cannot_be_written_is_refused_before_anything_is_played():
    with pytest.raises(BadConfig, match=r"use \.wav, \.flac or \.ogg"):
        check_sound_path(Path("song.mp3"))
