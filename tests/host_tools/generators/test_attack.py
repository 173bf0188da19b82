"""Fitting attacks: recordings that begin unlike what the network plays, and what is left when the engine plays both."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
import torch
from tombola_device.contract.controls import FRAME_RATE_HZ, SCALAR_COLUMNS
from tombola_device.contract.envelope_keys import EnvelopeKey
from tombola_device.contract.life import ATTACK_AT, ATTACK_POINTS, MAX_ATTACKS
from tombola_device.contract.manifest import Envelope
from tombola_device.engine.attack import FADED_FROM, FRAMES, played
from tombola_device.engine.envelope import table_time_s
from tombola_host.corpus.clip import NOISE_BANDS, PARTIALS
from tombola_host.corpus.windows import LEVEL, NOTE, VELOCITY, ModeData, Note
from tombola_host.generators.voice.attack import STRIKES, fit_attacks, fit_strikes
from tombola_host.generators.voice.network import Voice
from tombola_host.generators.voice.shades import LIFE, NEPER
from tombola_host.generators.voice.size import VoiceSize
from tombola_host.generators.voice.spectrum import DIRECTIONS

AMPLITUDES, LOUD = PARTIALS + NOISE_BANDS, 10
OWN = LIFE.stop - LIFE.start
ENVELOPE = Envelope([0.0, 1.0], [-10.0, -10.0], 0.0, -100.0)
TYPICAL_DB = np.where(np.arange(AMPLITUDES) < LOUD, -3.0 * np.arange(AMPLITUDES), -90.0)


def recording(pitch: float, seed: int, seconds: float = 0.5, louder_db: float = 4.0, cents: float = -30.0) -> Note:
    """A note whose first tenth of a second has a spectrum of its own; it begins louder, and out of tune.

    All of it is 6 dB softer than the envelope.
    """
    rng, frames = np.random.default_rng(seed), round(seconds * FRAME_RATE_HZ)
    begins = np.exp(-np.arange(frames) / (0.1 * FRAME_RATE_HZ))[:, None]
    moved_db = np.zeros((1, AMPLITUDES))
    moved_db[0, :LOUD] = rng.normal(0.0, 8.0, LOUD)
    scalars = np.zeros((frames, len(SCALAR_COLUMNS)))
    scalars[:, NOTE] = pitch + cents / 100 * (np.arange(frames) < 40)
    scalars[:, LEVEL], scalars[:, VELOCITY] = -16.0 + louder_db * begins[:, 0], 1.0
    relative_db = TYPICAL_DB + begins * moved_db
    relative_db -= 10 * np.log10((10 ** (relative_db / 10)).sum(axis=1, keepdims=True))
    made = (torch.from_numpy(array.astype(np.float32)) for array in (scalars, relative_db * NEPER))
    return Note(f"{pitch}", *made, torch.zeros(128 * frames))


def knowing(mode: ModeData) -> Voice:
    """A network that plays the typical spectrum always, with random directions of life for its only mode."""
    network = Voice(1, VoiceSize(4, 4))
    with torch.no_grad():
        network.head.weight.zero_()
        network.spectrum[0] = torch.from_numpy(TYPICAL_DB * NEPER)
    rng = np.random.default_rng(5)
    network.directions[0, LIFE, :LOUD] = torch.from_numpy(rng.normal(0.0, 0.2, (OWN, LOUD)).astype(np.float32))
    network.strikes = fit_strikes(network, [mode])
    return network


def mode_of(count: int = 6, **like: float) -> ModeData:
    return ModeData("struck", 0.0, tuple(recording(48.0 + 3 * place, place, **like) for place in range(count)))


def spectra(network: Voice, directions: np.ndarray) -> np.ndarray:
    """What the directions add to the loud partials, dB, around their common motion. Shape (…, LOUD)."""
    rows = torch.cat([network.directions[0, LIFE.start :], network.strikes]).numpy()
    moved = directions @ rows[:, :LOUD] / NEPER
    return moved - moved.mean(axis=-1, keepdims=True)


def test_an_attack_that_is_played_begins_as_its_recording_did() -> None:
    mode = mode_of()
    network = knowing(mode)
    found = fit_attacks(network, 0, mode, ENVELOPE)
    assert found is not None
    directions, bent, gained = played(found)
    moved = spectra(network, directions).reshape(len(mode.notes), FRAMES, LOUD)
    for take, note in zip(moved, mode.notes, strict=True):
        true = note.relative[:FADED_FROM, :LOUD].numpy() / NEPER - TYPICAL_DB[:LOUD]
        true -= true.mean(axis=1, keepdims=True)
        assert np.sqrt(np.mean((take[:FADED_FROM] - true) ** 2)) < 0.25 * np.sqrt(np.mean(true**2))
    level_db = 20 * np.log10(gained).reshape(-1, FRAMES)
    kept = [at for at in ATTACK_AT if at < FADED_FROM]
    # Against how it goes on: from 0.1 s to its end its median is that of exp(-t), t = 1 … 5.
    expected = 4.0 * (np.exp(-np.array(kept) / (0.1 * FRAME_RATE_HZ)) - np.exp(-3.0))
    np.testing.assert_allclose(level_db[:, kept], np.tile(expected, (6, 1)), atol=0.1)
    assert 1200 * np.log2(bent).reshape(-1, FRAMES)[:, :36] == pytest.approx(-30.0, abs=0.6)


def test_a_mode_that_dies_away_keeps_the_level_of_its_envelope() -> None:
    mode, dying = mode_of(), Envelope([0.0, 1.0], [-10.0, -10.0], -20.0, -100.0)
    found = fit_attacks(knowing(mode), 0, mode, dying)
    assert found is not None
    assert (played(found)[2] == 1.0).all()


def test_an_attack_is_measured_against_the_envelope_of_its_own_key() -> None:
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
    own, one = (
        fit_attacks(network, 0, mode, envelope) for envelope in (keyed, msgspec.structs.replace(keyed, keys=[]))
    )
    assert own is not None
    assert one is not None
    off = [np.abs(20 * np.log10(played(found)[2])).max() for found in (own, one)]
    assert off[0] < 0.1
    assert off[1] > 6.0


def test_shared_directions_take_what_those_of_life_leave() -> None:
    mode = mode_of()
    network = knowing(mode)
    assert network.strikes.shape == (STRIKES, AMPLITUDES)
    network.directions[0, LIFE] *= 0.0
    network.directions[0, LIFE.start, 0] = 0.2
    alone = fit_strikes(network, [mode]).numpy().astype(np.float64)[:, :LOUD]
    centred = alone - alone.mean(axis=1, keepdims=True)
    for note in mode.notes:
        true = note.relative[0, :LOUD].numpy() / NEPER - TYPICAL_DB[:LOUD]
        true = true - true.mean()
        left = true - np.linalg.lstsq(centred.T, true, rcond=None)[0] @ centred
        assert np.sum(left[1:] ** 2) < 0.1 * np.sum(true**2)


def test_takes_stand_in_the_order_of_their_notes_and_there_are_not_too_many() -> None:
    rising = mode_of(MAX_ATTACKS + 8)
    mode = ModeData("struck", 0.0, rising.notes[::-1])
    found = fit_attacks(knowing(mode), 0, mode, ENVELOPE)
    assert found is not None
    assert len(found.notes) == len(found.takes) == MAX_ATTACKS
    assert found.notes == sorted(found.notes)
    assert (found.notes[0], found.notes[-1]) == (48.0, 48.0 + 3 * (MAX_ATTACKS + 7))
    assert {len(take) for take in found.takes} == {ATTACK_POINTS * (2 + DIRECTIONS - LIFE.start + STRIKES)}


def test_the_wane_is_not_the_attacks_to_move() -> None:
    mode = mode_of()
    found = fit_attacks(knowing(mode), 0, mode, ENVELOPE)
    assert found is not None
    rows = np.frombuffer(b"".join(found.takes), np.int8).reshape(-1, 2 + found.directions)
    assert not rows[:, 2 + OWN].any()


def test_a_short_recording_has_no_attack_and_a_mode_of_short_ones_none() -> None:
    short = recording(60.0, 1, seconds=(FRAMES - 5) / FRAME_RATE_HZ)
    mode = ModeData("short", 0.0, (short,))
    network = knowing(mode)
    assert network.strikes.shape == (0, AMPLITUDES)
    assert fit_attacks(network, 0, mode, ENVELOPE) is None
    both = ModeData("both", 0.0, (short, recording(63.0, 2)))
    found = fit_attacks(knowing(both), 0, both, ENVELOPE)
    assert found is not None
    assert found.notes == [63.0]


def test_what_a_wild_recording_asks_is_bounded() -> None:
    mode = mode_of(louder_db=60.0, cents=-700.0)
    found = fit_attacks(knowing(mode), 0, mode, ENVELOPE)
    assert found is not None
    _, bent, gained = played(found)
    assert 20 * np.log10(gained).max() == pytest.approx(12.0, abs=0.13)
    assert 1200 * np.log2(bent).min() == pytest.approx(-100.0, abs=0.6)
