"""How notes begin and end: attack, release, and the decay of each partial."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from scipy.ndimage import maximum_filter1d
from tombola_device.contract.controls import FRAME_RATE_HZ, SAMPLE_RATE_HZ, Float32Array

from tombola_host.evaluation.frames import HELD_DB, BoolArray, Float64Array, Frames

STEP_S = 0.001
ATTACK_WINDOW_S = 0.01
WINDOW_PERIODS = 2
"""Over less than two periods the level of a low note ripples."""
LOW, HIGH = 0.1, 0.9
REACHED_S = (0.1, 0.6)
"""A sustained note is judged against its level here; a struck one against its peak before the later of them."""
RELEASE_FROM_DB, RELEASE_TO_DB = -6.0, -36.0
LEAST_RELEASE_DB = 20.0
"""A recording that ends by less has been cut off, or held to its end."""
RELEASE_STEP_S, RELEASE_WINDOW_S = 0.005, 0.03
BEFORE_END_S = 0.5
DECAY_RANGE_DB = 25.0
AUDIBLE_DB = -45.0
"""A partial whose peak is this far below the note's is mostly noise."""
LEAST_DECAY_S = 0.15
BEAT_S = 0.25
"""Beats slower than this are few."""


class Compared(msgspec.Struct, frozen=True):
    """One figure, played and recorded.

    Args:
        played: The middle of the played notes.
        real: The middle of the recordings.
        error: Median over the notes of |played / recorded - 1|.
        notes: How many have it on both sides.
    """

    played: float
    real: float
    error: float
    notes: int

    @property
    def off(self) -> float:
        """How far the middle of the played notes is from that of the recordings, relative."""
        return abs(self.played / self.real - 1) if self.real else float("inf")


class Decays(msgspec.Struct, frozen=True):
    """How fast partials 1 … 10 decay.

    Args:
        rate: dB per second, the middle over partials and notes; the error is that of each partial.
        spread: Standard deviation between the partials of a note, dB per second.
    """

    rate: Compared
    spread: Compared


def attack_s(audio: Float32Array, note: float, *, sustained: bool) -> float | None:
    """From 10 to 90 % of the amplitude; None where the sound is too short or silent.

    Args:
        audio: 48 kHz, from the onset on. Shape (T,).
        note: MIDI note number, fractional.
        sustained: 100 % is the level that the note holds, or else its peak.
    """
    period_s = 1 / (440 * 2 ** ((note - 69) / 12))
    amplitude = 10 ** (_levels_db(audio, STEP_S, max(ATTACK_WINDOW_S, WINDOW_PERIODS * period_s)) / 20)
    begin, end = (round(at / STEP_S) for at in REACHED_S)
    if len(amplitude) < end:
        return None
    full = float(np.median(amplitude[begin:end]) if sustained else amplitude[:end].max())
    if full < 1e-6:
        return None
    high = int(np.argmax(amplitude >= HIGH * full))
    below = np.flatnonzero(amplitude[: high + 1] < LOW * full)
    low = int(below[-1]) + 1 if below.size else 0
    return max(high - low, 1) * STEP_S


def release_db_per_s(audio: Float32Array, held_s: float | None = None) -> float | None:
    """The slope of the end of a sustained note; None where there is no end to hear.

    Args:
        audio: 48 kHz. Shape (T,).
        held_s: When the key was let go, s; None: as ``let_go_s`` finds it.
    """
    level = _levels_db(audio, RELEASE_STEP_S, RELEASE_WINDOW_S)
    if not level.size:
        return None
    end = min(round((let_go_s(audio) if held_s is None else held_s) / RELEASE_STEP_S), len(level) - 1)
    before = level[max(end - round(BEFORE_END_S / RELEASE_STEP_S), 0) : max(end, 1)]
    reference = float(np.quantile(before, 0.75))
    start = int(np.flatnonzero(level >= reference + RELEASE_FROM_DB)[-1])
    tail = level[start:]
    low = tail < reference + RELEASE_TO_DB
    tail = tail[: int(np.argmax(low)) if low.any() else len(tail)]
    if len(tail) < 3 or reference - float(tail[-1]) < LEAST_RELEASE_DB:
        return None
    return float(np.polyfit(np.arange(len(tail)) * RELEASE_STEP_S, tail, 1)[0])


