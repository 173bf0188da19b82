"""Courses: how a recording goes on, as a loop or to its end, and whether the engine then plays what was recorded."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest
import torch
from tombola_device.contract.controls import FRAME_RATE_HZ, SCALAR_COLUMNS
from tombola_device.contract.graph import SHADES
from tombola_device.contract.life import CENTS, COURSE_AGAIN, COURSE_ENDS, COURSE_FRAMES, COURSE_FROM, LEVEL, SLOW_HZ
from tombola_device.contract.manifest import Envelope, Mode
from tombola_device.engine.attack import FADED_FROM
from tombola_device.engine.attack import FRAMES as ATTACK_FRAMES
from tombola_device.engine.life import LifeFeed
from tombola_device.engine.life_tables import played
from tombola_device.engine.motion import Motion
from tombola_device.play.player import Player
from tombola_host.corpus.corpus import VELOCITY_RANGE_DB
from tombola_host.corpus.windows import ModeData, Note
from tombola_host.generators.voice import life
from tombola_host.generators.voice.attack import fit_attacks
from tombola_host.generators.voice.courses import (
    BEGINS_FRAMES,
    JOINT_FRAMES,
    MOST_DRIFT_CENTS,
    RETURN_FRAMES,
    course_of,
)
from tombola_host.generators.voice.family import VoiceFamily
from tombola_host.generators.voice.life import FINEST, KEPT_SHARE, ONSET_S, SCALE_CENTS, SCALE_DB, fit_life, steps_of
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.recorded import FULL, SHARED, STRIKE_FRAMES, Recorded
from tombola_host.generators.voice.shades import NEPER
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.generators.voice.trainee import new_trainee

LOUD, WIDTH = 10, 2 + SHARED


def seconds(length_s: float) -> np.ndarray:
    return np.arange(round(length_s * FRAME_RATE_HZ)) / FRAME_RATE_HZ


def band_noise(length_s: float, low_hz: float, high_hz: float, spread: float) -> np.ndarray:
    """Motion between two rates, of exactly this standard deviation. Shape (F,)."""
    rng, frames = np.random.default_rng(2), len(seconds(length_s))
    hz = np.fft.rfftfreq(frames, 1 / FRAME_RATE_HZ)
    inside = (hz >= low_hz) & (hz < high_hz)
    course = np.fft.irfft(np.where(inside, np.exp(2j * np.pi * rng.random(len(hz))), 0), frames)
    return course * spread / course.std()


def differing(
    length_s: float, cents=0.0, louder_db=0.0, first=0.0, level_db: np.ndarray | float = -20.0, *, dies: bool = False
) -> Recorded:
    """A recording that differs so in pitch, level and its first direction, at this level."""
    course = np.zeros((min(len(seconds(length_s)), COURSE_FRAMES), WIDTH))
    for column, values in enumerate((cents, louder_db, first)):
        course[:, column] = values
    levels = np.broadcast_to(level_db, len(course)).astype(np.float64)
    return Recorded(60.0, 0.8, levels, dies, course, 1.0)


# How a course begins and loops


@pytest.mark.parametrize("dies", [False, True])
def test_before_the_attack_is_over_a_course_stands_where_it_is_then(dies):
    time_s = seconds(3.0)
    one = differing(3.0, 60.0 * np.exp(-time_s / 0.05), first=time_s, dies=dies)
    course = course_of(one)
    assert course.shape == (COURSE_FRAMES, WIDTH)
    expected = one.course[COURSE_FROM : COURSE_FROM + BEGINS_FRAMES].mean(axis=0)
    np.testing.assert_allclose(course[:COURSE_FROM], np.tile(expected, (COURSE_FROM, 1)), atol=1e-9)
    assert course[0, CENTS] < 3.0
    following = slice(COURSE_FROM, 600)
    np.testing.assert_allclose(course[following], one.course[following], atol=1e-9)


@pytest.mark.parametrize("length_s", [1.3, 2.0, 5.4, 5.7, 9.0])
def test_a_recording_of_any_length_is_a_loop_without_a_seam_that_moves_as_far(length_s):
    vibrato = band_noise(length_s, 4.0, 7.0, 20.0)[:COURSE_FRAMES]
    loop = slow(course_of(differing(length_s, vibrato)))[:COURSE_ENDS, CENTS]
    assert loop.std() == pytest.approx(vibrato.std(), rel=0.15)
    assert np.abs(np.diff(loop, append=loop[COURSE_AGAIN])).max() < 1.4 * np.abs(np.diff(vibrato)).max()


def test_a_loop_does_not_let_the_note_go_again_and_again():
    """Three seconds held with a swell of half a dB, then a release of 80 dB in a second."""
    time_s = seconds(3.73)
    louder_db = 0.5 * np.sin(2 * np.pi * time_s) - 80.0 * np.maximum(time_s - 3.0, 0.0)
    course = course_of(differing(3.73, louder_db=louder_db, level_db=-20.0 + louder_db))[:, LEVEL]
    assert 0.2 < course[:COURSE_ENDS].std() < 0.6
    assert -3.5 < course.min() < course.max() < 1.0
    assert course[1200:1500].mean() == pytest.approx(0.0, abs=0.7)  # Not where it was let go.


def test_a_swell_of_a_short_recording_stays_where_it_ends_and_returns():
    course = course_of(differing(2.0, louder_db=4.0 * seconds(2.0) / 2.0))[:, LEVEL]
    returns = COURSE_ENDS - RETURN_FRAMES
    assert course[375] == pytest.approx(2.0, abs=0.05)
    assert course[780:returns] == pytest.approx(3.6, abs=0.25)  # Its mean in the last 0.2 s is 3.8.
    back = np.diff(course[returns:COURSE_ENDS].reshape(5, -1).mean(axis=1))
    assert (back < -0.1).all()
    assert course[COURSE_ENDS - 1] == pytest.approx(course[COURSE_AGAIN], abs=0.05)


def test_motion_does_not_stand_still_where_a_short_recording_ends():
    """Beside its swell it begins anew: each part of the loop moves as far."""
    one = differing(2.0, band_noise(2.0, 4.0, 7.0, 20.0) + 10.0 * seconds(2.0))
    course = course_of(one)[:, CENTS]
    parts = [part - np.polyval(np.polyfit(np.arange(256), part, 1), np.arange(256)) for part in course.reshape(8, 256)]
    assert min(part.std() for part in parts) > 10.0


@pytest.mark.parametrize("length_s", [2.0, 2.05, 2.1, 2.15])
def test_a_short_recording_does_not_stay_where_its_vibrato_happened_to_end(length_s):
    """Once it stayed at its last frame: out of tune by all of a vibrato of 20 cents, for two seconds."""
    vibrato = 20.0 * np.sin(2 * np.pi * 5.0 * seconds(length_s))
    course = course_of(differing(length_s, vibrato))[round(length_s * FRAME_RATE_HZ) : COURSE_ENDS, CENTS]
    turns = course[: len(course) // 75 * 75].reshape(-1, 75).mean(axis=1)
    assert np.median(np.abs(turns)) < 2.0
    assert np.abs(turns).max() < 12.0  # At its joints.


def test_a_held_mode_takes_a_click_among_its_recordings():
    """What falls by 20 dB within two periods would be a loop of no length."""
    level_db = np.full(STRIKE_FRAMES, -80.0)
    level_db[:2] = -20.0
    one = differing(STRIKE_FRAMES / FRAME_RATE_HZ, 5.0, level_db=level_db)
    np.testing.assert_allclose(course_of(one)[:, CENTS], 5.0, atol=1e-9)


@pytest.mark.parametrize(("dies", "kept"), [(False, MOST_DRIFT_CENTS), (True, 24.0)])
def test_a_held_key_stays_in_tune_and_a_plucked_one_begins_as_sharp_as_it_did(dies, kept):
    drift = 24.0 * np.cos(np.pi * np.minimum(seconds(4.0) / 2.0, 1.0))
    course = course_of(replace(differing(4.0, drift), dies=dies))
    assert course[:150, CENTS].mean() == pytest.approx(kept, abs=2.5)  # A part of the drift is motion.


@pytest.mark.parametrize("dies", [False, True])
def test_only_the_motion_of_the_directions_swings_further(dies):
    """Not where they stand, and neither pitch nor level."""
    motion = np.sin(2 * np.pi * 5.0 * seconds(5.8))[:COURSE_FRAMES]
    one = differing(5.8, 20.0 * motion, motion, 2.0 + motion, dies=dies)
    plain, swung = course_of(one), course_of(replace(one, swing=1.4))
    settled = slice(COURSE_FROM + 100, 1600)
    np.testing.assert_array_equal(swung[:, : LEVEL + 1], plain[:, : LEVEL + 1])
    np.testing.assert_allclose(swung[settled, 2] - 2.0, 1.4 * (plain[settled, 2] - 2.0), atol=0.05)
    assert not swung[:, 3:].any()


# How a course ends


def test_a_note_that_dies_is_followed_to_where_it_cannot_be_heard_and_stays_there():
    """60 dB in three seconds: 40 after two. What its analysis says then is chance."""
    time_s = seconds(3.0)
    first = np.where(time_s <= 2.0, time_s, 5.0 * np.random.default_rng(1).normal(size=len(time_s)))
    one = differing(3.0, first=first, level_db=-20.0 * time_s, dies=True)
    course = course_of(one)[:, 2]
    np.testing.assert_allclose(course[COURSE_FROM:750], time_s[COURSE_FROM:750], atol=1e-9)
    np.testing.assert_allclose(course[751:COURSE_ENDS], 2.0 - JOINT_FRAMES / FRAME_RATE_HZ / 2, atol=0.01)


def test_a_long_note_that_dies_ends_before_the_course_returns_to_its_start():
    one = differing(
        9.0, louder_db=-seconds(9.0)[:COURSE_FRAMES], level_db=-3.0 * seconds(9.0)[:COURSE_FRAMES], dies=True
    )
    course = course_of(one)[:, LEVEL]
    np.testing.assert_allclose(course[COURSE_FROM:COURSE_ENDS], one.course[COURSE_FROM:COURSE_ENDS, LEVEL], atol=1e-9)
    assert course[-1] == pytest.approx(course[0], abs=0.06)
    assert np.abs(np.diff(course, append=course[0])).max() < 0.06


# As signed bytes


@pytest.mark.parametrize("dies", [False, True])
def test_a_course_that_the_engine_plays_is_what_it_was_within_a_step_of_its_latents(recording, dies):
    time_s, mode = np.arange(COURSE_FRAMES) / FRAME_RATE_HZ, ModeData("made", 0.0, (recording(60.0, 0.5),))
    level_db = -6.0 * time_s if dies else -20.0
    made = [
        differing(6.0, size * 30.0 * np.sin(2 * np.pi * 5.0 * time_s), size * time_s, size * 2.0, level_db, dies=dies)
        for size in (1.0, -0.5, 0.2)
    ]
    courses = [course_of(one) for one in made]
    fitted = fit_life(mode, torch.zeros(SHARED, 1), courses)
    steps = b"".join(steps_of(course, fitted) for course in courses)
    fitted = msgspec.structs.replace(fitted, attacks=fit_attacks(made, courses, steps, 94))
    table = played(fitted).reshape(3, COURSE_FRAMES, WIDTH)
    # A latent's steps are a 127th of its furthest point, and no finer than is heard. What no latent holds is little.
    scale = np.array([SCALE_CENTS, SCALE_DB, *[1.0] * SHARED])
    kept = np.linalg.qr((np.array(fitted.mixing) / scale).T)[0]
    step = np.maximum(np.abs(courses / scale @ kept).max(axis=(0, 1)) / 127, FINEST)
    off = (table - np.array([slow(course) for course in courses])) / scale
    np.testing.assert_array_less(np.abs(off @ kept).max(axis=(0, 1)), step)
    power, left = (np.mean(part**2, axis=(0, 1)).sum() for part in (courses / scale, off - off @ kept @ kept.T))
    assert left < (1.0 - KEPT_SHARE) * power


def slow(course: np.ndarray) -> np.ndarray:
    """What is slower than a course's points hold."""
    waves = np.fft.rfft(course, axis=0)
    waves[np.fft.rfftfreq(len(course), 1 / FRAME_RATE_HZ) >= SLOW_HZ] = 0.0
    return np.fft.irfft(waves, len(course), axis=0)


