"""A judge's whole view of an instrument that is known: dead, alive, or the recordings themselves."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from tombola_device.contract.controls import SAMPLE_RATE_HZ
from tombola_device.contract.manifest import Envelope, Mode
from tombola_host.evaluation.frames import middle_note
from tombola_host.evaluation.frechet import LogMel
from tombola_host.evaluation.judge import Depth, judge_mode
from tombola_host.evaluation.ladder import resynthesised
from tombola_host.evaluation.performed import key_of, perform, sampler
from tombola_host.evaluation.played import samples_of

PITCHES = (57.0, 61.0, 65.0, 69.0)
MODE = Mode("sung", "#000000", (57.0, 69.0), Envelope([0.0, 0.1], [-30.0, -20.0], 0.0, -80.0))
DEPTH = Depth(
    training=1, calibration=1, performed=4, likened=4, dynamics_every=12, velocities=3, timbre_notes=1, positions=3
)
HELD_S = 2.2


def course(seconds, held_s, rise_s, release_db_per_s):
    time_s = (np.arange(round(seconds * 375)) + 0.5) / 375
    rise = 20 * np.log10(np.clip(time_s / rise_s, 0.01, 1.0))
    return -20 + rise + np.minimum(0.0, release_db_per_s * (time_s - held_s))


class Singer:
    """Follows a note with its mean spectrum; plays keys as the recordings were made, with this much life."""

    mode = MODE

    def __init__(self, sung, life, rise_s=0.06, release_db_per_s=-80.0):
        self.sung, self.life, self.rise_s, self.release = sung, life, rise_s, release_db_per_s
        self.strikes = 0

    def follow(self, note):
        return resynthesised(note, note.relative.mean(0).expand(len(note.relative), -1))

    def play(self, keys):
        sounds = []
        for key in keys:
            self.strikes += 1
            life = self.life if key.life is None else key.life * self.life
            seconds = samples_of(key) / SAMPLE_RATE_HZ
            levels = course(seconds, key.held_s, self.rise_s, self.release)
            levels = levels + 24 * (key.velocity - 1)
            sounds.append(self.sung(key.note, seconds, life=life, seed=900 + self.strikes, level_db=levels))
        return sounds


@pytest.fixture(scope="module")
def material(sung, recorded_notes):
    """Held for 2.2 s, then released at 80 dB a second."""
    sounds = {
        note: sung(note, 2.9, life=1.0, seed=int(note), level_db=course(2.9, HELD_S, 0.06, -80.0)) for note in PITCHES
    }
    return recorded_notes(sounds)


@pytest.fixture(scope="module")
def judged(sung, material):
    return {life: judge_mode(Singer(sung, life), material, DEPTH, (LogMel(),), known=True) for life in (0.0, 1.0)}


def test_a_dead_note_scores_no_motion_and_one_alive_at_other_moments_scores_1(judged):
    dead, alive = judged[0.0].performed.motion, judged[1.0].performed.motion
    assert dead.notes == alive.notes == len(PITCHES)
    assert max(dead.deviation.values()) < 0.05
    for name in ("level", "f0", "partials"):
        assert 0.75 < alive.deviation[name] < 1.35
        assert 0.5 < alive.bands[name][1] < 2.0


def test_motion_does_not_touch_the_error_which_is_judged_at_life_0(judged):
    dead, alive = judged[0.0], judged[1.0]
    assert alive.spectral_error == dead.spectral_error
    assert alive.training_error == dead.training_error
    assert alive.ladder == dead.ladder
    assert alive.pitch_median_cents == pytest.approx(dead.pitch_median_cents, abs=0.01)


def test_one_alive_is_more_like_the_recordings_than_a_dead_one(judged):
    dead, alive = (judged[life].likeness["log-mel"] for life in (0.0, 1.0))
    assert dead.windows == alive.windows >= 16
    assert alive.played < 0.9 * dead.played
    assert alive.sampler == dead.sampler
    assert alive.ratio == alive.played / alive.sampler


def test_attack_and_release_are_those_that_the_recordings_were_made_with(sung, material):
    notes = [*material.training.notes, *material.test.notes]
    same = perform(Singer(sung, 0.0), notes)
    assert same.attack.real == pytest.approx(0.048, abs=0.008)
    assert same.attack.off < 0.2
    assert same.release.real == pytest.approx(-80, rel=0.1)
    assert same.release.off < 0.1
    assert same.decays is None
    other = perform(Singer(sung, 0.0, rise_s=0.12, release_db_per_s=-200.0), notes)
    assert other.attack.off == pytest.approx(1.0, abs=0.45)
    assert other.release.off == pytest.approx(1.5, abs=0.25)


def test_a_key_is_held_as_long_as_its_recording_was(material):
    note = material.training.notes[0]
    key = key_of(note, sustained=True)
    assert key.held_s == pytest.approx(HELD_S, abs=0.12)
    assert key.note == pytest.approx(57.0, abs=0.1)
    assert key.velocity == 1.0
    assert key_of(note, sustained=False).held_s == pytest.approx(2.9, abs=0.01)


def test_the_sampler_never_plays_the_recording_that_it_is_compared_with(material):
    known = material.training.notes
    for note in known:
        assert not np.array_equal(sampler(note, known)[:4800], note.audio.numpy()[:4800])
    nearest = sorted(known, key=lambda other: abs(middle_note(other) - middle_note(known[0])))[1]
    ratio = 2 ** ((middle_note(known[0]) - middle_note(nearest)) / 12)
    assert len(sampler(known[0], known)) == pytest.approx(len(nearest.audio) / ratio, abs=2)


def test_a_judgement_is_plain_json(judged):
    text = msgspec.json.encode(judged[1.0])
    again = msgspec.json.decode(text)
    assert again["performed"]["motion"]["deviation"].keys() == {"level", "f0", "partials"}
    assert again["ladder"]["floor"]["error"] == judged[1.0].ladder["floor"].error
