"""Courses: a held note moves as one recording did, from its start on, and a blend of two modes as much as either."""

from __future__ import annotations

import zlib
from itertools import pairwise

import numpy as np
import pytest
from tombola_device.contract.controls import SCALAR_COLUMNS
from tombola_device.contract.graph import SHADES
from tombola_device.contract.life import (
    ATTACK_POINTS,
    BANDS,
    COURSE_AGAIN,
    COURSE_ENDS,
    COURSE_FROM,
    COURSE_POINTS,
    COURSE_STEP,
    Attacks,
    Life,
)
from tombola_device.contract.manifest import Envelope, Mode
from tombola_device.engine.attack import FRAMES
from tombola_device.engine.life import GROWTH_FRAMES, LATE, LATEST, LifeFeed
from tombola_device.engine.life_tables import MOST_CENTS, MOST_DB, TAKE_FRAMES, TAKES, played
from tombola_device.engine.motion import Motion
from tombola_device.play.player import Player

LIVING, STRIKES, VOICES = 2, 3, 2
MIXING = [[4.0, 0.2, 0.3, 0.1], [-2.0, 0.3, 0.1, -0.3]]
HELD = Envelope([0.0, 0.02], [-20.0, -20.0], 0.0, -300.0)
RANGE = (36.0, 96.0)
TAKE_NOTES = np.linspace(*RANGE, TAKES).tolist()


