"""Envelopes over the keyboard: what is struck decides how a note rises, goes on and ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tombola_device.contract.controls import FRAME_RATE_HZ, SILENCE_DB
from tombola_device.contract.envelope_keys import MOST_OCTAVES, EnvelopeKey
from tombola_device.contract.manifest import KEYTRACK_NOTE, Envelope, Mode
from tombola_device.engine.envelope import ONSET_FLOOR_DB, Envelopes, table_time_s

RISE_S = 0.02
OCTAVE = math.log2(50 / 5) / 2
"""From 5 ms to 50 ms in two equal steps."""
TABLE_S = [0.0, *(RISE_S * np.linspace(0.05, 1.0, 20)), 0.4]
TABLE_DB = [-60.0, *(-20 + 20 * np.log10(np.linspace(0.05, 1.0, 20))), -20.0]
"""An amplitude that rises in a straight line, 0.8 of which lies between 10 and 90 %: 16 ms."""


def mode(*keys: EnvelopeKey, decay=0.0, release=-100.0, keytrack=0.0, attack_s=RISE_S, gate="held") -> Mode:
    envelope = Envelope(TABLE_S, TABLE_DB, decay, release, 24.0, keytrack, attack_s, list(keys))
    return Mode("m", "#000000", (0, 127), envelope, gate=gate)


def rising(*, middle_s: float = math.sqrt(0.05 * 0.005)) -> Mode:
    """Note 36 attacks in 50 ms, note 84 in 5 ms."""
    middle = math.log2(middle_s / (0.8 * RISE_S))
    return mode(EnvelopeKey(36.0, middle + OCTAVE), EnvelopeKey(84.0, middle - OCTAVE))


def struck(*modes: Mode, note: float, blend=(1.0,), periods=300, released: int | None = None) -> np.ndarray:
    """Levels of each period; the key is let go in period ``released``."""
    envelopes = Envelopes(modes, 1)
    envelopes.start(0, note)
    levels = []
    for period in range(periods):
        gate = released is None or period < released
        envelopes.play([gate], [1.0], [[*blend, 0.0]], [note])
        envelopes.advance()
        levels.append(envelopes.level_db[0])
    return np.array(levels)


def attack_s(levels_db: np.ndarray) -> float:
    """From 10 to 90 % of the amplitude, between periods linearly."""
    amplitude = np.append(0.0, 10 ** (levels_db / 20))
    amplitude = amplitude[: int(amplitude.argmax()) + 1]
    low, high = np.interp([0.1 * amplitude[-1], 0.9 * amplitude[-1]], amplitude, np.arange(len(amplitude)))
    return float(high - low) / FRAME_RATE_HZ


@pytest.mark.parametrize(
    ("note", "wanted_s"), [(24.0, 0.05), (36.0, 0.05), (60.0, 0.0158), (84.0, 0.005), (99.5, 0.005)]
)
def test_low_notes_attack_in_50_ms_and_high_ones_in_5_as_the_keys_say(note: float, wanted_s: float) -> None:
    half_a_period_s = 0.5 / FRAME_RATE_HZ
    assert attack_s(struck(rising(), note=note)) == pytest.approx(wanted_s, rel=0.05, abs=half_a_period_s)


def test_without_keys_all_notes_attack_in_the_same_time_bit_for_bit() -> None:
    low, high = (struck(mode(attack_s=0.0), note=note) for note in (24.0, 96.0))
    assert np.array_equal(low, high)


@pytest.mark.parametrize("keytrack", [0.0, 0.7])
@pytest.mark.parametrize("note", [31.0, 60.0, 90.25])
@pytest.mark.parametrize("blend", [(1.0, 0.0), (0.3, 0.7)])
def test_an_envelope_from_before_keys_sounds_as_it_did_bit_for_bit(keytrack: float, note: float, blend) -> None:
    modes = [mode(attack_s=0.0, decay=-30.0, keytrack=keytrack), mode(attack_s=0.0, decay=-5.0, release=-60.0)]
    last = math.ceil(0.4 * FRAME_RATE_HZ)
    tables = []
    for _ in modes:
        levels = np.interp(np.arange(last + 1) / FRAME_RATE_HZ, TABLE_S, TABLE_DB)
        levels[0] = max(levels[0], ONSET_FLOOR_DB)
        tables.append(np.maximum(levels, SILENCE_DB).tolist())
    octaves = blend[0] * (keytrack / 12.0) + blend[1] * 0.0
    rate, time, expected = 2.0 ** ((note - KEYTRACK_NOTE) * octaves), 0.0, []
    for _ in range(900):
        frame, time, level = int(time), time + rate, 0.0
        if frame <= last:
            for table, weight in zip(tables, blend, strict=True):
                if weight:
                    level += weight * table[frame]
        else:
            level += sum(
                weight * max(table[last] + (frame - last) * (each.envelope.decay_db_per_s / FRAME_RATE_HZ), SILENCE_DB)
                for table, weight, each in zip(tables, blend, modes, strict=True)
                if weight
            )
        expected.append(max(level, SILENCE_DB))
    assert struck(*modes, note=note, blend=blend, periods=900).tolist() == expected


def test_a_blend_attacks_in_a_time_between_those_of_its_modes() -> None:
    slow, fast = mode(EnvelopeKey(60.0, 1.5)), mode(EnvelopeKey(60.0, -1.5))
    times = [attack_s(struck(slow, fast, note=60.0, blend=(share, 1 - share))) for share in np.linspace(0, 1, 9)]
    assert times[-1] / times[0] == pytest.approx(8.0, rel=0.2)
    assert (np.diff(times) > 0).all()
    assert times[4] == pytest.approx(math.sqrt(times[0] * times[-1]), rel=0.25)


def test_the_attack_does_not_follow_the_keytrack_and_the_body_does() -> None:
    low, high = (struck(mode(keytrack=1.0, decay=-10.0), note=note, periods=900) for note in (48.0, 72.0))
    assert attack_s(low) == pytest.approx(attack_s(high), rel=0.01)
    falls = [(levels[800] - levels[700]) * FRAME_RATE_HZ / 100 for levels in (low, high)]
    assert falls == pytest.approx([-5.0, -20.0], rel=0.01)


def test_a_key_that_is_an_octave_faster_dies_away_twice_as_fast() -> None:
    keys = EnvelopeKey(48.0, speed=1.0), EnvelopeKey(72.0, speed=-1.0)
    curves = [struck(mode(*keys, decay=-10.0), note=note, periods=900) for note in (48.0, 60.0, 72.0)]
    falls = [(levels[880] - levels[840]) * FRAME_RATE_HZ / 40 for levels in curves]
    assert falls == pytest.approx([-20.0, -10.0, -5.0], rel=0.01)


def test_a_key_s_release_falls_at_its_own_rate_and_a_blend_s_between() -> None:
    keys = EnvelopeKey(48.0, release=1.0), EnvelopeKey(72.0, release=-1.0)
    for note, wanted in ((48.0, -200.0), (60.0, -100.0), (72.0, -50.0)):
        levels = struck(mode(*keys), note=note, released=200)
        assert (levels[230] - levels[210]) * FRAME_RATE_HZ / 20 == pytest.approx(wanted, rel=0.01)
    levels = struck(mode(*keys), mode(), note=48.0, blend=(0.5, 0.5), released=200)
    assert (levels[230] - levels[210]) * FRAME_RATE_HZ / 20 == pytest.approx(-150.0, rel=0.01)


def test_a_bent_note_keeps_the_envelope_of_the_key_that_was_struck() -> None:
    envelopes = Envelopes([rising()], 1)
    envelopes.start(0, 36.0)
    levels = []
    for period in range(100):
        envelopes.play([True], [1.0], [[1.0, 0.0]], [36.0 + period])
        envelopes.advance()
        levels.append(envelopes.level_db[0])
    assert np.array_equal(levels, struck(rising(), note=36.0, periods=100))


def test_a_fast_attack_does_not_leap_over_its_peak() -> None:
    """64 frames of the table in each period."""
    peaked = Envelope(
        [0.0, 0.1, 0.2], [-60.0, -10.0, -40.0], -10.0, -90.0, attack_s=0.1, keys=[EnvelopeKey(60.0, -MOST_OCTAVES)]
    )
    levels = struck(Mode("m", "#000000", (0, 127), peaked), note=60.0)
    assert levels.max() == levels[:3].max() == pytest.approx(-10.0, abs=0.5)


def test_an_attack_longer_than_any_table_is_cut_to_it_without_an_error() -> None:
    """A bundle may say an hour; a table is read for a minute."""
    endless = Envelope(
        [0.0, 3600.0], [-60.0, -10.0], 0.0, -90.0, attack_s=3600.0, keys=[EnvelopeKey(60.0, -MOST_OCTAVES)]
    )
    levels = struck(Mode("m", "#000000", (0, 127), endless), note=60.0, periods=1000)
    assert levels.max() == pytest.approx(-60 + 50 * 60 / 3600, abs=0.1)


@pytest.mark.parametrize("note", [math.nan, math.inf, -math.inf, -1e30, 1e30, 127.0, 0.0])
def test_what_is_no_note_is_struck_without_an_error(note: float) -> None:
    levels = struck(rising(), note=note)
    assert SILENCE_DB <= levels.min() <= levels.max() <= 0.0


@pytest.mark.parametrize("note", [40.0, 60.0, 77.0])
def test_the_time_in_the_table_is_where_the_device_reads(note: float) -> None:
    one = mode(EnvelopeKey(36.0, 1.0, 0.5), EnvelopeKey(84.0, -1.0, -0.5), decay=-20.0, keytrack=0.5)
    assert one.envelope is not None
    read_s = table_time_s(one.envelope, note, np.arange(200) / FRAME_RATE_HZ)
    beyond_s = np.maximum(read_s - TABLE_S[-1], 0.0)
    expected = np.interp(read_s, TABLE_S, TABLE_DB) - 20.0 * beyond_s
    levels = struck(one, note=note, periods=200)
    settled = read_s > 1.5 * RISE_S
    assert np.abs(levels - expected)[settled].max() < 0.5