# From recordings to what the engine plays

SECONDS, PITCHES, VELOCITIES = 4.0, (50.0, 60.0, 70.0), (0.9, 0.6, 0.3)
TIME_S = seconds(SECONDS)
TYPICAL_DB = -3.0 * np.arange(LOUD)
HELD = Envelope([0.0, 1.0], [-10.0, -10.0], 0.0, -100.0)
DYING = Envelope([0.0, 20.0], [-10.0, -170.0], -8.0, -100.0)


class Whole:
    """Three recordings, the life that a build makes of them, and what the engine plays with it."""

    def __init__(self, recording, typical, envelope: Envelope) -> None:
        rng, dies = np.random.default_rng(3), envelope.decay_db_per_s < 0
        self.held = not dies
        begins, vibrato = np.exp(-TIME_S / 0.06), np.sin(2 * np.pi * 5.0 * TIME_S)
        notes, self.cents, self.louder_db = [], [], []
        for pitch, velocity, size in zip(PITCHES, VELOCITIES, (1.0, -0.7, 0.5), strict=True):
            own, moving, struck = 2.0 * rng.normal(size=(3, LOUD))
            moved_db = (
                np.outer(np.ones_like(TIME_S), own) + 0.7 * np.outer(vibrato, moving) + 2 * np.outer(begins, struck)
            )
            self.cents.append(25.0 * size * vibrato - 20.0 * begins)
            self.louder_db.append(size * (vibrato + 0.5 * TIME_S) + 4.0 * begins - 2.0 * dies)
            level_db = self.louder_db[-1] - 8.0 * TIME_S * dies
            notes.append(recording(pitch, SECONDS, velocity, self.cents[-1], level_db, moved_db))
        data = ModeData("made", 0.0, tuple(notes))
        self.trainee = new_trainee(Voice(1, VoiceSize(4, 4)), [data], 0)
        self.network = typical(self.trainee.network)
        self.missed_before = self.missed(notes[0])
        family = VoiceFamily()
        family.finish(self.trainee, [data])
        with pytest.MonkeyPatch.context() as patch:  # What is left out, the test above says.
            patch.setattr(life, "KEPT_SHARE", 0.9999)
            described = family.described(self.trainee, 0, data, envelope)
        self.notes, self.life, self.recorded_db = notes, described.life, described.recorded_db
        shape = self.network.directions.shape[1] + len(self.network.strikes)
        self.shade = np.zeros((1, shape), np.float32)
        self.controls = np.zeros((1, len(SCALAR_COLUMNS) + 1), np.float32)
        self.controls[:, -1] = 1.0
        self.motion = Motion(1)
        mode = Mode("made", "#a0b0c0", (40.0, 80.0), envelope, life=self.life, recorded_db=self.recorded_db)
        self.feed = LifeFeed([mode], self.shade, self.controls, self.motion, len(self.network.strikes))

    def missed(self, note: Note) -> float:
        """How far the loud partials are from a recording that the network is told to play, of those of the typical."""
        controls = torch.cat([note.scalars, torch.ones(len(note.scalars), 1)], dim=1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                Voice, "forward", lambda network, given: network.log_amplitudes(given.controls, given.shade)[0]
            )
            played = VoiceFamily().play(self.trainee, controls, note)[:, :LOUD] / NEPER
        true = note.relative[:, :LOUD].numpy() / NEPER
        off, far = (one - one.mean(axis=1, keepdims=True) for one in (played - true, TYPICAL_DB - true))
        return float(np.sqrt(np.mean(off**2) / np.mean(far**2)))

    def strike(self, which: int, periods: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Cents, dB, and the loud partials in dB. Shapes (periods,), (periods,), (periods, LOUD)."""
        player = Player(1, 1)
        player.note_on(PITCHES[which], VELOCITIES[which])
        self.feed.take(player.controls())
        self.feed.place([VELOCITY_RANGE_DB * (VELOCITIES[which] - 1.0) - self.recorded_db])
        self.feed.begin(0)
        while self.feed._voices[0].at or self.feed._attack._sizes[0] != 1.0:  # Not late, and with all of its attack.
            self.feed.begin(0)
        rows = torch.cat([self.network.directions[0], self.network.strikes]).numpy()[:, :LOUD]
        moved, found = self.motion.voices[0], []
        for _ in range(periods):
            self.feed.advance(1)
            spectrum_db = TYPICAL_DB + self.shade[0] @ rows / NEPER
            found.append([1200 * math.log2(moved.bend), 20 * math.log10(moved.gain), *spectrum_db])
        cents, level_db, *partials = np.array(found).T
        return cents, level_db, np.array(partials).T


@pytest.fixture(scope="module", params=[HELD, DYING], ids=["held", "dying"])
def whole(request, recording, typical) -> Whole:
    return Whole(recording, typical, request.param)


def test_the_manifest_has_recordings_with_courses_and_no_noise_of_slow_motion(whole):
    attacks = whole.life.attacks
    assert attacks.notes == pytest.approx(PITCHES, abs=0.02)
    assert attacks.velocities == list(VELOCITIES)
    assert len(attacks.followed(len(whole.life.mixing))) == 3 * len(whole.life.mixing) * 128
    assert (whole.life.onset_s, whole.life.courses) == (ONSET_S, [])


def test_a_network_that_is_told_where_a_recording_stands_plays_it(whole):
    """In the directions of its mode's life as it was trained, which hold the motion; then in those of all."""
    assert whole.missed(whole.notes[0]) < 0.2
    assert whole.missed(whole.notes[0]) < 0.7 * whole.missed_before < 0.7


def test_shared_directions_take_the_place_of_those_of_each_mode_s_life(whole):
    """And the wane stays the last."""
    assert whole.network.directions.shape[1] == len(SHADES) + 1
    assert bool(whole.network.directions[0, -1].any()) != whole.held
    assert whole.network.strikes.shape[0] == whole.life.directions == whole.life.attacks.directions == SHARED


@pytest.mark.parametrize("which", range(len(PITCHES)))
def test_a_strike_is_its_recording_period_by_period_from_the_onset_through_the_hand_over_on(whole, which):
    periods = round(2.5 * FRAME_RATE_HZ)
    cents, level_db, partials_db = whole.strike(which, periods)
    louder_db = whole.louder_db[which][:periods]
    if whole.held:
        louder_db = louder_db - np.median(whole.louder_db[which][FULL])
    true_db = whole.notes[which].relative[:periods, :LOUD].numpy() / NEPER
    around, true = (one - one.mean(axis=1, keepdims=True) for one in (partials_db, true_db))
    off_cents, off_db = np.abs(cents - whole.cents[which][:periods]), np.abs(level_db - louder_db)
    off, far = (np.sqrt(np.mean(one**2, axis=1)) for one in (around - true, true - (TYPICAL_DB - TYPICAL_DB.mean())))
    handed = slice(FADED_FROM, ATTACK_FRAMES)
    assert off_cents.max() < 6.0
    assert np.delete(off_cents, np.r_[handed]).max() < 4.0
    assert off_db.max() < 0.5
    assert off.max() < 1.5  # dB; steps of so wide a motion are half a dB.
    assert far.mean() > 2.0
    for part in (slice(0, 8), slice(8, FADED_FROM), handed, slice(ATTACK_FRAMES, periods)):
        assert off[part].mean() < 0.3 * far[part].mean()
