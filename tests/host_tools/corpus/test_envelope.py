from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from msgspec import convert, to_builtins
from tombola_device.contract.controls import FRAME_RATE_HZ
from tombola_device.contract.envelope_keys import key_at
from tombola_device.contract.manifest import Envelope, Mode
from tombola_device.engine.envelope import Envelopes
from tombola_host.corpus.character import Character
from tombola_host.corpus.corpus import VELOCITY_RANGE_DB
from tombola_host.corpus.course import attack_s, release_db_per_s
from tombola_host.corpus.envelope import ATTACK_S, HELD_RELEASE_DB_PER_S, LONGEST_S, fit_envelope


@pytest.fixture
def played(clip):
    """A clip of this course of levels, dB, from a function of time in s."""

    def _played(course, seconds=1.0, velocity=1.0):
        time_s = np.arange(int(seconds * FRAME_RATE_HZ)) / FRAME_RATE_HZ
        blank = clip(60.0, frames=len(time_s))
        return replace(blank, level_db=course(time_s).astype(np.float32), velocity=velocity)

    return _played


def held(time_s):
    """50 ms of attack, then -20 dB; the player stops in the last fifth."""
    end_s = time_s[-1]
    return np.minimum(-20 - 40 * np.clip(1 - time_s / 0.05, 0, 1), -20 - 200 * np.maximum(time_s - 0.8 * end_s, 0))


def struck(time_s):
    return -12 - 30.0 * time_s


def level_at(envelope, time_s):
    return float(np.interp(time_s, envelope.time_s, envelope.level_db))


def test_a_held_note_keeps_its_level_until_the_gate_falls(played):
    envelope = fit_envelope([played(held), played(held, 2.0)], 0.0)
    assert envelope.decay_db_per_s == 0.0
    assert envelope.time_s[0] == 0.0
    assert envelope.time_s[-1] == pytest.approx(ATTACK_S, abs=0.01)
    assert envelope.level_db[0] == pytest.approx(-60.0, abs=0.1)
    assert level_at(envelope, 0.025) == pytest.approx(-40.0, abs=2.5)
    assert envelope.level_db[-1] == pytest.approx(-20.0, abs=0.1)
    assert envelope.release_db_per_s == pytest.approx(-200.0, abs=3.0)


def test_a_held_mode_whose_ends_were_not_recorded_has_a_usual_release(played):
    assert fit_envelope([played(rising(0.05))] * 3, 0.0).release_db_per_s == HELD_RELEASE_DB_PER_S


def test_a_struck_note_dies_away_as_the_recordings_do(played):
    envelope = fit_envelope([played(struck, 5.0), played(struck, 5.0)], 0.0)
    assert envelope.decay_db_per_s == pytest.approx(-30.0, abs=0.5)
    assert envelope.time_s[-1] == pytest.approx(LONGEST_S, abs=0.01)
    for time_s in (0.0, 0.5, 1.5):
        assert level_at(envelope, time_s) == pytest.approx(-12 - 30 * time_s, abs=0.2)


def test_a_struck_recording_that_ends_early_goes_on_at_its_decay(played):
    envelope = fit_envelope([played(struck, 1.0)], 0.0)
    assert envelope.time_s[-1] == pytest.approx(1.0, abs=0.01)
    assert envelope.level_db[-1] == pytest.approx(-42.0, abs=0.5)
    assert envelope.decay_db_per_s == pytest.approx(-30.0, abs=0.5)


def test_soft_notes_count_as_if_played_at_velocity_one(played):
    loud = played(held)
    soft = replace(loud, level_db=loud.level_db - VELOCITY_RANGE_DB / 2, velocity=0.5)
    envelope = fit_envelope([loud, soft], 0.0)
    assert envelope.level_db[-1] == pytest.approx(-20.0, abs=0.1)
    assert envelope.velocity_db == VELOCITY_RANGE_DB


def test_the_mode_s_gain_raises_the_envelope(played):
    assert fit_envelope([played(held)], 7.0).level_db[-1] == pytest.approx(-13.0, abs=0.1)
    assert max(fit_envelope([played(held)], 60.0).level_db) == -3.0


def test_one_odd_recording_does_not_change_the_median(played):
    odd = played(lambda time_s: -50 - 0 * time_s)
    assert fit_envelope([played(held), played(held), odd], 0.0).level_db[-1] == pytest.approx(-20.0, abs=0.5)


