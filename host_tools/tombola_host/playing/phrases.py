"""Built-in performances: a phrase that fits any mode's range, and a blend sweep through all modes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tombola_device.contract.manifest import Mode
from tombola_device.play.offline import BlendAutomation, PerformedEvent

BEAT_S = 0.42
LEGATO = 0.97
"""Share of its length that a note is held; the next note is struck anew."""
DORIAN = (0, 2, 3, 5, 7, 9, 10)
"""Semitones above the first degree of the scale."""
MELODY = (
    # (beats, degree above the middle, velocity): a rise, two answers, and a long note whose end can be heard.
    *((1.0, 0, 0.70), (0.5, 2, 0.60), (0.5, 4, 0.70), (1.5, 7, 0.85), (0.5, 6, 0.60)),
    *((0.5, 4, 0.65), (0.5, 5, 0.60), (1.0, 3, 0.70), (1.0, 1, 0.55), (0.5, 2, 0.65)),
    *((0.5, -1, 0.60), (1.0, -3, 0.75), (0.5, 0, 0.65), (0.5, 1, 0.75), (3.5, 0, 0.80)),
)
REST_BEATS = 1.5
"""Rest after the last note, so that it can fade out."""
LEG_S = 3.0
"""Time from one mode to the next in a sweep."""
STAY_S = 0.8
"""Time in each mode before the sweep continues."""
STRIKE_S = 1.0
"""Time between two notes of a sweep; a struck mode has faded out by then."""
SWEEP_DEGREES = (0, 4, 2, 7, 4, 2)


@dataclass(frozen=True, slots=True)
class Performance:
    """Events of a performance, and its length.

    Args:
        events: Events for the player.
        seconds: Length, fade-out included.
        blend: Blend over time.
    """

    events: tuple[PerformedEvent, ...]
    seconds: float
    blend: BlendAutomation


def phrase(modes: Sequence[Mode], mode: int) -> Performance:
    """The phrase in one mode, in the middle of its range.

    Args:
        modes: The bundle's modes.
        mode: Index of the mode, from 0.
    """
    low, high = modes[mode].note_range
    events: list[PerformedEvent] = []
    beat = 0.0
    for beats, degree, velocity in MELODY:
        events += _note(beat * BEAT_S, beats * BEAT_S * LEGATO, fitted(degree, low, high), velocity)
        beat += beats
    alone = tuple(float(number == mode) for number in range(len(modes)))
    return Performance(tuple(events), (beat + REST_BEATS) * BEAT_S, BlendAutomation((0.0,), (alone,)))


def sweep(modes: Sequence[Mode]) -> Performance:
    """Notes that all modes can play, while the blend moves from the first mode through all others to the last.

    If no note is in the range of all modes, the notes lie between the ranges.
    """
    low, high = max(mode.note_range[0] for mode in modes), min(mode.note_range[1] for mode in modes)
    times, weights = [], []
    for number in range(len(modes)):
        arrived_s = number * (LEG_S + STAY_S)
        times += [arrived_s, arrived_s + STAY_S]
        weights += [tuple(float(other == number) for other in range(len(modes)))] * 2
    end_s = times[-1] + STRIKE_S
    events: list[PerformedEvent] = []
    struck = 0
    while struck * STRIKE_S < end_s:
        note = fitted(SWEEP_DEGREES[struck % len(SWEEP_DEGREES)], min(low, high), max(low, high))
        events += _note(struck * STRIKE_S, STRIKE_S * LEGATO, note, 0.75)
        struck += 1
    seconds = struck * STRIKE_S + REST_BEATS * BEAT_S
    return Performance(tuple(events), seconds, BlendAutomation(tuple(times), tuple(weights)))


def fitted(degree: int, low: float, high: float) -> int:
    """The MIDI note of a degree of the scale around the middle of a range.

    A note outside the range is moved by octaves; if the range is less than an octave, to the nearest end.
    """
    first, last = -int(-low // 1), int(high // 1)
    if first > last:  # The range lies between two keys.
        return round((low + high) / 2)
    middle = round((low + high) / 2) - 2
    note = middle + 12 * (degree // len(DORIAN)) + DORIAN[degree % len(DORIAN)]
    while note > last and note - 12 >= first:
        note -= 12
    while note < first and note + 12 <= last:
        note += 12
    return min(max(note, first), last)


def _note(time_s: float, held_s: float, note: int, velocity: float) -> list[PerformedEvent]:
    return [PerformedEvent(time_s, "note_on", (note, velocity)), PerformedEvent(time_s + held_s, "note_off", (note,))]
