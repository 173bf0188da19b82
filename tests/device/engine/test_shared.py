"""Directions that all modes share: in them notes that follow recordings move, and in no other."""

from __future__ import annotations

import zlib
from itertools import pairwise

import numpy as np
import pytest
from tombola_device.contract.controls import FRAME_RATE_HZ, SCALAR_COLUMNS
from tombola_device.contract.graph import MAX_STRIKES, SHADES
from tombola_device.contract.life import ATTACK_POINTS, ATTACK_UNIT, BANDS, COURSE_POINTS, COURSE_STEP, Attacks, Life
from tombola_device.contract.manifest import KEYTRACK_NOTE, Envelope, Mode
from tombola_device.engine.attack import FADED_FROM, FRAMES
from tombola_device.engine.life import GROWTH_FRAMES, LifeFeed
from tombola_device.engine.life_tables import played
from tombola_device.engine.motion import Motion
from tombola_device.engine.wane import WaneFeed
from tombola_device.play.player import Player

STRIKES, VOICES = 4, 2
HELD, DYING = (Envelope([0.0, 0.02], [-20.0, -20.0], decay, -300.0) for decay in (0.0, -6.0))
GROWN = GROWTH_FRAMES - 1
"""The period in which a course is heard first; an attack sounds at once."""
EVEN = float(np.sqrt(2.0))
"""Of two modes in equal parts: their courses have nothing in common, so they are mixed with equal power."""


@pytest.fixture(autouse=True)
def full_size(monkeypatch) -> None:
    """Strikes have all of their attack, so that they can be compared."""
    monkeypatch.setattr("tombola_device.engine.attack.SIZES", (1.0,))


def at_rest(*units: float, attack: int = 0, onset_s: float = 0.0) -> Life:
    """A life that follows one recording, which stands somewhere all the time. ``attack``: its steps, in all columns."""
    take = np.full((ATTACK_POINTS, 2 + len(units)), attack, np.int8)
    take[:, :2] = 0
    course = np.full(COURSE_POINTS, round(1 / COURSE_STEP), np.int8)
    own = Attacks([60.0], [take.tobytes()], zlib.compress(course.tobytes()))
    return Life([[100.0, 2.0, *units]], [[[0.0] * BANDS]], onset_s, own)


def moving(seed: int) -> Life:
    """A life that follows one recording, which moves at random."""
    rng = np.random.default_rng(seed)
    own = Attacks([60.0], [bytes(ATTACK_POINTS * (2 + STRIKES))], zlib.compress(rng.bytes(3 * COURSE_POINTS)))
    return Life(rng.normal(0.0, 1.0, (3, 2 + STRIKES)).tolist(), [[[0.0] * BANDS] * 3], attacks=own)


class Fed:
    """A feed of life and one of wanes, and what they write of voice 0; each mode has ``living`` directions."""

    def __init__(self, *lives: Life | None, blend=(1.0,), amount: float = 1.0, living: int = 1, strikes: int = STRIKES):
        envelopes = (HELD, DYING)
        modes = [
            Mode(f"m{index}", "#a0b0c0", (36.0, 96.0), envelopes[index % 2], life=life, wane=(None, 0.0)[index % 2])
            for index, life in enumerate(lives)
        ]
        self.count, self.living, self.strikes = len(lives), living, strikes
        self.shade = np.zeros((VOICES, self.count * (len(SHADES) + living) + strikes), np.float32)
        self.controls = np.zeros((VOICES, len(SCALAR_COLUMNS) + self.count), np.float32)
        self.motion = Motion(VOICES)
        self.feed = LifeFeed(modes, self.shade, self.controls, self.motion, strikes)
        self.wane = WaneFeed(modes, self.shade, self.controls, strikes)
        self.place(blend, amount)

    def place(self, blend, amount: float = 1.0) -> None:
        player = Player(self.count, VOICES)
        player.set_life(amount)
        player.note_on(60, 0.8)
        self.controls[:, -self.count :] = blend
        self.feed.take(player.controls())
        self.feed.place([0.0] * VOICES)
        self.wane.place([KEYTRACK_NOTE] * VOICES)

    def begin(self) -> int:
        """Strike; gives the period of the course at which the note enters."""
        self.feed.begin(0)
        self.wane.begin(0)
        return self.feed._voices[0].at

    def play(self, periods: int) -> np.ndarray:
        """The shared directions. Shape (periods, strikes)."""
        rows = []
        for _ in range(periods):
            self.feed.advance(VOICES)
            self.wane.advance()
            rows.append(self.shade[0, self.shade.shape[1] - self.strikes :].copy())
        return np.array(rows)

    @property
    def own(self) -> np.ndarray:
        """The directions of each mode. Shape (modes, living)."""
        return self.shade[0, self.count * len(SHADES) :][: self.count * self.living].reshape(self.count, self.living)

    @property
    def cents(self) -> float:
        return float(1200 * np.log2(self.motion.voices[0].bend))


