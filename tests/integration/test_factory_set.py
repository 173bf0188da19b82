"""The factory set as a player meets it: small, documented bundles with scenes and a performance each."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tombola_device.contract.bundle import decode_bundle
from tombola_device.factory import shipped
from tombola_device.play.offline import BlendAutomation, PerformedEvent, render_performance
from tombola_device.surface.scenes import shipped_scenes
from tombola_host.corpus.factory_sounds import BUNDLES, FACTORY_SETS
from tombola_host.demo.pieces import PIECES
from tombola_host.demo.sounds import VOICES
from tombola_host.playing.previews import play

ROOT = Path(__file__).parents[2]
MOST_BYTES = 400_000
RATE_HZ = 48_000
bundles = pytest.mark.parametrize("name", BUNDLES)


def bundle_of(name):
    return decode_bundle(shipped()[name].read_bytes())


@cache
def performance(name):
    bundle = bundle_of(name)
    return play(bundle, PIECES[name].performed(bundle.manifest.modes), VOICES)


def levels_db(audio, seconds=0.05):
    blocks = audio[: len(audio) // int(seconds * RATE_HZ) * int(seconds * RATE_HZ)].reshape(-1, int(seconds * RATE_HZ))
    return 10 * np.log10(np.mean(blocks.astype(np.float64) ** 2, axis=1) + 1e-12)


def centroid_hz(audio):
    power = np.abs(np.fft.rfft(audio * np.hanning(len(audio)))) ** 2
    return float(np.sum(np.fft.rfftfreq(len(audio), 1 / RATE_HZ) * power) / np.sum(power))


def test_the_set_is_complete():
    assert sorted(shipped()) == sorted(BUNDLES) == sorted(PIECES)


@bundles
def test_a_bundle_is_small_and_has_its_modes_and_their_licences(name):
    assert shipped()[name].stat().st_size <= MOST_BYTES
    manifest = bundle_of(name).manifest
    assert manifest.name == name
    assert all(mode.licence for mode in manifest.modes)
    if name in FACTORY_SETS:
        assert [(mode.name, mode.licence) for mode in manifest.modes] == [
            (mode.name, mode.licence) for mode in FACTORY_SETS[name]
        ]


@bundles
def test_a_card_names_every_mode_scene_and_licence(name):
    card = (ROOT / "models" / name / "README.md").read_text()
    for mode in bundle_of(name).manifest.modes:
        assert f"| {mode.name} |" in card
    for scene in json.loads((ROOT / "models" / name / "scenes.json").read_text()):
        assert f"*{scene}*" in card
    assert any(licence in card for licence in ("CC BY 3.0", "MIT", "CC0"))


@bundles
def test_three_scenes_lie_between_modes_that_the_bundle_has_and_sound_different(name):
    bundle, scenes = bundle_of(name), shipped_scenes(shipped()[name])
    names, notes = [mode.name for mode in bundle.manifest.modes], (57, 64, 69)
    assert len(scenes) == 3
    heard = []
    for scene in scenes:
        assert set(scene.blend) <= set(names)
        assert len(scene.blend) >= 2
        row = tuple(scene.blend.get(mode, 0.0) for mode in names)
        events = [PerformedEvent(0.0, "set_timbre", (axis, value)) for axis, value in enumerate(scene.timbre)]
        events += [PerformedEvent(0.0, "note_on", (note, 0.7)) for note in notes]
        audio = render_performance(bundle, events, blend=BlendAutomation((0.0,), (row,)), seconds=1.0, voices=4)
        assert -40 < levels_db(audio, 0.5).max() < -6
        spectrum = np.abs(np.fft.rfft(audio[: RATE_HZ // 2]))
        heard.append(np.log(np.add.reduceat(spectrum, np.arange(0, 4000, 40)) + 1e-3))
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(heard[first] - heard[second]).mean() > 0.2  # Neper: 1.7 dB in 80 Hz bands.


@bundles
def test_its_performance_takes_20_s_and_is_loud_whole_and_never_silent(name):
    audio = performance(name)
    assert 19 <= len(audio) / RATE_HZ <= 21
    assert np.isfinite(audio).all()
    assert np.abs(audio).max() == pytest.approx(10 ** (-1 / 20), rel=1e-3)
    assert -30 < 10 * np.log10(np.mean(audio**2)) < -9
    assert levels_db(audio, 0.5)[:-2].min() > -45
    assert np.abs(audio[-48:]).max() < 1e-3


@bundles
def test_the_file_that_its_card_links_to_is_small_and_what_it_plays(name):
    path, expected = ROOT / "docs" / "sounds" / f"{name}.ogg", performance(name)
    assert path.stat().st_size < 300_000
    assert f"(../../docs/sounds/{name}.ogg)" in (ROOT / "models" / name / "README.md").read_text()
    audio, rate_hz = soundfile.read(path, dtype="float32")
    assert (rate_hz, len(audio)) == (RATE_HZ, len(expected))
    # Vorbis errs by -36 to -25 dB here; another bundle or another score by 0 and more.
    error_db = 10 * np.log10(np.mean((audio - expected) ** 2) / np.mean(expected**2))
    assert error_db < -20, "make sounds renders them anew"


@bundles
def test_no_sample_of_its_performance_stands_out_from_the_corners_around_it(name):
    corners = np.abs(np.diff(performance(name), 2))
    around = np.sqrt(np.convolve(corners**2, np.ones(480) / 480, "same")) + 1e-4
    assert (corners / around).max() < 9


@bundles
def test_its_performance_moves_in_level_and_colour(name):
    audio = performance(name)
    assert np.std(levels_db(audio)[:-10]) > 1.5
    octaves = np.log2([centroid_hz(block) for block in np.array_split(audio, 20)])
    assert np.std(octaves) > 0.15
