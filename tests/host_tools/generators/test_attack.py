"""Fitting attacks: recordings that begin unlike what the network plays, and what is left when the engine plays both."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
import torch
from tombola_device.contract.controls import FRAME_RATE_HZ
from tombola_device.contract.envelope_keys import EnvelopeKey
from tombola_device.contract.life import (
    ATTACK_AT,
    ATTACK_CENTS,
    ATTACK_DB,
    ATTACK_POINTS,
    ATTACK_UNIT,
    COURSE_FRAMES,
    MAX_ATTACKS,
    Attacks,
)
from tombola_device.contract.manifest import Envelope
from tombola_device.engine.attack import FADED_FROM, FRAMES, played
from tombola_device.engine.envelope import table_time_s
from tombola_device.engine.life import GROWTH_FRAMES
from tombola_host.corpus.windows import LEVEL, NOTE, ModeData
from tombola_host.generators.voice.attack import MOST_STEPS, fit_attacks
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.recorded import SHARED, fit_shared, recorded
from tombola_host.generators.voice.shades import NEPER

LOUD, WIDTH = 10, 2 + SHARED
TYPICAL_DB = -3.0 * np.arange(LOUD)
ENVELOPE = Envelope([0.0, 1.0], [-10.0, -10.0], 0.0, -100.0)


@pytest.fixture(scope="module")
def mode_of(recording):
    """A mode of recordings whose first tenth of a second has a spectrum of its own; they begin louder, and out of tune.

    All of it is 6 dB softer than the envelope.
    """

    def make(count: int = 6, louder_db: float = 4.0, cents: float = -30.0, seconds: float = 0.5) -> ModeData:
        frames = np.arange(round(seconds * FRAME_RATE_HZ))
        begins = np.exp(-frames / (0.1 * FRAME_RATE_HZ))
        moved_db = [np.random.default_rng(seed).normal(0.0, 8.0, LOUD) for seed in range(count)]
        notes = (
            recording(
                48.0 + 3 * place, seconds, 1.0, cents * (frames < 40), louder_db * begins - 6.0, begins[:, None] * own
            )
            for place, own in enumerate(moved_db)
        )
        return ModeData("struck", 0.0, tuple(notes))

    return make


@pytest.fixture
def knowing(knowing):
    """A network with the directions in which the recordings of a mode differ."""

    def make(mode: ModeData) -> Voice:
        network = knowing(np.zeros((0, LOUD)))
        network.strikes = fit_shared(network, [mode])
        return network

    return make


def fitted(network: Voice, mode: ModeData, envelope: Envelope = ENVELOPE) -> Attacks:
    """The attacks beside courses that stand still."""
    found = recorded(network, 0, mode, envelope)
    return fit_attacks(found, [np.zeros((COURSE_FRAMES, WIDTH))] * len(found), b"", 94)


def spectra(network: Voice, directions: np.ndarray) -> np.ndarray:
    """What the directions add to the loud partials, dB, around their common motion. Shape (…, LOUD)."""
    moved = directions @ network.strikes.numpy()[:, :LOUD] / NEPER
    return moved - moved.mean(axis=-1, keepdims=True)


def test_an_attack_that_is_played_begins_as_its_recording_did(mode_of, knowing) -> None:
    mode = mode_of()
    network = knowing(mode)
    found = fitted(network, mode)
    directions, bent, gained = played(found)
    moved = spectra(network, directions).reshape(len(mode.notes), FRAMES, LOUD)
    for take, note in zip(moved, mode.notes, strict=True):
        true = note.relative[:FADED_FROM, :LOUD].numpy() / NEPER - TYPICAL_DB
        true -= true.mean(axis=1, keepdims=True)
        assert np.sqrt(np.mean((take[:FADED_FROM] - true) ** 2)) < 0.25 * np.sqrt(np.mean(true**2))
    level_db = 20 * np.log10(gained).reshape(-1, FRAMES)
    kept = [at for at in ATTACK_AT if at < FADED_FROM]
    # Against how it goes on: from 0.1 s to its end its median is that of exp(-t), t = 1 … 5.
    expected = 4.0 * (np.exp(-np.array(kept) / (0.1 * FRAME_RATE_HZ)) - np.exp(-3.0))
    np.testing.assert_allclose(level_db[:, kept], np.tile(expected, (6, 1)), atol=0.1)
    assert 1200 * np.log2(bent).reshape(-1, FRAMES)[:, :36] == pytest.approx(-30.0, abs=0.6)


def test_a_recording_of_a_mode_that_dies_away_begins_as_loud_as_it_was(mode_of, knowing) -> None:
    """A key's velocity does not say it all: softer than the envelope by 6 dB, and 4 dB of its own."""
    mode, dying = mode_of(), Envelope([0.0, 1.0], [-10.0, -10.0], -20.0, -100.0)
    found = fitted(knowing(mode), mode, dying)
    level_db = 20 * np.log10(played(found)[2]).reshape(-1, FRAMES)
    kept = [at for at in ATTACK_AT if at < FADED_FROM]
    expected = 4.0 * np.exp(-np.array(kept) / (0.1 * FRAME_RATE_HZ)) - 6.0
    np.testing.assert_allclose(level_db[:, kept], np.tile(expected, (6, 1)), atol=0.1)


