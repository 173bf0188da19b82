"""The level of each voice over time: the envelopes of the modes, blended, with velocity, release and retrigger.

    time ──► table ──► decay       until the attack is over, a table is read at the speed of the attack of the struck
    attack │ body                  note, then at that of its body

The code handles one voice after another in plain floats: a numpy call costs as much as a voice, and usually few voices
sound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tombola_device.contract.controls import FRAME_RATE_HZ, SILENCE_DB, Float64Array
from tombola_device.contract.envelope_keys import key_at
from tombola_device.contract.manifest import KEYTRACK_NOTE, Envelope, Mode

MAX_ENVELOPE_S = 60.0
"""A table is read up to this time; after it the level follows the decay."""
ONSET_FLOOR_DB = -60.0
"""A slow attack starts at least at this level, so that the first sound leaves within the first period."""
CARRY_DB_PER_S = -300.0
"""A retriggered voice falls from its old level at this rate until its new attack is louder: 60 dB in 0.2 s. That is
fast enough not to be heard as part of the new note, and slow enough to leave no gap."""
CHOKED_DB = -1000.0
LONGEST_FRAMES = 1e9
"""About a month; the time since the onset stops there."""
MOST_OCTAVES = 8.0
NOTES = 128
QUIETEST_DB, LOUDEST_DB = -40.0, 20.0
"""Played further from its recordings than this, a mode's spectrum changes no more."""
AS_RENDERED = Envelope([0.0, 1.0], [0.0, 0.0], 0.0, -300.0)
"""For modes without an envelope: a level of 0 dB, lowered only by velocity."""


_DECAY = -1
"""Behind the levels of a table stands its decay."""


class Own(NamedTuple):
    """What a mode says of one note: times in frames of its table, levels in dB, a rate in dB per frame.

    Args:
        table: Its levels.
        velocity_db: See ``Envelope``.
        recorded_db: See ``Mode``.
        octaves: Of speed of the body for each semitone above KEYTRACK_NOTE.
        faster: Octaves by which the body goes faster.
        fall_db: How it falls after its key.
        attack: Where the attack ends.
        longer: Octaves by which the attack takes longer.
    """

    table: list[float]
    velocity_db: float
    recorded_db: float
    octaves: float
    faster: float
    fall_db: float
    attack: float
    longer: float


@dataclass(slots=True)
class _Voice:
    """One voice. Levels in dB, times in frames of the tables, falling rates in dB per frame."""

    index: int
    weights: list[tuple[list[float], float]] = field(default_factory=list)
    """Table and weight of each mode that it plays."""
    own: list[Own] = field(default_factory=list)
    """Of each mode, for the note that was struck."""
    time: float = 0.0
    rate: float = 1.0
    body_rate: float = 1.0
    attacking: bool = True
    turn: float = 0.0
    """The frame at which something else begins: the body, or what is beyond the tables."""
    fixed_db: float = 0.0
    fall_db: float = 0.0
    release_db: float = CHOKED_DB
    carry_db: float = CHOKED_DB
    over: bool = True
    """The voice was released and has faded out; it is silent until its next note."""


