"""How a held note moves: its level, its pitch and its partials between attack and end, by their statistics.

A frame-aligned error rewards a note that stands still and punishes one that moves as the recording does, but not at the
same moments. So motion is judged by how much there is of it and how fast it is, never by where it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from tombola_device.contract.controls import FRAME_RATE_HZ

from tombola_host.corpus.trend import SLOWEST_HZ, detrended
from tombola_host.evaluation.frames import BoolArray, Float64Array, Frames, Span

BANDS_HZ = ((SLOWEST_HZ, 3.0), (3.0, 9.0), (12.0, 60.0))
"""Drift and bow, vibrato and tremolo, roughness and breath."""
HEARD_DB = -50.0
"""A partial this far below the level is as much noise as partial."""
DEEPEST_DB = 20.0
"""How far below its median a partial counts: where two strings cancel, the depth is the analysis's, not the sound's."""


class Movement(msgspec.Struct, frozen=True):
    """One quantity of one note, or the middle of several notes.

    Args:
        deviation: Standard deviation about the note's slow course: dB, or cents.
        bands: Power in each of BANDS_HZ: dB², or cents².
    """

    deviation: float
    bands: tuple[float, float, float]


class Motion(msgspec.Struct, frozen=True):
    """A note's movement: of the level, dB; of f0, cents; of partials 1 … 10 relative to the level, dB."""

    level: Movement
    f0: Movement
    partials: Movement


class MotionRatio(msgspec.Struct, frozen=True):
    """Played against recorded: 1 is as alive, 0 is dead.

    Args:
        notes: How many were long enough to compare.
        played: The middle of the played notes.
        real: The middle of the recordings.
        deviation: Ratio of the standard deviations: level, f0, partials.
        bands: Ratio of the powers in BANDS_HZ, for each of them.
    """

    notes: int
    played: Motion
    real: Motion
    deviation: dict[str, float]
    bands: dict[str, tuple[float, float, float]]


def motion(frames: Frames, span: Span, heard: BoolArray, *, sustained: bool) -> Motion:
    """The motion within a span.

    Args:
        frames: Of one note.
        span: Its steady part.
        heard: Which of the partials are compared. Shape (10,).
        sustained: Whether the note is held, or decays.
    """
    part = slice(span.first, span.last)
    partials = frames.partials_db[part, heard]
    partials = np.maximum(partials, np.median(partials, axis=0) - DEEPEST_DB)
    series = frames.level_db[part, None], 100 * frames.note[part, None], partials
    return Motion(*(_movement(detrended(one, sustained=sustained)) for one in series))


def heard_partials(frames: Frames, span: Span) -> BoolArray:
    """Which partials stand out from the noise all the time. Shape (10,)."""
    part = frames.partials_db[span.first : span.last]
    heard: BoolArray = np.quantile(part, 0.1, axis=0) > HEARD_DB
    return heard


def compared(played: Sequence[Motion], real: Sequence[Motion]) -> MotionRatio | None:
    """The middle of the played notes against the middle of the recordings; None without notes."""
    if not played:
        return None
    ours, theirs = _middle(played), _middle(real)
    names = Motion.__struct_fields__
    pairs = {name: (getattr(ours, name), getattr(theirs, name)) for name in names}
    return MotionRatio(
        len(played),
        ours,
        theirs,
        {name: _ratio(a.deviation, b.deviation) for name, (a, b) in pairs.items()},
        {
            name: _three([_ratio(*both) for both in zip(a.bands, b.bands, strict=True)])
            for name, (a, b) in pairs.items()
        },
    )


def _movement(moved: Float64Array) -> Movement:
    """Deviation and band powers, the mean power over columns. (F, n)."""
    if not moved.shape[1]:
        return Movement(0.0, (0.0, 0.0, 0.0))
    window = np.hanning(len(moved))[:, None]
    power = 2 * np.abs(np.fft.rfft(moved * window, axis=0)) ** 2 / np.sum(window**2) / len(moved)
    hz = np.fft.rfftfreq(len(moved), 1 / FRAME_RATE_HZ)
    bands = [float(power[(hz >= low) & (hz < high)].sum(axis=0).mean()) for low, high in BANDS_HZ]
    return Movement(float(np.sqrt(np.mean(moved**2))), _three(bands))


def _middle(motions: Sequence[Motion]) -> Motion:
    def median(movements: Sequence[Movement]) -> Movement:
        bands = np.median([movement.bands for movement in movements], axis=0).tolist()
        return Movement(float(np.median([movement.deviation for movement in movements])), _three(bands))

    return Motion(*(median([getattr(one, name) for one in motions]) for name in Motion.__struct_fields__))


def _ratio(played: float, real: float) -> float:
    return played / max(real, 1e-9)


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    first, second, third = values
    return first, second, third