@pytest.mark.parametrize("seconds", [0.01, 0.05, 0.3])
@pytest.mark.parametrize("course", [held, struck])
def test_the_shortest_recordings_still_make_an_envelope_that_a_manifest_takes(played, seconds, course):
    envelope = fit_envelope([played(course, seconds)], 0.0)
    assert envelope.time_s[0] == 0.0
    assert np.all(np.diff(envelope.time_s) > 0)
    assert len(envelope.time_s) == len(envelope.level_db) >= 2
    assert envelope.decay_db_per_s <= 0 > envelope.release_db_per_s
    assert convert(to_builtins(envelope), Envelope) == envelope


def test_low_notes_ring_longer_where_the_recordings_say_so(played):
    """Half as fast an octave lower; the table is that of note 60."""
    clips = []
    for note in (48.0, 60.0, 72.0):
        speed = 2 ** ((note - 60) / 12)
        clips.append(replace(played(lambda time_s, speed=speed: -12 - 30.0 * speed * time_s, 4.0), note=note))
    envelope = fit_envelope(clips, 0.0)
    assert envelope.keytrack == pytest.approx(1.0, abs=0.05)
    assert envelope.decay_db_per_s == pytest.approx(-30.0, abs=1.0)
    assert level_at(envelope, 1.0) == pytest.approx(-42.0, abs=0.5)


def test_a_note_that_is_loudest_at_its_end_does_not_decay_upwards(played):
    envelope = fit_envelope([played(lambda time_s: -70 + 40.0 * time_s)] * 2, 0.0)
    assert envelope.decay_db_per_s == -1.0


def rising(attack_s, decay_db_per_s=0.0, late_s=0.0):
    """Amplitude rises in a straight line, which takes 0.8 of its length from 10 to 90 %."""

    def course(time_s):
        rise = 20 * np.log10(np.clip((time_s - late_s) * 0.8 / attack_s, 1e-4, 1.0))
        return -20 + rise - decay_db_per_s * np.maximum(time_s - attack_s, 0)

    return course


def played_by_the_device(envelope, note):
    """Its levels over 2 s, key held. Shape (750,)."""
    device = Envelopes([Mode("mode", "#808080", (0.0, 127.0), envelope)], 1)
    device.start(0, note)
    levels = []
    for _ in range(750):
        device.play([True], [1.0], [[1.0, 0.0]], [note])
        device.advance()
        levels.append(device.level_db[0])
    return np.array(levels)


def heard_attack_s(envelope, note, *, sustained):
    return attack_s(played_by_the_device(envelope, note), note, sustained=sustained, late_frames=1.0)


@pytest.mark.parametrize("decay_db_per_s", [0.0, 20.0])
def test_the_device_plays_the_recordings_median_attack(played, decay_db_per_s):
    attacks_s, lates_s = (0.02, 0.03, 0.04, 0.05, 0.09), (0.0, 0.04, 0.0, 0.05, 0.06)
    notes = (48.0, 60.0, 72.0, 84.0, 86.0)
    clips = [
        replace(played(rising(attack, decay_db_per_s * 2 ** ((note - 60) / 12), late), 4.0), note=note)
        for attack, late, note in zip(attacks_s, lates_s, notes, strict=True)
    ]
    envelope = fit_envelope(clips, 0.0)
    assert envelope.keys == []  # Five keys are too few to say how they differ.
    assert (envelope.keytrack > 0.3) == (decay_db_per_s > 0)
    sustained = decay_db_per_s == 0
    heard_s = np.median([heard_attack_s(envelope, note, sustained=sustained) for note in notes])
    recorded_s = np.median([attack_s(clip.level_db, clip.note, sustained=sustained) for clip in clips])
    assert heard_s == pytest.approx(recorded_s, rel=0.1)


def test_attack_is_the_time_from_ten_to_ninety_percent_heard_over_10_ms(played):
    assert attack_s(played(rising(0.1)).level_db, 60.0, sustained=True) == pytest.approx(0.1, abs=0.003)
    assert attack_s(played(struck).level_db, 60.0, sustained=False) == pytest.approx(0.004, abs=0.001)


def over(notes, attacks_s, played, *, decay_db_per_s=0.0):
    """A clip of each note with its attack."""
    return [
        replace(played(rising(float(attack), decay_db_per_s), 2.0), note=float(note))
        for note, attack in zip(notes, attacks_s, strict=True)
    ]


