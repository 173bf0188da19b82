from __future__ import annotations

import numpy as np
import pytest
from tombola_device.contract.controls import PERIOD_SAMPLES, SAMPLE_RATE_HZ
from tombola_device.contract.manifest import Envelope, Mode
from tombola_host.evaluation.played import samples_of
from tombola_host.evaluation.response import dynamics, recorded_slope, spearman, timbre

NOTES = (57.0, 69.0)
VELOCITIES = (0.1, 0.4, 0.7, 1.0)
POSITIONS = (0.0, 0.25, 0.5, 0.75, 1.0)


def bright(note, octaves, level_db, hiss_db=-90.0, seconds=0.4):
    """A fundamental and its 8th partial, whose share gives the centroid: octaves above the fundamental."""
    count = -int(-seconds * SAMPLE_RATE_HZ // PERIOD_SAMPLES) * PERIOD_SAMPLES
    time_s = np.arange(count) / SAMPLE_RATE_HZ
    hz = 440 * 2 ** ((note - 69) / 12)
    share = (2**octaves - 1) / 7
    wave = np.sqrt(1 - share) * np.sin(2 * np.pi * hz * time_s) + np.sqrt(share) * np.sin(2 * np.pi * 8 * hz * time_s)
    hiss = 10 ** (hiss_db / 20) * np.random.default_rng(0).standard_normal(count)
    return (np.sqrt(2) * 10 ** (level_db / 20) * wave + hiss).astype(np.float32)


class Toy:
    """Plays what a function of the key gives."""

    mode = Mode("toy", "#000000", (57.0, 69.0), Envelope([0.0, 0.1], [-30.0, -20.0], 0.0, -200.0))

    def __init__(self, sound):
        self.sound, self.lives = sound, set()

    def follow(self, note):
        raise NotImplementedError

    def play(self, keys):
        self.lives |= {key.life for key in keys}
        return [self.sound(key)[: samples_of(key)] for key in keys]


def by_velocity(octaves_per_10_db, *, backwards=False):
    def sound(key):
        level_db = -40 + 24 * key.velocity
        octaves = octaves_per_10_db * (level_db + 40) / 10
        return bright(key.note, 2.5 - octaves if backwards else 0.3 + octaves, level_db, seconds=0.5)

    return Toy(sound)


def test_a_note_that_brightens_by_0_4_octaves_in_10_db_is_monotone_with_this_slope():
    toy = by_velocity(0.4)
    found = dynamics(toy, NOTES, VELOCITIES, [])
    assert (found.rho, found.monotone, found.notes) == (1.0, 1.0, 2)
    assert found.slope == pytest.approx(0.4, abs=0.02)
    assert (found.real_slope, found.real_from) == (None, "")
    assert toy.lives == {0.0}


def test_a_note_that_darkens_is_backwards_and_one_that_stays_has_no_order():
    found = dynamics(by_velocity(0.4, backwards=True), NOTES, VELOCITIES, [])
    assert (found.rho, found.monotone) == (-1.0, 0.0)
    assert found.slope == pytest.approx(-0.4, abs=0.02)
    assert dynamics(Toy(lambda key: bright(key.note, 1.0, -20, seconds=0.5)), NOTES, VELOCITIES, []).rho == 0.0


def test_one_note_that_goes_wrong_decides(recorded_notes):
    good = by_velocity(0.4).sound
    bad = by_velocity(0.4, backwards=True).sound
    found = dynamics(Toy(lambda key: (bad if key.note == 69 else good)(key)), NOTES, VELOCITIES, [])
    assert (found.rho, found.monotone) == (-1.0, 0.5)


def test_recordings_of_one_note_at_two_dynamics_say_how_it_brightens(recorded_notes):
    sounds = {57.0: bright(57.0, 0.4, -30), 57.04: bright(57.04, 1.2, -14), 69.0: bright(69.0, 0.5, -20)}
    material = recorded_notes(sounds)
    slope, source = recorded_slope([*material.training.notes, *material.test.notes])
    assert source == "dynamics"
    assert slope == pytest.approx(0.5, abs=0.03)


def test_without_two_dynamics_a_note_that_swells_says_it(recorded_notes):
    steps = [bright(57.0, 0.3 + 0.3 * step, -32 + 5 * step) for step in range(4)]
    material = recorded_notes({57.0: np.concatenate(steps)})
    slope, source = recorded_slope(material.training.notes)
    assert source == "within notes"
    assert slope == pytest.approx(0.6, abs=0.08)
    steady = {57.0: np.concatenate(steps), **{57.0 + 3 * step: bright(57.0 + 3 * step, 1.0, -20) for step in (1, 2)}}
    mixed = recorded_notes(steady)
    assert recorded_slope([*mixed.training.notes, *mixed.test.notes]) == (
        None,
        "",
    )  # One note in three does not say it.
    assert recorded_slope(recorded_notes({57.0: bright(57.0, 1.0, -20)}).training.notes) == (None, "")


def test_a_knob_is_named_by_what_it_moves_in_order_on_every_note():
    def sound(key):
        x, y = key.timbre
        rumble = np.cumsum(np.random.default_rng(0).standard_normal(24_064))[: samples_of(key)]
        rumble *= 10 ** ((-45 + 25 * y) / 20) / rumble.std()
        return bright(key.note, 1.0 + x, -20, seconds=0.5)[: len(rumble)] + rumble.astype(np.float32)

    x, y = timbre(Toy(sound), NOTES, POSITIONS)
    assert (x.descriptor, x.rho["bright"]) == ("bright", pytest.approx(1.0))
    assert y.rho == pytest.approx({"bright": -1.0, "noisy": 1.0})  # A rumble also lowers the centroid.


def test_a_knob_that_goes_up_on_one_note_and_down_on_another_moves_nothing_in_order():
    def sound(key):
        way = key.timbre[0] if key.note == 69 else 1 - key.timbre[0]
        return bright(key.note, 1.0 + way, -20, seconds=0.5)

    x, y = timbre(Toy(sound), NOTES, POSITIONS)
    assert x.rho == {"bright": 0.0, "noisy": 0.0}
    assert y.rho == {"bright": 0.0, "noisy": 0.0}


def test_the_partials_of_a_knob_move_by_as_many_db_as_they_were_moved_by():
    def sound(key):
        # Of two partials of the same level one is lowered: by 12 dB against the other.
        count = samples_of(key)
        time_s = np.arange(count) / SAMPLE_RATE_HZ
        hz = 440 * 2 ** ((key.note - 69) / 12)
        second = 10 ** (-12 * key.timbre[0] / 20)
        wave = np.sin(2 * np.pi * hz * time_s) + second * np.sin(2 * np.pi * 2 * hz * time_s)
        return (0.1 * wave).astype(np.float32)

    x, y = timbre(Toy(sound), NOTES, POSITIONS)
    # Relative to the level, the first rises by 2.7 dB and the second falls by 9.3.
    assert x.moved_db == pytest.approx((2.74 + 9.26) / 2, abs=0.3)
    assert y.moved_db == pytest.approx(0.0, abs=0.05)


def test_ranks_and_not_sizes_are_correlated():
    assert spearman([1, 2, 3, 4], [1, 10, 100, 1000]) == pytest.approx(1.0)
    assert spearman([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1.0)
    assert spearman([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(0.8)
    assert spearman([1, 2, 3, 4], [7, 7, 7, 7]) == 0.0
