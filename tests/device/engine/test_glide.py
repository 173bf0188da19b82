"""Portamento in the engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tombola_device.engine.engine import Engine
from tombola_device.engine.glide import Glide
from tombola_device.play.player import Player


def frame(note: float, glide_s: float, bend: float = 0.0):
    controls = Player(1, 1).controls()

    def one(value):
        return np.array([value], np.float32)

    return replace(controls, note=one(note), glide_s=one(glide_s), bend_semitones=one(bend))


def walk(glide: Glide, periods: int) -> list[float]:
    note, notes = np.zeros(1, np.float32), []
    for _ in range(periods):
        glide.advance(note)
        notes.append(float(note[0]))
    return notes


def test_octave_in_a_tenth_of_a_second_takes_38_periods_in_a_straight_line():
    glide = Glide(1)
    glide.take(frame(48, 0.1), [False])
    assert walk(glide, 1) == [48]
    glide.take(frame(60, 0.1), [True])
    notes = walk(glide, 40)
    np.testing.assert_allclose(np.diff(notes[:38]), 12 / 38, atol=1e-4)
    assert notes[37:] == [60, 60, 60]
    assert not glide.moving


def test_silent_voice_jumps_to_its_note_and_a_bend_never_glides():
    glide = Glide(1)
    glide.take(frame(48, 1.0), [False])
    assert walk(glide, 1) == [48]
    glide.take(frame(48, 1.0, bend=2.0), [True])
    assert walk(glide, 1) == [50]


def test_voice_that_fell_silent_in_a_glide_and_is_struck_again_on_its_target_has_that_note_at_once(bundle):
    engine, player, out = Engine(bundle, 1), Player(3, 1), np.zeros(128, np.float32)
    player.glide(1.0)
    player.note_on(48, 1.0)
    engine.render(player.controls(), out)
    player.note_on(60, 1.0)
    player.controls()
    for _ in range(40):
        engine.render(player.controls(), out)
    player.all_notes_off()
    while not engine.idle:
        engine.render(player.controls(), out)
    player.hear(engine.levels_db)
    player.note_on(60, 1.0)
    engine.render(player.controls(), out)
    assert engine.renderers[0].session.controls[0, 0] == 60.0


@given(st.lists(st.tuples(st.floats(0, 127), st.floats(0, 0.5), st.integers(1, 40)), min_size=1, max_size=10))
def test_glide_ends_exactly_on_its_note_and_never_overshoots(steps):
    glide, before = Glide(1), 60.0
    glide.take(frame(60.0, 0), [False])
    for wanted, glide_s, periods in steps:
        note = float(np.float32(wanted))
        glide.take(frame(note, glide_s), [True])
        notes = walk(glide, periods)
        low, high = min(before, note) - 1e-3, max(before, note) + 1e-3
        assert all(low <= value <= high for value in notes)
        before = notes[-1]
    assert walk(glide, 400)[-1] == pytest.approx(note, abs=0)
