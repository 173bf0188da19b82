"""The sounds that the README and the cards link to are what the factory set plays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from tombola_device.contract.bundle import decode_bundle
from tombola_device.contract.errors import BadConfig
from tombola_host.demo.sounds import PHRASES, SOUNDS, VOICES, main
from tombola_host.playing.previews import play
from tombola_host.playing.score import Score

ROOT = Path(__file__).parents[3]
MODELS = ROOT / "models"


@pytest.fixture(scope="module")
def quartet():
    return decode_bundle((MODELS / "quartet" / "quartet.tombola").read_bytes())


def played(bundle, score):
    return play(bundle, score.performed(bundle.manifest.modes), VOICES)


def decibels(value: float) -> float:
    return 20 * np.log10(value)


@pytest.mark.parametrize("name", PHRASES)
def test_file_is_small_loud_and_what_the_factory_bundle_plays(quartet, name):
    path = ROOT / "docs" / "sounds" / f"{name}.ogg"
    assert path.stat().st_size < 150_000
    audio, rate_hz = soundfile.read(path, dtype="float32")
    assert rate_hz == 48_000
    assert decibels(np.abs(audio).max()) == pytest.approx(-1.0, abs=0.5)  # Vorbis rounds off a plucked peak.
    expected = played(quartet, PHRASES[name])
    assert len(audio) == len(expected)
    # Vorbis errs by -36 to -28 dB here; another bundle or another score by 0 and more.
    coding_error_db = decibels(np.sqrt(np.mean((audio - expected) ** 2) / np.mean(expected**2)))
    assert coding_error_db < -25, "make sounds renders them anew"


@pytest.mark.parametrize("name", PHRASES)
def test_no_sample_stands_out_from_the_corners_around_it(quartet, name):
    corners = np.abs(np.diff(played(quartet, PHRASES[name]), 2))
    around = np.sqrt(np.convolve(corners**2, np.ones(480) / 480, "same")) + 1e-4
    assert (corners / around).max() < 7  # 5.5 at most; a step of 0.05 in the middle of the blend gives 8.9.


def test_a_sound_ends_in_silence(quartet):
    for score in PHRASES.values():
        assert np.abs(played(quartet, score)[-48:]).max() < 1e-3


def test_no_folder_of_sounds_is_forgotten():
    assert {path.stem for path in (ROOT / "docs" / "sounds").iterdir()} == set(SOUNDS)


def test_bundle_that_lacks_a_mode_is_refused(quartet):
    score = Score(PHRASES["sax"].notes, 0.5, ((0, {"kazoo": 1}),))
    with pytest.raises(BadConfig, match="no mode 'kazoo'"):
        played(quartet, score)


def test_command_without_a_folder_explains_itself(capsys):
    assert main([str(MODELS)]) == 2
    assert "MODELS FOLDER" in capsys.readouterr().out


def test_command_names_a_bundle_that_is_not_there(tmp_path, capsys):
    assert main([str(tmp_path / "none"), str(tmp_path)]) == 1
    assert "quartet.tombola" in capsys.readouterr().out