def let_go_s(audio: Float32Array) -> float:
    """When a sustained recording last has the level that it held, s."""
    level = _levels_db(audio, RELEASE_STEP_S, RELEASE_WINDOW_S)
    held = float(np.median(level[level >= level.max() - HELD_DB]))
    return float(np.flatnonzero(level >= held + RELEASE_FROM_DB)[-1]) * RELEASE_STEP_S


def decays_db_per_s(frames: Frames) -> Float64Array:
    """The slope of each partial from its peak down 25 dB; NaN where a partial is not heard long enough. Shape (10,)."""
    # Partials of two or three strings beat. Their upper edge decays evenly where the curve itself has holes.
    absolute = frames.partials_db + frames.level_db[:, None]
    half = round(BEAT_S * FRAME_RATE_HZ / 2)
    edge = maximum_filter1d(absolute, 2 * half + 1, axis=0, mode="nearest")
    loudest = float(frames.level_db.max())
    slopes = np.full(absolute.shape[1], np.nan)
    for partial, course in enumerate(edge.T):
        top = int(course[: round(FRAME_RATE_HZ / 2)].argmax())
        peak, last = float(course[top]), int(np.flatnonzero(course >= course[top] - DECAY_RANGE_DB)[-1])
        body = course[top + 2 * half : last + 1]  # Before, the edge is flat: it is the peak itself.
        if peak > loudest + AUDIBLE_DB and len(body) >= LEAST_DECAY_S * FRAME_RATE_HZ:
            slopes[partial] = np.polyfit(np.arange(len(body)) / FRAME_RATE_HZ, body, 1)[0]
    return slopes


def compare(played: Sequence[float | None], real: Sequence[float | None]) -> Compared | None:
    """Pairs of one figure; those that lack a side do not count. None without any."""
    pairs = [(a, b) for a, b in zip(played, real, strict=True) if a is not None and b]
    if not pairs:
        return None
    ours, theirs = np.array(pairs).T
    error = float(np.median(np.abs(ours / theirs - 1)))
    return Compared(float(np.median(ours)), float(np.median(theirs)), error, len(pairs))


def compare_decays(played: Sequence[Float64Array], real: Sequence[Float64Array]) -> Decays | None:
    """The partials that have a slope on both sides; None without any."""
    rates: list[tuple[float, float]] = []
    spreads: list[tuple[float, float]] = []
    for ours, theirs in zip(played, real, strict=True):
        both: BoolArray = np.isfinite(ours) & np.isfinite(theirs)
        rates += zip(ours[both].tolist(), theirs[both].tolist(), strict=True)
        if both.sum() > 1:
            spreads.append((float(ours[both].std()), float(theirs[both].std())))
    rate, spread = (
        compare(*([*side] for side in zip(*pairs, strict=True))) if pairs else None for pairs in (rates, spreads)
    )
    return Decays(rate, spread) if rate and spread else None


def _levels_db(audio: Float32Array, step_s: float, window_s: float) -> Float64Array:
    """Level of the window about each step, dB; outside of the sound is silence. Shape (T / step,)."""
    step, half = round(step_s * SAMPLE_RATE_HZ), round(window_s * SAMPLE_RATE_HZ / 2)
    energy = np.concatenate([[0.0], np.cumsum(np.asarray(audio, np.float64) ** 2)])
    centres = np.arange(0, len(audio), step)
    first, last = np.maximum(centres - half, 0), np.minimum(centres + half, len(audio))
    return np.asarray(10 * np.log10((energy[last] - energy[first]) / (2 * half) + 1e-14))
