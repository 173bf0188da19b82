from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ
from tombola_host.corpus.analysis import analyse
from tombola_host.corpus.clip import Clip
from tombola_host.evaluation import floor as floor_module
from tombola_host.evaluation.floor import floors

FRAMES = 300


def analysed(name, sound, note):
    audio = sound.astype(np.float32)
    found = analyse(audio, note)
    arrays = (found.f0_hz, found.level_db, found.partials, found.noise, audio)
    return Clip(name, name, name, note, 1.0, *arrays)


def sine(hz):
    return 0.1 * np.sin(2 * np.pi * hz * np.arange(FRAMES * PERIOD_SAMPLES) / SAMPLE_RATE_HZ)


@pytest.fixture(scope="module")
def clips():
    tone = sum(sine(h * 1000.0) / h for h in (1, 2, 3))
    hiss = 3e-4 * np.random.default_rng(0).standard_normal(len(tone))
    bell = sine(1000.0) + sine(2760.0) + sine(5400.0)
    return [analysed("flute", tone + hiss, 83.2), analysed("bell", bell + hiss, 83.2)]


def test_a_harmonic_note_can_be_reached_and_a_bell_cannot(clips, tmp_path):
    flute, bell = floors(clips, lambda *_: None, tmp_path)
    assert flute < 0.9
    assert bell > 1.4 * flute


def test_floors_are_kept_until_the_analysis_changes(clips, tmp_path, monkeypatch):
    first = floors(clips, lambda *_: None, tmp_path)
    asked = []
    monkeypatch.setattr(floor_module, "resynthesis", lambda note: asked.append(note.name) or note.audio.numpy())
    assert floors(clips, lambda *_: None, tmp_path) == pytest.approx(first, abs=1e-5)
    assert asked == []
    floors([replace(clips[0], origin="another file")], lambda *_: None, tmp_path)
    monkeypatch.setattr(floor_module, "ANALYSIS_VERSION", -1)
    floors(clips, lambda *_: None, tmp_path)
    assert asked == ["flute", "flute", "bell"]


def test_no_clips_have_no_floor(tmp_path):
    assert floors([], lambda *_: None, tmp_path) == ()
