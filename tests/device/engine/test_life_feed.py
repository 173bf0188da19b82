"""Life as the engine plays it: rows of a table into the shade, factors of pace and amplitude."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from tombola_device.contract.controls import FRAME_RATE_HZ, SCALAR_COLUMNS
from tombola_device.contract.life import BANDS, Life
from tombola_device.engine.life import GROWTH_FRAMES, LifeFeed
from tombola_device.engine.life_tables import TAKE_FRAMES, TAKES, tables
from tombola_device.engine.motion import Motion
from tombola_device.play.player import Player

MODES, DIRECTIONS, VOICES = 2, 2, 2
ONSET_S = 0.1
GROWN = 60
"""Periods after which ONSET_S is over, and one step of growth."""


class Fed:
    """A feed, the memory that it writes, and a player."""

    def __init__(self, mode, onset_s=ONSET_S) -> None:
        mixings = [[scale * 20.0, scale * 2.0, 0.5, -0.25] for scale in (1.0, -2.0)]
        lives = [Life([mixing], [[[0.3] * BANDS]], onset_s) for mixing in mixings]
        self.modes = [msgspec.structs.replace(mode, life=life) for life in lives]
        self.shade = np.zeros((VOICES, MODES * (3 + DIRECTIONS)), np.float32)
        self.controls = np.zeros((VOICES, len(SCALAR_COLUMNS) + MODES), np.float32)
        self.motion = Motion(VOICES)
        self.feed = LifeFeed(self.modes, self.shade, self.controls, self.motion)
        found = tables(self.modes, DIRECTIONS)
        rows = [np.frombuffer(b"".join(row for take in each.rows for row in take), np.float32) for each in found]
        self.rows = np.stack([own.reshape(-1, DIRECTIONS) for own in rows], axis=1)
        self.bent = [np.concatenate(table.bent) for table in found]
        self.gained = [np.concatenate(table.gained) for table in found]
        self.feed.begin(0)

    def place(self, blend, life: float) -> None:
        player = Player(MODES, VOICES)
        player.set_life(life)
        self.controls[:, -MODES:] = blend
        self.feed.take(player.controls())
        self.feed.place([0.0] * VOICES)

    def play(self, periods: int) -> None:
        for _ in range(periods):
            self.feed.advance(1)

    @property
    def living(self):
        return self.shade[0, MODES * 3 :].reshape(MODES, DIRECTIONS)

    @property
    def factors(self):
        return self.motion.voices[0].bend, self.motion.voices[0].gain

    def row(self, blend):
        """The row of the table that was played last in a blend, found by its directions."""
        rows = self.rows * np.array(blend, np.float32)[:, None]
        return int(np.abs(rows - self.living).sum(axis=(1, 2)).argmin())


@pytest.fixture
def fed(bundle):
    return Fed(bundle.manifest.modes[0])


def test_without_life_nothing_moves(fed):
    fed.place([1.0, 0.0], 0.0)
    fed.play(GROWN)
    assert fed.factors == (1.0, 1.0)
    assert not fed.living.any()


@pytest.mark.parametrize("blend", [[1.0, 0.0], [0.0, 1.0], [0.25, 0.75]])
def test_grown_life_is_the_blend_of_the_rows_of_its_modes(fed, blend):
    rows, bent, gained = fed.rows, fed.bent, fed.gained
    fed.place(blend, 1.0)
    fed.play(GROWN)
    at = fed.row(blend)
    np.testing.assert_allclose(fed.living, rows[at] * np.array(blend)[:, None], rtol=1e-6)
    logs = [[math.log(column[at]) for column in columns] for columns in (bent, gained)]
    np.testing.assert_allclose(np.log(fed.factors), np.array(logs) @ blend, rtol=1e-6)
    fed.play(1)
    assert fed.row(blend) == (at + 1 if (at + 1) % TAKE_FRAMES else at + 1 - TAKE_FRAMES)


def test_young_note_moves_less_in_proportion_to_its_age(fed, bundle):
    at_once = Fed(bundle.manifest.modes[0], onset_s=0.0)
    for each in (fed, at_once):
        each.place([0.5, 0.5], 1.0)
        each.play(GROWTH_FRAMES + 1)
    share = GROWTH_FRAMES / math.ceil(ONSET_S * FRAME_RATE_HZ)
    np.testing.assert_allclose(fed.living, share * at_once.living, rtol=1e-5)
    np.testing.assert_allclose(np.log(fed.factors), share * np.log(at_once.factors), rtol=1e-5)


def test_mode_that_left_the_blend_leaves_nothing_behind(fed):
    fed.place([0.5, 0.5], 1.0)
    fed.play(GROWN)
    assert fed.living.all()
    fed.place([1.0, 0.0], 1.0)
    fed.play(2)
    assert fed.living[0].any()
    assert not fed.living[1].any()
    fed.place([1.0, 0.0], 0.0)
    assert not fed.living.any()
    assert fed.factors == (1.0, 1.0)


def test_take_ends_where_it_began(fed):
    fed.place([1.0, 0.0], 1.0)
    fed.play(GROWN)
    first = fed.row([1.0, 0.0])
    fed.play(2 * TAKE_FRAMES)
    assert fed.row([1.0, 0.0]) == first
    assert len(fed.rows) == TAKES * TAKE_FRAMES