def test_an_attack_leaves_to_the_growing_course_what_it_moves(mode_of, knowing) -> None:
    mode, grown = mode_of(), 40
    network = knowing(mode)
    found = recorded(network, 0, mode, ENVELOPE)
    still, moving = np.zeros((2, COURSE_FRAMES, WIDTH))
    moving[:, :3] = 8.0, -2.0, 1.5
    alone, beside = (fit_attacks(found, [course] * len(found), b"", grown) for course in (still, moving))
    off = [
        np.frombuffer(one.takes[0], np.int8).reshape(ATTACK_POINTS, -1)[:, :4].astype(float) for one in (alone, beside)
    ]
    growth = np.minimum((np.array(ATTACK_AT) + 1) // GROWTH_FRAMES * GROWTH_FRAMES / grown, 1.0)[:, None]
    steps = np.array([8.0 / ATTACK_CENTS, -2.0 / ATTACK_DB, 1.5 / ATTACK_UNIT, 0.0])
    np.testing.assert_allclose(off[0] - off[1], growth * steps, atol=1.0)


def test_attacks_say_how_hard_each_was_struck_and_hold_what_was_packed(recording, knowing) -> None:
    made = ((64.0, 0.3), (50.0, 0.9), (57.0, 0.6))
    mode = ModeData("struck", 0.0, tuple(recording(pitch, 1.0, velocity) for pitch, velocity in made))
    found = recorded(knowing(mode), 0, mode, ENVELOPE)
    steps = bytes(range(128)) * 3
    attacks = fit_attacks(found, [np.zeros((COURSE_FRAMES, WIDTH))] * 3, steps, 94)
    assert (attacks.notes, attacks.velocities) == ([50.0, 57.0, 64.0], [0.9, 0.6, 0.3])
    assert attacks.followed(1) == steps


def test_an_attack_is_measured_against_the_envelope_of_its_own_key(mode_of, knowing) -> None:
    """Else a slow key, drawn for a fast one beside it, would be as loud as the slow one and late twice."""
    rise = np.linspace(0.02, 1.0, 50)
    table_s, table_db = (rise * 0.05).tolist(), (-10 + 20 * np.log10(rise)).tolist()
    keys = [EnvelopeKey(48.0, 1.0), EnvelopeKey(63.0, -1.0)]
    keyed = Envelope([0.0, *table_s, 0.5], [-60.0, *table_db, -10.0], 0.0, -100.0, attack_s=0.05, keys=keys)
    mode, notes = mode_of(louder_db=0.0, cents=0.0), []
    for note in mode.notes:
        scalars = note.scalars.clone()
        read_s = table_time_s(keyed, float(scalars[0, NOTE]), np.arange(len(scalars)) / FRAME_RATE_HZ)
        scalars[:, LEVEL] = torch.from_numpy(np.interp(read_s, keyed.time_s, keyed.level_db))
        notes.append(replace(note, scalars=scalars))
    mode = replace(mode, notes=tuple(notes))
    network = knowing(mode)
    own, one = (fitted(network, mode, envelope) for envelope in (keyed, msgspec.structs.replace(keyed, keys=[])))
    off = [np.abs(20 * np.log10(played(found)[2])).max() for found in (own, one)]
    assert off[0] < 0.1
    assert off[1] > 6.0


def test_takes_stand_in_the_order_of_their_notes_and_there_are_not_too_many(mode_of, knowing) -> None:
    rising = mode_of(MAX_ATTACKS + 8)
    mode = ModeData("struck", 0.0, rising.notes[::-1])
    found = fitted(knowing(mode), mode)
    assert len(found.notes) == len(found.takes) == MAX_ATTACKS
    assert found.notes == sorted(found.notes)
    assert (found.notes[0], found.notes[-1]) == (48.0, 48.0 + 3 * (MAX_ATTACKS + 7))
    assert {len(take) for take in found.takes} == {ATTACK_POINTS * WIDTH}


def test_a_short_recording_has_no_attack_and_a_mode_of_short_ones_none(recording, knowing) -> None:
    short, long = recording(60.0, (FRAMES - 5) / FRAME_RATE_HZ), recording(63.0, 0.5)
    mode, both = ModeData("short", 0.0, (short,)), ModeData("both", 0.0, (short, long))
    network = knowing(mode)
    assert len(network.strikes) == 0
    assert recorded(network, 0, mode, ENVELOPE) == []
    assert fitted(knowing(both), both).notes == [63.0]


def test_what_a_wild_recording_asks_is_bounded(mode_of, knowing) -> None:
    mode = mode_of(louder_db=60.0, cents=-700.0)
    found = fitted(knowing(mode), mode)
    _, bent, gained = played(found)
    assert 20 * np.log10(gained).max() == pytest.approx(MOST_STEPS * ATTACK_DB)
    assert 1200 * np.log2(bent).min() == pytest.approx(-100.0, abs=0.6)
