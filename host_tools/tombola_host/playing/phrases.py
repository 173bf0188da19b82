"""Built-in performances: a phrase that fits any mode's range, and a blend that goes through all modes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tombola_device.contract.manifest import Mode

from tombola_host.playing.score import Performance, Score, line

BEAT_S = 0.42
DORIAN = (0, 2, 3, 5, 7, 9, 10)
"""Semitones above the first degree."""
MELODY = (
    # (beats, degree above the middle, velocity): a rise, two answers, a long note to hear it end.
    *((1.0, 0, 0.70), (0.5, 2, 0.60), (0.5, 4, 0.70), (1.5, 7, 0.85), (0.5, 6, 0.60)),
    *((0.5, 4, 0.65), (0.5, 5, 0.60), (1.0, 3, 0.70), (1.0, 1, 0.55), (0.5, 2, 0.65)),
    *((0.5, -1, 0.60), (1.0, -3, 0.75), (0.5, 0, 0.65), (0.5, 1, 0.75), (3.5, 0, 0.80)),
)
LEG_S = 3.0
"""From one mode to the next in a sweep."""
STAY_S = 0.8
"""In each mode before it goes on."""
STRIKE_S = 1.0
"""Between two notes of a sweep: a struck mode has died away by then."""
SWEEP_DEGREES = (0, 4, 2, 7, 4, 2)


def phrase(modes: Sequence[Mode], mode: int) -> Performance:
    """The melody in one mode, in the middle of its range.

    Args:
        modes: Of the bundle.
        mode: Which of them, from 0.
    """
    low, high = modes[mode].note_range
    notes = line(0, *((beats, fitted(degree, low, high), velocity) for beats, degree, velocity in MELODY))
    return Score(notes, BEAT_S, ((0, {modes[mode].name: 1}),)).performed(modes)


def sweep(modes: Sequence[Mode]) -> Performance:
    """Notes that all modes can play, while the blend goes from the first mode through all to the last.

    Where no note is common to all, the notes lie between their ranges.
    """
    low, high = max(mode.note_range[0] for mode in modes), min(mode.note_range[1] for mode in modes)
    way: list[tuple[float, dict[str, float]]] = []
    for number, mode in enumerate(modes):
        arrived_s = number * (LEG_S + STAY_S)
        way += [(arrived_s / STRIKE_S, {mode.name: 1}), ((arrived_s + STAY_S) / STRIKE_S, {mode.name: 1})]
    strikes = math.ceil(way[-1][0] + 1)
    degrees = [SWEEP_DEGREES[number % len(SWEEP_DEGREES)] for number in range(strikes)]
    notes = line(0, *((1, fitted(degree, min(low, high), max(low, high)), 0.75) for degree in degrees))
    return Score(notes, STRIKE_S, tuple(way)).performed(modes)


def fitted(degree: int, low: float, high: float) -> int:
    """The MIDI note of a degree of the scale about the middle of a range.

    A note beyond the range is moved by octaves; where the range has less than an octave, to its nearest end.
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