class Envelopes:
    """The level of V voices over M modes, one step per period.

    Args:
        modes: The modes whose envelopes are played.
        voices: V.
    """

    def __init__(self, modes: Sequence[Mode], voices: int) -> None:
        self.level_db = [SILENCE_DB] * voices
        """Level of each voice after the last ``advance``; SILENCE_DB … 0."""
        envelopes = [mode.envelope or AS_RENDERED for mode in modes]
        longest_s = min(max(envelope.time_s[-1] for envelope in envelopes), MAX_ENVELOPE_S)
        self._last = math.ceil(longest_s * FRAME_RATE_HZ)
        self.louder_db = [0.0] * voices
        """How much louder each voice is played than the recordings of its modes, dB."""
        self._own = [_own(mode, self._last) for mode in modes]
        """Of each mode, for each MIDI note."""
        self._voices = [self._rested(index) for index in range(voices)]

    def start(self, voice: int, note: float = KEYTRACK_NOTE) -> None:
        """Begin a note: read the table from its start, and go on from the voice's present level.

        Args:
            voice: Which.
            note: The MIDI note number that was struck; it decides what the keyboard changes.
        """
        one, level_db = self._voices[voice], self.level_db[voice]
        key = int(note + 0.5) if 0.0 <= note < NOTES - 1 else int(KEYTRACK_NOTE)  # In this order NaN gives the latter.
        one.own = [own[key] for own in self._own]
        one.time = one.release_db = one.turn = 0.0
        one.attacking = True
        one.carry_db = level_db if level_db > SILENCE_DB else CHOKED_DB
        one.over = False

    def choke(self, voice: int) -> None:
        """Silence the voice within one period."""
        one = self._voices[voice]
        one.release_db = one.carry_db = CHOKED_DB

    def reset(self, voice: int) -> None:
        """Put the voice to rest, without a level to go on from."""
        self._voices[voice], self.level_db[voice] = self._rested(voice), SILENCE_DB

    def play(
        self, gate: Sequence[bool], velocity: Sequence[float], levels: Sequence[Sequence[float]], note: Sequence[float]
    ) -> None:
        """Set what applies until the next call, for each of V voices.

        Args:
            gate: Whether its key is down.
            velocity: 0 … 1.
            levels: For each voice the weight of each of M modes, then an offset of its level in dB.
            note: MIDI note number.

        Real time: audio thread.
        """
        for index, voice in enumerate(self._voices):
            if voice.over:
                continue
            *blend, offset_db = levels[index]
            velocity_db = fall_db = octaves = recorded_db = faster = 0.0
            weights: list[tuple[list[float], float]] = []
            for weight, own in zip(blend, voice.own, strict=True):
                if weight:
                    table, own_velocity_db, own_recorded_db, own_octaves, own_faster, own_fall_db, _, _ = own
                    velocity_db += weight * own_velocity_db
                    recorded_db += weight * own_recorded_db
                    fall_db += weight * own_fall_db
                    octaves += weight * own_octaves
                    faster += weight * own_faster
                    weights.append((table, weight))
            voice.weights = weights
            voice.fixed_db = (velocity[index] - 1.0) * velocity_db + offset_db
            self.louder_db[index] = min(max(voice.fixed_db - recorded_db, QUIETEST_DB), LOUDEST_DB)
            # A released voice starts falling from the level where its envelope was. One-shot modes do not fall.
            if gate[index] or not fall_db:
                voice.fall_db = 0.0
                voice.body_rate = 2.0 ** min((note[index] - KEYTRACK_NOTE) * octaves + faster, MOST_OCTAVES)
                voice.rate = voice.body_rate
            else:
                voice.fall_db, voice.rate = fall_db, 0.0
            if voice.attacking:
                self._place_attack(voice, blend)

    def _place_attack(self, voice: _Voice, blend: Sequence[float]) -> None:
        """Where the attack ends and how fast it goes: between those of the modes."""
        attack = longer = 0.0
        for weight, own in zip(blend, voice.own, strict=True):
            attack += weight * own.attack
            longer += weight * own.longer
        voice.turn = min(attack, self._last)
        if voice.rate:
            voice.rate = 2.0**-longer

    def advance(self) -> None:
        """Advance by one period: compute ``level_db``.

        Real time: audio thread.
        """
        levels_db, silence_db = self.level_db, SILENCE_DB
        for voice in self._voices:  # enumerate() costs 700 instructions more on a Raspberry Pi
            if voice.over:
                continue
            time = voice.time
            voice.time = time + voice.rate
            voice.release_db = release_db = voice.release_db + voice.fall_db
            level_db = voice.fixed_db + release_db
            if time < voice.turn:
                frame = int(time)
                for table, weight in voice.weights:
                    level_db += weight * table[frame]
            else:
                level_db = self._turned(voice, time, level_db)
            if voice.carry_db > silence_db:
                level_db = max(level_db, voice.carry_db)
                voice.carry_db += CARRY_DB_PER_S / FRAME_RATE_HZ
            if silence_db < level_db < 0.0:
                levels_db[voice.index] = level_db
            elif level_db >= 0.0:
                levels_db[voice.index] = 0.0
            else:  # NaN comes here, too.
                levels_db[voice.index] = silence_db
                voice.over = voice.fall_db < 0.0 or release_db <= CHOKED_DB

    def _turned(self, voice: _Voice, time: float, level_db: float) -> float:
        """Add the level of the modes where the body begins, or after the ends of their tables."""
        if voice.attacking and voice.rate:
            # Where the attack ends it is loudest: a fast attack, many frames in a period, must not leap over it.
            time = min(time, max(voice.turn, time - voice.rate))
            voice.rate, voice.turn, voice.attacking = voice.body_rate, self._last + 1.0, False
            voice.time = time + voice.rate
            time = math.ceil(time)
        if time <= self._last:
            for table, weight in voice.weights:
                level_db += weight * table[int(time)]
            return level_db
        frames = int(min(LONGEST_FRAMES, time)) - self._last  # min() would let NaN through.
        return level_db + sum(
            weight * max(table[self._last] + frames * table[_DECAY], SILENCE_DB) for table, weight in voice.weights
        )

    def _rested(self, index: int) -> _Voice:
        return _Voice(index, own=[own[int(KEYTRACK_NOTE)] for own in self._own])


def _own(mode: Mode, last: int) -> list[Own]:
    """What a mode says of each MIDI note; a note in between is as the nearest one."""
    envelope, table, found = mode.envelope or AS_RENDERED, _table(mode, last), []
    attack, octaves = envelope.attack_s * FRAME_RATE_HZ, envelope.keytrack / 12.0
    for note in range(NOTES):
        key = key_at(envelope.keys, note)
        fall = min(envelope.release_db_per_s * 2.0**key.release, envelope.decay_db_per_s)
        fall_db = fall / FRAME_RATE_HZ if mode.gate == "held" else 0.0
        facts = (envelope.velocity_db, mode.recorded_db, octaves, key.speed, fall_db, attack, key.attack)
        found.append(Own(table, *facts))
    return found


def table_time_s(envelope: Envelope, note: float, since_s: Float64Array) -> Float64Array:
    """Where the table of an envelope is read while a key is down, so long after its onset. Both in s, shape (F,)."""
    key = key_at(envelope.keys, note)
    speed = 2.0 ** min((note - KEYTRACK_NOTE) * envelope.keytrack / 12.0 + key.speed, MOST_OCTAVES)
    attack = 2.0**-key.attack * since_s
    body_s = np.maximum(since_s - envelope.attack_s * 2.0**key.attack, 0.0)
    read_s: Float64Array = np.minimum(attack, envelope.attack_s) + speed * body_s
    return read_s


def _table(mode: Mode, last: int) -> list[float]:
    """A mode's level at each frame, 0 … ``last``, and then its decay in a frame."""
    envelope, time_s = mode.envelope or AS_RENDERED, np.arange(last + 1) / FRAME_RATE_HZ
    level_db = np.interp(time_s, envelope.time_s, envelope.level_db)
    level_db += np.maximum(time_s - envelope.time_s[-1], 0.0) * envelope.decay_db_per_s
    level_db[0] = max(level_db[0], ONSET_FLOOR_DB)
    levels: list[float] = np.maximum(level_db, SILENCE_DB).tolist()
    return [*levels, envelope.decay_db_per_s / FRAME_RATE_HZ]
