"""What of a folder will not be rendered well, in words, before hours are spent on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from tombola_host.corpus.clip import Clip
from tombola_host.corpus.refusals import some

OFF_HARMONIC = 0.1
"""Share of power between the partials: flute, violin, horn and strings stay below 0.07, tubular bells have 0.4."""
STRETCH_CENTS = 15.0
"""Pianos, harps and violins stay below 11, tubular bells have 17, a glockenspiel up to 60."""
SAME_NOTE = 0.5
SAME_VELOCITY = 0.25
STOPS_DB = 5.0
"""Two recordings of one note by a string section or a piano differ by 2 dB a partial, those of two instruments by 7."""
COMPARED_PARTIALS = 12
QUIETEST_DB = -50.0


def doubts(clips: Sequence[Clip], free: int = 0) -> tuple[str, ...]:
    """One sentence for each; none for a folder of plain notes.

    Args:
        free: With how many free partials the notes are rendered.
    """
    found = (
        _inharmonic(clips, free),
        _stretched(clips),
        _several_stops(clips),
        _without_release(clips),
    )
    return tuple(sentence for sentence in found if sentence)


def _inharmonic(clips: Sequence[Clip], free: int) -> str:
    off = _worst(clips, lambda clip: clip.character.off_harmonic, OFF_HARMONIC)
    if not off:
        return ""
    share = round(100 * off[0].character.off_harmonic)
    rendered = f"with {free} free partials" if free else "as noise or not at all"
    return (
        f"up to {share} % of the power lies off the harmonic series, as in bells or when two notes sound at once; "
        f"it is rendered {rendered} ({_names(off)})"
    )


def _stretched(clips: Sequence[Clip]) -> str:
    stretched = _worst(clips, lambda clip: clip.character.stretch_cents, STRETCH_CENTS)
    if not stretched:
        return ""
    cents = round(stretched[0].character.stretch_cents)
    return f"partials are up to {cents} cents off the harmonic series; they are rendered on it ({_names(stretched)})"


def _several_stops(clips: Sequence[Clip]) -> str:
    spectra = [_spectrum_db(clip) for clip in clips]
    distances = [
        float(np.abs(spectra[one] - spectra[other]).mean())
        for one, other in combinations(range(len(clips)), 2)
        if abs(clips[one].note - clips[other].note) < SAME_NOTE
        and abs(clips[one].velocity - clips[other].velocity) < SAME_VELOCITY
    ]
    middle = float(np.median(distances)) if distances else 0.0
    if middle < STOPS_DB:
        return ""
    return (
        f"recordings of one note differ by {middle:.0f} dB a partial: are these several stops, or several instruments? "
        "One folder is one sound; give each its own"
    )


def _without_release(clips: Sequence[Clip]) -> str:
    if not clips or any(clip.character.release_db_per_s is not None for clip in clips):
        return ""
    return "no held note is recorded to its end, so how a note ends is assumed"


def _spectrum_db(clip: Clip) -> np.ndarray:
    power = np.mean(clip.partials[:, :COMPARED_PARTIALS].astype(np.float64) ** 2, axis=0)
    return np.asarray(np.maximum(10 * np.log10(power / max(power.sum(), 1e-12) + 1e-12), QUIETEST_DB))


def _worst(clips: Sequence[Clip], measure: Callable[[Clip], float], least: float) -> list[Clip]:
    """The clips at or above a threshold, the worst first."""
    return sorted((clip for clip in clips if measure(clip) >= least), key=measure, reverse=True)


def _names(clips: Sequence[Clip]) -> str:
    return some([clip.name for clip in clips])
