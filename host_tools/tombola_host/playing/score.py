"""Notes and a path through the modes, in beats, and the performance that they become."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tombola_device.contract.errors import BadConfig
from tombola_device.contract.manifest import Mode
from tombola_device.play.offline import BlendAutomation, PerformedEvent

LEGATO = 0.97
"""Share of its length for which a note of a line is held, so that the next note is a new strike."""
TAIL_S = 0.5
"""Added after the last note, for its tail."""
VIBRATO_HZ, VIBRATO_SEMITONES = 5.2, 0.14
VIBRATO_AFTER_S, VIBRATO_RISE_S = 0.35, 0.6
"""Vibrato begins on held notes only, as players do."""
STEP_S = 0.01
"""Between two values of vibrato or swell."""


@dataclass(frozen=True, slots=True)
class Performance:
    """What is played, and for how long.

    Args:
        events: For the player.
        seconds: With what rings on.
        blend: The way through the modes.
    """

    events: tuple[PerformedEvent, ...]
    seconds: float
    blend: BlendAutomation


@dataclass(frozen=True, slots=True)
class Note:
    """One key.

    Args:
        beat: When it is pressed.
        beats: How long it is held.
        pitch: MIDI note number.
        velocity: 0 … 1.
    """

    beat: float
    beats: float
    pitch: int
    velocity: float = 0.7


@dataclass(frozen=True, slots=True)
class Score:
    """Notes, and how they are played.

    Args:
        notes: The keys.
        beat_s: Length of a beat, s.
        way: (beat, mode names and weights) points that the blend moves through in straight lines.
        vibrato: Whether held notes have one.
        swell: (beat, dB) points of the loudness; none leaves it alone.
    """

    notes: tuple[Note, ...]
    beat_s: float
    way: tuple[tuple[float, Mapping[str, float]], ...]
    vibrato: bool = False
    swell: tuple[tuple[float, float], ...] = ()

    @property
    def seconds(self) -> float:
        """From the first key to the end of what rings, s."""
        return max(note.beat + note.beats for note in self.notes) * self.beat_s + TAIL_S

    def performed(self, modes: Sequence[Mode]) -> Performance:
        """How a bundle of these modes plays it.

        Raises:
            BadConfig: A mode that the score names is missing.
        """
        names = [mode.name for mode in modes]
        listed = ", ".join(names)
        for _, weights in self.way:
            for name in weights:
                if name not in names:
                    raise BadConfig(f"the bundle has no mode {name!r}, which is to be played; it has {listed}")
        blend = BlendAutomation(
            tuple(beat * self.beat_s for beat, _ in self.way),
            tuple(tuple(float(weights.get(name, 0)) for name in names) for _, weights in self.way),
        )
        return Performance((*self._keys(), *self._movements()), self.seconds, blend)

    def _keys(self) -> list[PerformedEvent]:
        events: list[PerformedEvent] = []
        for note in self.notes:
            events.append(PerformedEvent(note.beat * self.beat_s, "note_on", (note.pitch, note.velocity)))
            events.append(PerformedEvent((note.beat + note.beats) * self.beat_s, "note_off", (note.pitch,)))
        return events

    def _movements(self) -> list[PerformedEvent]:
        """Loudness and vibrato, every ``STEP_S``."""
        events: list[PerformedEvent] = []
        struck_s = [note.beat * self.beat_s for note in self.notes]
        for step in range(int(self.seconds / STEP_S)):
            time_s = step * STEP_S
            if self.swell:
                beats, levels_db = zip(*self.swell, strict=True)
                level_db = float(np.interp(time_s / self.beat_s, beats, levels_db))
                events.append(PerformedEvent(time_s, "set_loudness", (level_db,)))
            if self.vibrato:
                held_s = time_s - max((start for start in struck_s if start <= time_s), default=0.0)
                depth = VIBRATO_SEMITONES * min(max((held_s - VIBRATO_AFTER_S) / VIBRATO_RISE_S, 0.0), 1.0)
                turn = 2 * math.pi * VIBRATO_HZ * (held_s - VIBRATO_AFTER_S)
                events.append(PerformedEvent(time_s, "pitch_bend", (depth * math.sin(turn),)))
        return events


def line(start: float, *steps: tuple[float, int, float]) -> tuple[Note, ...]:
    """Notes one after the other: (beats, pitch, velocity) each; a pitch of 0 rests."""
    notes, beat = [], start
    for beats, pitch, velocity in steps:
        if pitch:
            notes.append(Note(beat, beats * LEGATO, pitch, velocity))
        beat += beats
    return tuple(notes)


def rolled(start: float, beats: float, pitches: Sequence[int], velocity: float, gap: float) -> tuple[Note, ...]:
    """A chord from below, each key a gap of beats after the one before and all let go together."""
    return tuple(Note(start + index * gap, beats - index * gap, pitch, velocity) for index, pitch in enumerate(pitches))
