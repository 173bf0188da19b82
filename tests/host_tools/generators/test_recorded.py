"""How recordings differ from what is played: on notes that were made with a known difference."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tombola_device.contract.controls import FRAME_RATE_HZ
from tombola_device.contract.graph import SHADE_DB
from tombola_device.contract.life import COURSE_FRAMES
from tombola_device.contract.manifest import Envelope
from tombola_host.corpus.corpus import VELOCITY_RANGE_DB
from tombola_host.corpus.windows import LEVEL, NOTE, ModeData
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.recorded import (
    FULL,
    MOST_CENTS,
    MOST_DB,
    MOST_MOVED,
    MOST_OFF_DB,
    MOST_SWING,
    SHARED,
    STRIKE_FRAMES,
    Recorded,
    fit_shared,
    recorded,
)
from tombola_host.generators.voice.shades import DYNAMICS, NEPER, heard_in, least_squares
from tombola_host.generators.voice.size import VoiceSize

LOUD, HELD_IN = 10, 8
HELD = Envelope([0.0, 1.0], [-10.0, -10.0], 0.0, -100.0)
DYING = Envelope([0.0, 20.0], [-10.0, -10.0], -20.0, -100.0)
SECONDS = 3.0
TIME_S = np.arange(round(SECONDS * FRAME_RATE_HZ)) / FRAME_RATE_HZ
VIBRATO = np.sin(2 * np.pi * 5.0 * TIME_S)
# The first row that is orthogonal to all of these is the common motion of all partials: the level's.
WAYS = np.linalg.qr(np.column_stack([np.ones(LOUD), np.random.default_rng(7).normal(size=(LOUD, LOUD - 1))]))[0].T[1:]
"""Ways in which the loud partials move, of length 1. Shape (LOUD - 1, LOUD)."""
ROWS_DB = 3.0 * WAYS[:HELD_IN]


def mode_of(*notes) -> ModeData:
    return ModeData("made", 0.0, notes)


def one(network, mode, envelope=HELD) -> Recorded:
    (found,) = recorded(network, 0, mode, envelope)
    return found


def holding(rows: int) -> np.ndarray:
    """Directions of which only the first few move anything, dB."""
    return np.where(np.arange(HELD_IN)[:, None] < rows, ROWS_DB, 0.0)


# Level and pitch


def test_a_held_note_differs_by_its_level_from_its_median_and_by_its_pitch(recording, knowing):
    """How loud it is as a whole, its key says: from 0.1 to 0.6 s."""
    level_db, cents = 6.0 + 2.0 * TIME_S + VIBRATO, 20.0 * VIBRATO + 15.0 * (TIME_S < 0.1)
    mode = mode_of(recording(60.3, SECONDS, cents=cents, level_db=level_db))
    found = one(knowing(ROWS_DB), mode)
    assert (found.dies, found.pitch) == (False, pytest.approx(60.3, abs=0.01))
    np.testing.assert_allclose(found.course[:, 1], level_db - np.median(level_db[FULL]), atol=0.01)
    np.testing.assert_allclose(found.course[:, 0], cents - np.median(cents), atol=0.1)
    assert (FULL.start, FULL.stop) == (38, 225)


def test_a_note_that_dies_away_differs_by_its_level_in_full(recording, knowing):
    level_db = -5.0 - 2.0 * TIME_S
    mode = mode_of(recording(60.0, SECONDS, level_db=level_db))
    found = one(knowing(ROWS_DB), mode, DYING)
    assert found.dies
    np.testing.assert_allclose(found.course[:, 1], level_db, atol=0.01)


def test_a_soft_note_is_compared_with_what_a_soft_strike_plays(recording, knowing):
    """Its level and its dynamics: 24 dB of velocity, and the slope that goes with them."""
    louder_db = VELOCITY_RANGE_DB * (0.5 - 1.0) - -4.0
    slope_db = -np.linspace(0.0, 5.0, LOUD)
    mode = mode_of(recording(60.0, SECONDS, 0.5, level_db=-2.0, moved_db=louder_db / SHADE_DB * slope_db))
    network = knowing(ROWS_DB)
    without = one(network, mode, DYING).course
    network.recorded_db[0] = -4.0
    network.directions[0, DYNAMICS, :LOUD] = torch.from_numpy(slope_db * NEPER)
    found = one(network, mode, DYING)
    assert found.velocity == 0.5
    np.testing.assert_allclose(found.course[:, 1], -2.0, atol=0.01)
    assert np.abs(without[:, 2:]).max() > 0.5
    assert np.abs(found.course[:, 2:]).max() < 0.05


def test_the_network_is_told_the_pitch_and_level_of_a_key_and_not_of_the_recording(recording, knowing, monkeypatch):
    """As the engine tells it: what the trunk would do with a vibrato is no part of what is played."""
    mode, told = mode_of(recording(60.0, SECONDS, cents=50.0 * VIBRATO, level_db=3.0 * VIBRATO)), []
    network = knowing(ROWS_DB)
    network.recorded_db[0] = -4.0
    played = network.log_amplitudes
    monkeypatch.setattr(
        network, "log_amplitudes", lambda controls, shade: told.append(controls) or played(controls, shade)
    )
    one(network, mode)
    (controls,) = told
    np.testing.assert_allclose(controls[0, :, NOTE].numpy(), 60.0, atol=0.01)
    np.testing.assert_allclose(controls[0, :, LEVEL].numpy(), -14.0, atol=1e-5)


# Directions


def test_directions_are_what_was_put_in_at_rest_and_in_motion(recording, knowing):
    moved = np.zeros((len(TIME_S), HELD_IN))
    moved[:, 0], moved[:, 1], moved[:, 2] = 1.5, 0.8 * VIBRATO, -1.0 + 0.5 * TIME_S
    mode = mode_of(recording(60.0, SECONDS, moved_db=moved @ ROWS_DB))
    found = one(knowing(ROWS_DB), mode)
    # Ridge regression draws a coefficient by a hundredth to 0, and partials that are masked count a little.
    np.testing.assert_allclose(found.course[:, 2:], moved, atol=0.12)


def test_what_a_wild_recording_asks_is_bounded(recording, knowing):
    cents, level_db = 700.0 * np.sign(VIBRATO), 60.0 * VIBRATO
    mode = mode_of(recording(60.0, SECONDS, cents=cents, level_db=level_db, moved_db=100.0 * WAYS[0]))
    found = one(knowing(holding(1) / 10), mode)
    assert np.abs(found.course).max(axis=0)[:3].tolist() == [MOST_CENTS, 2 * MOST_DB, MOST_MOVED]


def test_a_partial_that_a_recording_lacks_is_not_followed_into_silence(recording, knowing):
    """200 dB softer, the others 3 dB louder for it."""
    lacking = np.eye(1, LOUD)
    found = one(knowing(4.0 * lacking), mode_of(recording(60.0, SECONDS, moved_db=-200.0 * lacking[0])))
    assert 0.95 * MOST_OFF_DB < -4.0 * found.course[:, 2].mean() < MOST_OFF_DB + 3.1  # 60 dB lie above the floor.


def test_no_more_than_a_course_holds_is_read(recording, knowing):
    mode = mode_of(recording(60.0, 7.0))
    found = one(knowing(ROWS_DB), mode)
    assert len(found.course) == len(found.level_db) == COURSE_FRAMES


# How far directions move that hold a part


@pytest.mark.parametrize(("left", "swing"), [(0.0, 1.0), (0.75, 1.25), (1.0, np.sqrt(2)), (1.5, MOST_SWING)])
def test_first_partials_are_to_move_as_far_as_recorded_when_directions_hold_a_part(recording, knowing, left, swing):
    """What a recording differs by stays as near to it as it can be: a course says how it swings."""
    moved_db = 2.0 * WAYS[0] + VIBRATO[:, None] * (WAYS[0] + left * WAYS[1])
    mode = mode_of(recording(60.0, SECONDS, moved_db=moved_db))
    found = one(knowing(holding(1)), mode)
    held_db = found.course[100:1000, 2] * 3.0
    assert found.swing == pytest.approx(swing, rel=0.06)
    assert (held_db.mean(), np.sqrt(2) * held_db.std()) == (pytest.approx(2.0, abs=0.1), pytest.approx(1.0, rel=0.06))


# The directions that all modes share


@pytest.fixture
def different(recording) -> ModeData:
    """Each note has a timbre of its own along one way, and moves along another, half as far."""
    stands = (-3.0, -1.0, 1.0, 3.0)
    made = [s * WAYS[2] + (2.0 * VIBRATO * np.sign(s))[:, None] * WAYS[4] for s in stands]
    return mode_of(*(recording(50.0 + 4 * at, SECONDS, moved_db=moved) for at, moved in enumerate(made)))


def shared(network, *modes) -> np.ndarray:
    """The directions around their common motion, dB of the loud partials. Shape (SHARED, LOUD)."""
    rows = fit_shared(network, modes).numpy()[:, :LOUD] / NEPER
    return rows - rows.mean(axis=1, keepdims=True)


def missed(rows: np.ndarray, way: np.ndarray) -> float:
    """The share of a way that rows do not span."""
    return float(np.sum((way - rows.T @ np.linalg.lstsq(rows.T, way, rcond=None)[0]) ** 2))


def test_shared_directions_span_what_differs_at_rest_and_in_motion(different, knowing):
    rows = shared(knowing(ROWS_DB[:0]), different)
    assert rows.shape == (SHARED, LOUD)
    assert max(missed(rows[:2], WAYS[way]) for way in (2, 4)) < 0.03


def test_a_mode_counts_as_much_as_another_whose_recordings_differ_more(recording, typical):
    """Four notes that differ along two ways, and one that differs along a third, a tenth as far."""
    wild = [np.sin(at) * 6.0 * WAYS[1] + np.cos(at) * 5.0 * WAYS[3] for at in np.arange(4) * np.pi / 2]
    modes = [
        mode_of(*(recording(50.0 + at, SECONDS, moved_db=moved) for at, moved in enumerate(wild))),
        mode_of(recording(60.0, SECONDS, moved_db=0.6 * VIBRATO[:, None] * WAYS[5])),
    ]
    network = typical(Voice(2, VoiceSize(4, 4)))
    with torch.no_grad():
        network.spectrum[1] = network.spectrum[0]
    rows = shared(network, *modes)
    assert missed(rows[:1], WAYS[5]) < 0.05
    assert max(missed(rows[:3], WAYS[way]) for way in (1, 3)) < 0.05


def test_how_notes_move_has_its_share_of_the_directions_though_they_differ_more_at_rest(recording, knowing):
    """Eight timbres; and motion along a ninth way, an eighth as far, which is half of what counts."""
    made = [
        recording(50.0 + at, SECONDS, moved_db=4.0 * WAYS[at] + 0.7 * VIBRATO[:, None] * WAYS[8])
        for at in range(HELD_IN)
    ]
    assert missed(shared(knowing(ROWS_DB[:0]), mode_of(*made))[:1], WAYS[8]) < 0.1


def test_a_step_of_1_is_a_mean_of_1_db_as_amplitudes_are_heard(different, knowing):
    weight = heard_in(different)
    rows_db = fit_shared(knowing(ROWS_DB[:0]), [different]).numpy() / NEPER
    np.testing.assert_allclose(rows_db**2 @ weight / weight.sum(), 1.0, rtol=1e-4)


def test_shared_directions_are_fitted_to_what_is_heard(recording, knowing):
    """The tenth partial, 27 dB softer than the first, moves as far in dB and counts less."""
    moved_db = np.zeros((len(TIME_S), LOUD))
    moved_db[:, 0], moved_db[:, 9] = 3.0 * VIBRATO, 3.0 * np.cos(2 * np.pi * 7.0 * TIME_S)
    mode = mode_of(recording(60.0, SECONDS, moved_db=moved_db))
    first = np.abs(fit_shared(knowing(ROWS_DB[:0]), [mode]).numpy()[0, :LOUD])
    assert first[0] > 2.0 * first[9]


def test_the_attack_of_a_recording_lies_in_the_directions_from_its_first_period_on(recording, knowing):
    begins = np.exp(-TIME_S / 0.1)[:, None]
    mode = mode_of(*(recording(50.0 + 4 * way, SECONDS, moved_db=8.0 * begins * WAYS[way]) for way in (0, 3, 5)))
    network = knowing(ROWS_DB[:0])
    network.strikes = fit_shared(network, [mode])
    rows = network.strikes.numpy()[:, :LOUD] / NEPER
    for found, way in zip(recorded(network, 0, mode, HELD), (0, 3, 5), strict=True):
        assert found.course.shape == (len(TIME_S), 2 + SHARED)
        played = found.course[:STRIKE_FRAMES, 2:] @ rows
        true = 8.0 * begins[:STRIKE_FRAMES] * WAYS[way]
        off = played - played.mean(axis=1, keepdims=True) - true
        assert np.sqrt(np.mean(off**2)) < 0.1 * np.sqrt(np.mean(true**2))


def test_modes_of_recordings_too_short_for_an_attack_share_nothing(recording, knowing):
    network = knowing(ROWS_DB)
    short = mode_of(recording(60.0, (STRIKE_FRAMES - 1) / FRAME_RATE_HZ))
    assert fit_shared(network, [short]).shape == (0, network.strikes.shape[1])
    assert recorded(network, 0, short, HELD) == []


def test_least_squares_leave_a_common_factor_to_the_level():
    weight, values = np.linspace(1.0, 0.5, LOUD), 2.0 * WAYS[:1] + 5.0
    np.testing.assert_allclose(least_squares(WAYS[:2], values, weight), [[2.0, 0.0]], atol=1e-4)