@pytest.mark.parametrize("blend", [(0.5, 0.5), (0.2, 0.8), (0.9, 0.1)])
def test_a_blend_moves_by_the_weighted_sum_of_the_rows_of_both_recordings(blend) -> None:
    lives = moving(1), moving(2)
    one = Fed(*lives, blend=blend)
    entered = one.begin()
    rows = [played(life, index)[entered + 1 :, 2:] for index, life in enumerate(lives)]
    weights = np.array(blend) / np.hypot(*blend)
    found = one.play(600)[FRAMES:]
    assert found.std() > 0.5
    np.testing.assert_allclose(found, weights[0] * rows[0][FRAMES:600] + weights[1] * rows[1][FRAMES:600], atol=1e-5)


def test_one_mode_alone_moves_as_its_recording_and_beside_a_still_one_by_its_share() -> None:
    alone, beside = Fed(moving(1), moving(2), blend=(0.0, 1.0)), Fed(None, moving(2), blend=(0.6, 0.8))
    for one, share in ((alone, 1.0), (beside, 0.8 * 1.4)):  # 0.6 and 0.8 have the power of 1 and the sum of 1.4.
        entered = one.begin()
        found, row = one.play(600)[FRAMES:], played(moving(2), 1)[entered + 1 :, 2:][FRAMES:600]
        np.testing.assert_allclose(found, share * row, atol=1e-5)


def test_no_direction_of_a_mode_is_moved_by_a_life_that_follows() -> None:
    one = Fed(moving(1), None, blend=(0.7, 0.3), living=3)
    one.shade[0, one.count * len(SHADES) :][: one.count * 3] = 7.0
    one.begin()
    one.play(200)
    assert (one.own[0] == 7.0).all()
    assert (one.own[1, :-1] == 7.0).all()  # The last is the wane's.


@pytest.mark.parametrize(("lives", "blend", "rest"), [((8,), (1.0,), 1.0), ((8, 24), (0.5, 0.5), EVEN)])
def test_an_attack_is_added_to_the_course_and_after_it_only_the_course_is_left(lives, blend, rest) -> None:
    one = Fed(*[at_rest(1.0, -2.0, 0.0, 0.5, attack=steps) for steps in lives], blend=blend)
    for _ in range(2):  # The second strike begins as the first did: nothing is added twice.
        one.begin()
        found, course = one.play(3 * FRAMES), rest * np.array([1.0, -2.0, 0.0, 0.5])
        struck = ATTACK_UNIT * np.dot(lives, blend)
        np.testing.assert_allclose(found[:GROWN], struck, atol=1e-5)
        np.testing.assert_allclose(found[GROWN:FADED_FROM] - course, struck, atol=1e-5)
        assert all((later <= earlier + 1e-6).all() for earlier, later in pairwise(found[FADED_FROM:FRAMES]))
        np.testing.assert_allclose(found[FRAMES:] - course, 0.0, atol=1e-5)


