"""Training and test clips, split by note: no recording of a test note is ever learned from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tombola_host.corpus.clip import Clip
from tombola_host.corpus.corpus import Corpus

LEAST_NOTES = 3
FRESH_SEED = 1


def note_numbers(clips: Sequence[Clip]) -> tuple[int, ...]:
    """Each clip's note as a whole number, relative to the corpus's own tuning.

    A corpus that is half a semitone flat would otherwise have one note on both sides of a rounding.
    """
    if not clips:
        return ()
    notes = np.array([clip.note for clip in clips])
    tuning = np.angle(np.exp(2j * np.pi * notes).mean()) / (2 * np.pi)
    return tuple(int(note) for note in np.round(notes - tuning))


def split(corpus: Corpus, test_share: float = 0.2, seed: int = 0) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """Split a corpus into (train, test) by whole notes, never by windows; the same seed gives the same split.

    There is at least one test note. Test notes are spread over the range; its lowest and highest note stay in training.
    With fewer than three notes, the test is empty.

    Args:
        test_share: Share of the notes, 0 … 1.
    """
    numbers = note_numbers(corpus.clips)
    return _parted(corpus, numbers, held_out_notes(numbers, test_share, seed))


def fresh_split(corpus: Corpus, test_share: float = 0.2) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """Another split, whose test notes chose nothing before: those of ``split`` are in training.

    With too few notes for that, the test is empty.
    """
    numbers = note_numbers(corpus.clips)
    others = [number for number in numbers if number not in held_out_notes(numbers, test_share, 0)]
    return _parted(corpus, numbers, held_out_notes(others, test_share, FRESH_SEED))


def _parted(
    corpus: Corpus, numbers: Sequence[int], held_out: frozenset[int]
) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    train = tuple(clip for clip, number in zip(corpus.clips, numbers, strict=True) if number not in held_out)
    test = tuple(clip for clip, number in zip(corpus.clips, numbers, strict=True) if number in held_out)
    return train, test


def held_out_notes(numbers: Sequence[int], test_share: float, seed: int) -> frozenset[int]:
    """The notes to hold out: one from each of equal stretches of the range's inside."""
    notes = sorted(set(numbers))
    if len(notes) < LEAST_NOTES or test_share <= 0:
        return frozenset()
    inside = notes[1:-1]
    count = int(np.clip(round(test_share * len(notes)), 1, len(inside)))
    rng = np.random.default_rng(seed)
    return frozenset(int(rng.choice(stretch)) for stretch in np.array_split(np.array(inside), count))
