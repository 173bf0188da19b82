"""Levels over time: tables, decay, velocity, blends in dB, release."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.controls import SILENCE_DB
from tombola_device.contract.manifest import Envelope, Mode
from tombola_device.engine.envelope import CARRY_DB_PER_S, ONSET_FLOOR_DB, Envelopes


def mode(time_s, level_db, decay=0.0, release=-100.0, velocity=24.0, keytrack=0.0) -> Mode:
    envelope = Envelope(time_s, level_db, decay, release, velocity, keytrack)
    return Mode("m", "#000000", (0, 127), envelope)


def levels(
    envelopes: Envelopes, periods: int, gate=1, velocity=1.0, blend=(1.0,), offset_db=0.0, note=60.0
) -> np.ndarray:
    envelopes.play([bool(gate)], [velocity], [[*blend, offset_db]], [note])
    curve = []
    for _ in range(periods):
        envelopes.advance()
        curve.append(float(envelopes.level_db[0]))
    return np.array(curve)


def test_level_follows_its_table_and_then_its_decay():
    envelopes = Envelopes([mode([0.0, 0.8, 1.6], [-20.0, -12.0, -28.0], decay=-10.0)], 1)
    envelopes.start(0)
    curve = levels(envelopes, 1501)
    for frame, expected in ((0, -20), (150, -16), (300, -12), (450, -20), (600, -28), (975, -38), (1500, -52)):
        assert curve[frame] == pytest.approx(expected, abs=0.02)


def test_decay_continues_evenly_after_the_end_of_the_longest_table():
    envelopes = Envelopes([mode([0.0, 0.1], [-20.0, -20.0], decay=-10.0), mode([0.0, 1.0], [-20.0, -20.0])], 1)
    envelopes.start(0)
    curve = levels(envelopes, 375 * 5, blend=(1.0, 0.0))
    assert np.diff(curve)[40:].tolist() == pytest.approx([-10 / 375] * (375 * 5 - 41), abs=1e-6)


def test_blend_is_interpolated_in_db_and_a_dead_mode_counts_as_silent():
    envelopes = Envelopes([mode([0.0, 0.1], [-20.0, -20.0]), mode([0.0, 0.1], [-40.0, -40.0], decay=-1000.0)], 1)
    envelopes.start(0)
    assert levels(envelopes, 1, blend=(0.75, 0.25))[0] == pytest.approx(-25)
    assert levels(envelopes, 375, blend=(0.75, 0.25))[-1] == pytest.approx(0.75 * -20 + 0.25 * -80)


def test_level_of_two_equal_modes_does_not_dip_while_the_blend_sweeps():
    envelopes = Envelopes([mode([0.0, 0.1], [-20.0, -20.0])] * 2, 1)
    envelopes.start(0)
    curve = [levels(envelopes, 1, blend=(1 - share, share))[0] for share in np.linspace(0, 1, 100)]
    assert max(curve) - min(curve) < 1e-5


def test_velocity_and_offset_are_added_in_db():
    envelopes = Envelopes([mode([0.0, 0.1], [-20.0, -20.0], velocity=30.0)], 1)
    envelopes.start(0)
    assert levels(envelopes, 1, velocity=0.5, offset_db=-3.0)[0] == pytest.approx(-38)
    assert levels(envelopes, 1, offset_db=40.0)[0] == 0


def test_release_falls_at_its_rate_from_the_level_that_the_attack_reached():
    envelopes = Envelopes([mode([0.0, 1.0], [-40.0, -10.0], release=-150.0)], 1)
    envelopes.start(0)
    top = levels(envelopes, 100)[-1]
    assert levels(envelopes, 50, gate=0)[-1] == pytest.approx(top + 30 / 375 - 150 * 50 / 375, abs=0.1)
    assert levels(envelopes, 400, gate=0)[-1] == SILENCE_DB


def test_silent_start_of_a_slow_attack_is_lifted_to_the_floor_for_its_first_period():
    envelopes = Envelopes([mode([0.0, 1.0], [-100.0, -10.0])], 1)
    envelopes.start(0)
    assert levels(envelopes, 1)[0] == ONSET_FLOOR_DB


def test_retrigger_falls_from_its_level_to_the_new_attack_without_a_step():
    envelopes = Envelopes([mode([0.0, 0.2], [-60.0, -20.0])], 1)
    envelopes.start(0)
    before = levels(envelopes, 200)[-1]
    envelopes.start(0)
    curve = np.concatenate([[before], levels(envelopes, 200)])
    assert np.diff(curve).min() >= CARRY_DB_PER_S / 375 - 1e-9
    assert curve[-1] == pytest.approx(-20, abs=0.01)


def test_choke_is_silence_at_once():
    envelopes = Envelopes([mode([0.0, 0.2], [-20.0, -20.0])], 1)
    envelopes.start(0)
    levels(envelopes, 20)
    envelopes.choke(0)
    assert levels(envelopes, 1, gate=0)[0] == SILENCE_DB


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["start", "gate", "release", "choke"]), st.integers(1, 40), st.floats(0, 1)),
        max_size=12,
    ),
    velocity=st.floats(0, 1),
    offset_db=st.floats(-100, 12),
)
def test_level_stays_between_silence_and_full_scale_whatever_is_played(steps, velocity, offset_db):
    envelopes = Envelopes([mode([0.0, 0.05], [-30.0, -10.0]), mode([0.0, 0.02], [-5.0, -50.0], decay=-500.0)], 1)
    for verb, periods, share in steps:
        if verb == "start":
            envelopes.start(0)
        elif verb == "choke":
            envelopes.choke(0)
        curve = levels(envelopes, periods, verb != "release", velocity, (1 - share, share), offset_db)
        assert curve.min() >= SILENCE_DB
        assert curve.max() <= 0


def test_note_an_octave_higher_moves_twice_as_fast_with_a_keytrack_of_one():
    high, middle = (Envelopes([mode([0.0, 1.0], [-20.0, -30.0], decay=-10.0, keytrack=1.0)], 1) for _ in range(2))
    high.start(0)
    middle.start(0)
    curve, reference = levels(high, 400, note=72.0), levels(middle, 800, note=60.0)
    assert curve[::50] == pytest.approx(reference[::100], abs=1e-6)


def test_release_does_not_follow_the_keytrack():
    curves = []
    for note in (60.0, 84.0):
        envelopes = Envelopes([mode([0.0, 1.0], [-20.0, -20.0], release=-100.0, keytrack=1.0)], 1)
        envelopes.start(0)
        levels(envelopes, 10, note=note)
        curves.append(levels(envelopes, 100, gate=0, note=note))
    assert curves[0] == pytest.approx(curves[1], abs=1e-9)