def test_an_attack_sounds_at_once_although_the_course_has_still_to_grow() -> None:
    one = Fed(at_rest(1.0, 1.0, 1.0, 1.0, attack=16, onset_s=0.2))
    one.begin()
    found = one.play(FRAMES + 60)
    np.testing.assert_allclose(found[:GROWN], 16 * ATTACK_UNIT, atol=1e-6)
    half = round(0.1 * FRAME_RATE_HZ) // GROWTH_FRAMES * GROWTH_FRAMES
    np.testing.assert_allclose(found[half], 16 * ATTACK_UNIT + half / 75, atol=1e-5)
    np.testing.assert_allclose(found[-1], 1.0, atol=1e-5)


@pytest.mark.parametrize("blend", [(1.0, 0.0), (0.5, 0.5)])
def test_at_life_0_no_shared_direction_moves(blend) -> None:
    one = Fed(at_rest(1.0, 1.0, 1.0, 1.0, attack=100), moving(1), blend=blend, amount=0.0)
    one.begin()
    assert not one.play(2 * FRAMES).any()
    assert one.cents == 0.0
    one.place(blend)
    assert one.play(1).any()
    one.place(blend, 0.0)
    assert not one.play(1).any()


def test_twice_the_life_moves_twice_as_far() -> None:
    once, twice = (Fed(moving(1), moving(2), blend=(0.5, 0.5), amount=amount) for amount in (1.0, 2.0))
    assert once.begin() == twice.begin()
    np.testing.assert_allclose(twice.play(300), 2 * once.play(300), atol=1e-5)


@pytest.mark.parametrize("struck", [True, False])
def test_a_mode_that_left_the_blend_leaves_nothing_behind(struck: bool) -> None:  # noqa: FBT001
    """Within the attack and after it."""
    one = Fed(at_rest(0.0, 0.0, 3.0, 3.0, attack=0), at_rest(5.0, 0.0, 0.0, 5.0, attack=0), blend=(0.5, 0.5))
    one.begin()
    one.play(20 if struck else 2 * FRAMES)
    one.place((1.0, 0.0))
    np.testing.assert_allclose(one.play(2)[-1], [0.0, 0.0, 3.0, 3.0], atol=1e-5)
    one.place((0.0, 1.0))
    np.testing.assert_allclose(one.play(2)[-1], [5.0, 0.0, 0.0, 5.0], atol=1e-5)
    one.place((0.0, 0.0))
    assert not one.play(2).any()
    assert one.cents == 0.0


def test_a_still_mode_alone_is_at_rest_after_one_that_moved() -> None:
    one = Fed(at_rest(5.0, 5.0, 5.0, 5.0, attack=50), None, blend=(1.0, 0.0))
    one.begin()
    assert one.play(5).all()
    one.place((0.0, 1.0))
    assert not one.play(FRAMES).any()
    assert one.cents == 0.0


@pytest.mark.parametrize("blend", [(0.0, 1.0), (0.75, 0.25)])
def test_a_mode_wanes_in_its_own_direction_while_notes_follow_recordings(blend) -> None:
    one, still = Fed(moving(1), moving(2), blend=blend), Fed(moving(1), moving(2), blend=blend)
    one.begin()
    still.feed.begin(0)
    found, second = one.play(round(FRAME_RATE_HZ)), []
    for _ in range(round(FRAME_RATE_HZ)):
        still.feed.advance(VOICES)
        second.append(still.shade[0, -STRIKES:].copy())
    np.testing.assert_array_equal(found, second)
    assert one.own[:, 0] == pytest.approx([0.0, blend[1]], abs=2 / FRAME_RATE_HZ)
    one.begin()
    assert not one.own.any()


@pytest.mark.parametrize(("living", "strikes"), [(1, MAX_STRIKES), (0, 4), (0, 1), (1, 0), (0, 0)])
def test_modes_may_share_any_number_of_directions_and_have_none_of_their_own(living: int, strikes: int) -> None:
    units = np.linspace(-2.0, 3.0, strikes)
    one = Fed(at_rest(*units, attack=8), None, blend=(1.0, 0.0), living=living, strikes=strikes)
    one.begin()
    found = one.play(2 * FRAMES)
    np.testing.assert_allclose(found[GROWN], units + 8 * ATTACK_UNIT, atol=1e-5)
    np.testing.assert_allclose(found[-1], units, atol=1e-5)
    assert one.cents == pytest.approx(100.0, abs=1e-3)