def recorded(seed: int, size: float = 1.0, noise: float = 0.0, attacks: Attacks | None = None) -> Life:
    """A life of one course for each take, as fast as a vibrato; and noise above it."""
    rng = np.random.default_rng(seed)
    waves = np.zeros((TAKES, 2, COURSE_POINTS // 2 + 1), complex)
    waves[..., 3:45] = rng.standard_normal((TAKES, 2, 42)) + 1j * rng.standard_normal((TAKES, 2, 42))
    points = np.fft.irfft(waves, COURSE_POINTS)
    points *= size / points.std(axis=(1, 2), keepdims=True)
    steps = np.rint(points / COURSE_STEP).clip(-127, 127).astype(np.int8)
    spreads = [[0.0] * (BANDS - 8) + [noise] * 8] * 2
    return Life(MIXING, [spreads], courses=[course.tobytes() for course in steps], attacks=attacks)


def still_attacks(notes: list[float]) -> Attacks:
    """Recordings that begin as the graph plays them."""
    return Attacks(notes, [bytes(ATTACK_POINTS * (2 + LIVING))] * len(notes))


class Bench:
    """A feed of one or two modes, and what it writes of voice 0."""

    def __init__(self, *lives: Life | None, blend=(1.0,), envelope: Envelope = HELD, strikes: int = 0) -> None:
        modes = [Mode(f"m{index}", "#a0b0c0", RANGE, envelope, life=life) for index, life in enumerate(lives)]
        self.count, self.strikes = len(lives), strikes
        self.shade = np.zeros((VOICES, self.count * (len(SHADES) + LIVING) + strikes), np.float32)
        self.controls = np.zeros((VOICES, len(SCALAR_COLUMNS) + self.count), np.float32)
        self.motion = Motion(VOICES)
        self.feed = LifeFeed(modes, self.shade, self.controls, self.motion, strikes)
        self.voice = self.feed._voices[0]
        self.blend(blend)

    def blend(self, blend) -> None:
        self.controls[:, len(SCALAR_COLUMNS) :] = blend
        self.feed.take(Player(self.count, VOICES).controls())
        self.feed.place([0.0] * VOICES)

    @property
    def take(self) -> int:
        """Which take of the first mode is followed."""
        return self.feed._tables[0].rows.index(self.voice.rows[0])

    def strike(self, periods: int, note: float = 66.0) -> np.ndarray:
        """Cents, dB and the directions: those of the modes in sum, then the shared. (periods, 2 + LIVING + strikes)."""
        player = Player(self.count, VOICES)
        player.note_on(note, 0.8)
        self.feed.take(player.controls())
        self.feed.begin(0)
        rows = []
        for _ in range(periods):
            self.feed.advance(VOICES)
            own, shared = np.split(self.shade[0, self.count * len(SHADES) :], [self.count * LIVING])
            moved, living = self.motion.voices[0], own.reshape(self.count, LIVING).sum(axis=0)
            rows.append([1200 * np.log2(moved.bend), 20 * np.log10(moved.gain), *living, *shared])
        return np.array(rows)


def test_the_table_holds_the_points_of_each_course() -> None:
    life = recorded(0)
    points = np.frombuffer(b"".join(life.courses), np.int8).reshape(TAKES, 2, COURSE_POINTS) * COURSE_STEP
    table = played(life).reshape(TAKES, COURSE_POINTS, TAKE_FRAMES // COURSE_POINTS, -1)
    np.testing.assert_allclose(table[:, :, 0], points.transpose(0, 2, 1) @ np.array(MIXING), atol=0.05)
    # Between the points nothing is faster than they can say.
    strength = np.abs(np.fft.rfft(table.reshape(TAKES, TAKE_FRAMES, -1), axis=1)) ** 2
    assert strength[:, COURSE_POINTS // 2 :].sum() < 1e-9 * strength.sum()


def test_a_loop_has_no_seam() -> None:
    table = played(recorded(0, noise=0.1)).reshape(TAKES, TAKE_FRAMES, -1)
    inside = np.abs(np.diff(table, axis=1)).max(axis=1)
    assert (np.abs(table[:, 0] - table[:, -1]) <= inside).all()


def test_noise_is_added_to_the_courses_and_is_another_one_in_each_mode() -> None:
    both, alone = recorded(0, noise=0.1), recorded(0)
    fast = [(played(both, mode) - played(alone))[:, 0] for mode in range(2)]
    wanted = 0.1 * np.sqrt(8) * np.hypot(MIXING[0][0], MIXING[1][0])
    assert [each.std() for each in fast] == pytest.approx([wanted] * 2, rel=0.05)
    assert abs(np.corrcoef(fast)[0, 1]) < 0.1


def test_a_strike_goes_on_as_the_recording_whose_attack_it_drew() -> None:
    bench = Bench(recorded(0, attacks=still_attacks(TAKE_NOTES)))
    drawn = set()
    for note in (TAKE_NOTES[3] + 1.0, TAKE_NOTES[4] - 1.0):
        bench.strike(1, note)
        attack = bench.feed._attack
        assert attack is not None
        take = attack._begun[0][0] // FRAMES
        assert bench.take == take
        drawn.add(take)
    assert drawn == {3, 4}


def test_a_course_is_entered_at_its_start_or_a_third_of_a_second_later() -> None:
    bench = Bench(recorded(0))
    entered = []
    for _ in range(100):
        bench.strike(COURSE_FROM + 1)  # The period in which recordings were heard to move first.
        entered.append(bench.voice.at)
    assert min(entered) >= 0
    assert 0.8 * LATEST < max(entered) < LATEST
    assert len(set(entered)) > 40


def test_without_attacks_the_nearest_recording_is_followed() -> None:
    bench = Bench(recorded(0))
    for take, note in enumerate(TAKE_NOTES):
        bench.strike(1, note)
        assert bench.take == take


def test_two_strikes_that_follow_one_recording_are_not_alike() -> None:
    bench = Bench(recorded(0))
    strikes = [bench.strike(800)[:, 0] for _ in range(6)]
    assert max(abs(np.corrcoef(one, other)[0, 1]) for one, other in pairwise(strikes)) < 0.9
    again = Bench(recorded(0))
    np.testing.assert_array_equal(strikes, [again.strike(800)[:, 0] for _ in range(6)])


@pytest.mark.parametrize(("share", "other"), [(0.5, 1.0), (0.5, 0.5), (0.25, 2.0), (0.8, 1.0)])
def test_a_blend_of_two_modes_moves_as_much_as_its_parts(share: float, other: float) -> None:
    parts, lives = [], (recorded(1), recorded(2, size=other))
    for blend in ((1.0, 0.0), (0.0, 1.0), (share, 1.0 - share)):
        bench = Bench(*lives, blend=blend)
        strikes = [bench.strike(TAKE_FRAMES, note) for note in TAKE_NOTES[::3]]
        parts.append(np.sqrt(np.mean([strike.var(axis=0) for strike in strikes], axis=0)))
    first, second, blended = parts
    assert (blended > 0.85 * np.minimum(first, second)).all()
    assert (blended < 1.15 * np.maximum(first, second)).all()


def test_a_blend_with_a_still_mode_moves_less_and_a_pure_mode_as_its_table_says() -> None:
    whole, half, most = (
        Bench(recorded(1), None, blend=(share, 1 - share)).strike(1000)[:, 0].std() for share in (1.0, 0.5, 0.8)
    )
    assert half == pytest.approx(whole / np.sqrt(2), rel=1e-3)
    assert most == pytest.approx(whole * 0.8 / np.hypot(0.8, 0.2), rel=1e-3)
    bench = Bench(recorded(1), recorded(2), blend=(1.0, 0.0))
    moved = bench.strike(500)
    at = bench.take * TAKE_FRAMES + bench.voice.at
    np.testing.assert_allclose(moved[-400:], played(recorded(1))[at - 399 : at + 1], atol=1e-3)


def test_a_blend_that_moves_while_a_note_sounds_is_weighed_anew() -> None:
    bench = Bench(recorded(1), recorded(2), blend=(1.0, 0.0))
    bench.strike(100)
    assert bench.voice.moves == [(0, 1.0)]
    bench.blend((0.5, 0.5))
    assert [share for _, share in bench.voice.moves] == pytest.approx([np.sqrt(0.5)] * 2)
    bench.blend((0.6, 0.8))  # However large the weights are together.
    assert [share for _, share in bench.voice.moves] == pytest.approx([0.84, 1.12])


def test_modes_of_noise_alone_share_their_phases_and_are_weighed_as_ever() -> None:
    noise = Life(MIXING, [[[0.1] * BANDS] * 2])
    bench = Bench(noise, noise, blend=(0.3, 0.7))
    bench.strike(GROWTH_FRAMES)
    assert bench.voice.moves == [(0, float(np.float32(0.3))), (1, float(np.float32(0.7)))]
    np.testing.assert_array_equal(played(noise, 0), played(noise, 1))
    mixed = Bench(noise, recorded(1), blend=(0.5, 0.5))
    mixed.strike(GROWTH_FRAMES)
    assert [share for _, share in mixed.voice.moves] == pytest.approx([np.sqrt(0.5)] * 2)


def test_wild_courses_move_a_note_by_no_more_than_the_limits() -> None:
    rng = np.random.default_rng(0)
    wild = Life([[1e4, 1e4, 0.0, 0.0]], [[[0.0] * BANDS]], courses=[rng.bytes(COURSE_POINTS)])
    moved = Bench(wild).strike(1500)
    assert np.abs(moved[:, 0]).max() == pytest.approx(MOST_CENTS)
    assert np.abs(moved[:, 1]).max() == pytest.approx(MOST_DB)


# Courses of the recordings whose attacks are drawn

SLOW = Envelope([0.0, 0.02], [-20.0, -20.0], -1.0, -300.0)
SHARED = np.array([[0.5, 0.0, -0.25], [0.0, 0.25, 0.75]])
"""How far a cent and a dB move the directions that all modes share."""


def following(courses: np.ndarray, notes: list[float], noise: float = 0.0) -> Life:
    """A life whose first latent is the pitch in cents and whose second the level in dB; courses (P, 2, POINTS)."""
    steps = np.rint(courses / COURSE_STEP).astype(np.int8)
    attacks = Attacks(notes, [bytes(ATTACK_POINTS * (2 + STRIKES))] * len(notes), zlib.compress(steps.tobytes()))
    spreads = [[0.0] * (BANDS - 8) + [noise] * 8] * 2
    return Life(np.hstack([np.eye(2), SHARED]).tolist(), [spreads], attacks=attacks)


def ramps(count: int) -> np.ndarray:
    """The pitch of each says which it is; the level rises for 5 s and returns."""
    level = np.concatenate([np.linspace(0.0, 2.0, 118), np.linspace(2.0, 0.0, 10)])
    return np.stack([np.stack([np.full(COURSE_POINTS, place - 1.0), level]) for place in range(count)])


def test_a_note_follows_the_recording_whose_attack_it_drew_at_rest_too() -> None:
    notes = [40.0, 60.0, 80.0]
    bench = Bench(following(ramps(3), notes), strikes=STRIKES)
    for place, note in enumerate(notes):
        moved = bench.strike(1000, note)
        assert bench.take == place
        assert moved[20:, 0] == pytest.approx(place - 1.0, abs=0.02)
        np.testing.assert_allclose(moved[100:1000:100, 1], np.arange(100, 1000, 100) / 1888 * 2.0, atol=0.1)
        np.testing.assert_allclose(moved[20:, 2 + LIVING :], moved[20:, :2] @ SHARED, atol=0.02)
        assert not moved[:, 2 : 2 + LIVING].any()


def test_a_held_note_begins_its_course_anew_and_one_that_dies_away_stays_where_it_ended() -> None:
    life = following(ramps(2), [50.0, 70.0])
    held, dying = (Bench(life, envelope=own, strikes=STRIKES) for own in (HELD, SLOW))
    looped, ended = (bench.strike(2 * TAKE_FRAMES, 70.0)[:, 1] for bench in (held, dying))
    once = COURSE_ENDS - COURSE_AGAIN
    np.testing.assert_allclose(looped[COURSE_ENDS + 50 :][:once], looped[COURSE_AGAIN + 50 :][:once], atol=0.02)
    np.testing.assert_array_equal(ended[COURSE_ENDS:], ended[COURSE_ENDS])
    assert ended[-1] == pytest.approx(2.0, abs=0.05)


def test_such_a_course_is_entered_at_most_a_few_periods_late() -> None:
    bench, entered = Bench(following(ramps(1), [60.0]), strikes=STRIKES), set()
    for _ in range(300):
        bench.strike(1)
        entered.add(bench.voice.at)
    assert entered == set(range(1, LATE + 1))


def test_in_a_blend_each_mode_follows_its_own_recording() -> None:
    lives = following(ramps(3), [40.0, 60.0, 80.0]), following(3 * ramps(2), [60.0, 80.0])
    bench = Bench(*lives, blend=(0.5, 0.5), strikes=STRIKES)
    moved = bench.strike(200, 60.0)
    # The second of three stands at 0 cents, the first of two at -3.
    assert moved[50:, 0] == pytest.approx(-3.0 * np.sqrt(0.5), abs=0.05)
    assert bench.voice.rows[1] is bench.feed._tables[1].rows[0]
