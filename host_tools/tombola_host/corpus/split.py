"""Training and test clips, parted by note so that nothing of a test note was ever heard in training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tombola_host.corpus.clip import Clip
from tombola_host.corpus.corpus import Corpus

LEAST_NOTES = 3


def note_numbers(clips: Sequence[Clip]) -> tuple[int, ...]:
    """The whole note of each clip, counted from the corpus's own tuning.

    A corpus that is half a semitone flat would otherwise have one note on both sides of a rounding.
    """
    if not clips:
        return ()
    notes = np.array([clip.note for clip in clips])
    tuning = np.angle(np.exp(2j * np.pi * notes).mean()) / (2 * np.pi)
    return tuple(int(note) for note in np.round(notes - tuning))


def split(corpus: Corpus, test_share: float = 0.2, seed: int = 0) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """(train, test): whole notes, never windows, the same ones again for the same seed.

    Test notes lie inside the range, spread over it, one at least; the lowest and the highest note stay in training.
    With fewer than three notes there is no test.

    Args:
        test_share: Share of the notes, 0 … 1.
    """
    numbers = note_numbers(corpus.clips)
    held_out = held_out_notes(numbers, test_share, seed)
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