@pytest.mark.parametrize("decay_db_per_s", [0.0, 20.0])
def test_a_mode_whose_low_notes_attack_in_50_ms_and_high_ones_in_5_is_learned_and_played_so(played, decay_db_per_s):
    notes = np.arange(40.0, 89.0, 3.0)
    clips = over(notes, np.geomspace(0.05, 0.005, len(notes)), played, decay_db_per_s=decay_db_per_s)
    envelope = fit_envelope(clips[::2], 0.0)
    sustained = decay_db_per_s == 0
    for clip in clips:  # half of them were not learned from
        recorded_s = attack_s(clip.level_db, clip.note, sustained=sustained)
        heard_s = heard_attack_s(envelope, clip.note, sustained=sustained)
        assert heard_s == pytest.approx(recorded_s, rel=0.2, abs=0.002)
    assert envelope.keys[0].attack - envelope.keys[-1].attack > 2.5


def test_a_mode_whose_notes_are_alike_keeps_one_value(played):
    notes = np.arange(36.0, 96.0, 3.0)
    envelope = fit_envelope(over(notes, np.full(len(notes), 0.03), played), 0.0)
    assert envelope.keys == []
    assert envelope.attack_s == 0.0


def test_one_odd_recording_bends_the_line_of_its_neighbours_by_less_than_a_fifth(played):
    notes = np.arange(40.0, 89.0, 4.0)
    attacks_s = np.geomspace(0.08, 0.01, len(notes))
    odd_s = attacks_s.copy()
    odd_s[6] *= 8
    plain, bent = (fit_envelope(over(notes, each, played), 0.0) for each in (attacks_s, odd_s))
    for note in notes:
        lengths = [heard_attack_s(envelope, note, sustained=True) for envelope in (plain, bent)]
        assert lengths[1] == pytest.approx(lengths[0], rel=0.2, abs=0.001)


def ending(db_per_s):
    def course(time_s):
        return -20 + np.minimum(0.0, db_per_s * (time_s - 1.0))

    return course


def test_a_held_mode_ends_over_the_keyboard_as_its_recordings_do(played):
    notes = np.arange(40.0, 89.0, 4.0)
    ends = -np.geomspace(40.0, 320.0, len(notes))
    clips = [replace(played(ending(end), 2.0), note=note) for note, end in zip(notes, ends, strict=True)]
    envelope = fit_envelope(clips, 0.0)
    for note, end in zip(notes, ends, strict=True):
        found = envelope.release_db_per_s * 2 ** key_at(envelope.keys, note).release
        assert found == pytest.approx(end, rel=0.2)


def test_a_held_mode_ends_as_the_median_of_its_recorded_ends(played):
    ends = (-60.0, -76.0, -161.0, None)
    cut = rising(0.05)  # The part that is learned from ends before the note does.
    clips = [replace(played(cut), character=Character(release_db_per_s=end)) for end in ends]
    assert fit_envelope(clips, 0.0).release_db_per_s == -76.0
    fallen = [played(ending(end), 2.0) for end in (-60.0, -76.0, -161.0)]
    assert fit_envelope(fallen, 0.0).release_db_per_s == pytest.approx(-76.0, abs=1.0)


def test_a_room_that_rings_on_counts_in_the_end_of_a_note(played):
    """20 dB at -200 dB/s, then -50 dB/s: 36 dB take 0.42 s and not 0.18."""

    def course(time_s):
        since_s = np.maximum(time_s - 1.0, 0.0)
        return -20 - np.minimum(200 * since_s, 20 + 50 * np.maximum(since_s - 0.1, 0.0))

    assert -110 < fit_envelope([played(course, 2.0)] * 3, 0.0).release_db_per_s < -60


def test_what_dies_away_by_itself_has_no_release(played):
    """A tine that fades at -40 dB/s was not let go."""
    assert release_db_per_s(played(lambda time_s: -20 - 40 * time_s, 2.0).level_db) is None
    assert release_db_per_s(played(ending(-160.0), 2.0).level_db) == pytest.approx(-160.0, rel=0.05)


def test_notes_that_die_away_faster_in_the_middle_of_the_keyboard_are_played_so(played):
    """No straight line over the keys says that."""
    notes = np.arange(36.0, 97.0, 4.0)
    speeds = 10.0 * 2 ** (1.5 * np.exp(-(((notes - 66) / 12) ** 2)))
    clips = [
        replace(played(lambda time_s, speed=speed: -12 - speed * time_s, 6.0), note=note)
        for note, speed in zip(notes, speeds, strict=True)
    ]
    envelope = fit_envelope(clips, 0.0)
    device = [played_by_the_device(envelope, note) for note in notes]
    falls = [(levels[650] - levels[100]) * FRAME_RATE_HZ / 550 for levels in device]
    assert falls == pytest.approx((-speeds).tolist(), rel=0.2)
