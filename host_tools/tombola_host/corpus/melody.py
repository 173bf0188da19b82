"""Splits a recording without silences into its notes, where the pitch changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import median_filter, uniform_filter1d
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array

from tombola_host.corpus.pitch import Contour
from tombola_host.corpus.trim import HOP_SAMPLES, Span, levels_db

STEADY_SEMITONES = 0.8
"""Vibrato stays within it, a step of a semitone exceeds it."""
SHORTEST_NOTE_S = 0.25
GAP_S = 0.15
"""Trackers lose a steady note for a few frames; a longer gap ends it."""
ATTACK_S = 0.05
"""An attack has no pitch, but belongs to its note."""
PARTIALS_SEMITONES = (12.0, 19.02, 24.0, 27.86, 31.02)
NEAR_PARTIAL_SEMITONES = 0.5
RISE_DB = 1.0
LEAST_VOICED_S = 2.0
"""Over less than this the share of steady pitch says little."""
LEAST_STEADY_SHARE = 0.5
"""Half a minute of two people talking has 0.24; notes of violin, flute, sax and harp up to F6 have 0.90 to 1.0."""
STEADY_S = 0.3
STEADY_RANGE_SEMITONES = 0.4
VIBRATO_S = 0.2
"""One turn of a slow vibrato: over it the pitch is averaged before it is judged."""
_AROUND_S = 0.1


def split_at_note_changes(contour: Contour, audio: Float32Array) -> list[Span]:
    """Spans of one steady note each; the whole recording if it holds one note or none.

    What sounds at a partial of the previous note, and no louder, is that note decaying; it is left out.

    Args:
        contour: The pitch of the recording.
        audio: The recording itself. Shape (T,), float32.
    """
    runs = [run for run in _steady_runs(contour) if (run[1] - run[0]) * contour.hop_s >= SHORTEST_NOTE_S]
    if len(runs) < 2:
        return [Span(0, len(audio))]
    runs = _without_remnants(runs, contour, audio)
    hop_samples = contour.hop_s * SAMPLE_RATE_HZ
    spans: list[Span] = []
    for first, last in runs:
        earliest = spans[-1].stop if spans else 0
        start = max(round(first * hop_samples) - round(ATTACK_S * SAMPLE_RATE_HZ), earliest)
        spans.append(Span(start, min(round(last * hop_samples), len(audio))))
    return spans


def _without_remnants(runs: list[tuple[int, int]], contour: Contour, audio: Float32Array) -> list[tuple[int, int]]:
    """Leave out runs in which a partial of the previous note outlasts its fundamental."""
    level = levels_db(audio)
    around = round(_AROUND_S * SAMPLE_RATE_HZ / HOP_SAMPLES)
    kept = [runs[0]]
    for first, last in runs[1:]:
        step = np.nanmedian(contour.note[first:last]) - np.nanmedian(contour.note[slice(*kept[-1])])
        block = round(first * contour.hop_s * SAMPLE_RATE_HZ / HOP_SAMPLES)
        before, after = level[max(block - around, 0) : block], level[block : block + around]
        rises = before.size > 0 and after.size > 0 and after.max() > before.max() + RISE_DB
        is_partial = any(abs(step - partial) < NEAR_PARTIAL_SEMITONES for partial in PARTIALS_SEMITONES)
        if rises or not is_partial:
            kept.append((first, last))
    return kept


def _steady_runs(contour: Contour) -> list[tuple[int, int]]:
    """Frames (first, past the last) over which the note stays near its own median, bridging short gaps."""
    note = contour.note.copy()
    voiced = np.isfinite(note)
    if not voiced.any():
        return []
    note[voiced] = median_filter(note[voiced], 5, mode="nearest")
    runs: list[tuple[int, int]] = []
    current: list[int] = []
    for frame in np.flatnonzero(voiced).tolist():
        near = not current or abs(note[frame] - np.median(note[current[-30:]])) < STEADY_SEMITONES
        joined = not current or (frame - current[-1] - 1) * contour.hop_s <= GAP_S
        if not (near and joined):
            runs.append((current[0], current[-1] + 1))
            current = []
        current.append(frame)
    return [*runs, (current[0], current[-1] + 1)]


def wanders(contours: Sequence[Contour]) -> bool:
    """Whether the pitch hardly ever rests, as in speech.

    Args:
        contours: The pitch of each part of a recording.
    """
    hop_s = contours[0].hop_s if contours else 1.0
    voiced = sum(int(np.isfinite(contour.note).sum()) for contour in contours)
    if voiced * hop_s < LEAST_VOICED_S:
        return False
    return sum(_steady_frames(contour) for contour in contours) < LEAST_STEADY_SHARE * voiced


def _steady_frames(contour: Contour) -> int:
    """Frames in stretches of STEADY_S over which the pitch, without its vibrato, keeps to STEADY_RANGE_SEMITONES."""
    length = round(STEADY_S / contour.hop_s)
    total = 0
    for first, last in _steady_runs(contour):
        if last - first < length:
            continue
        note = contour.note[first:last]
        voiced = np.flatnonzero(np.isfinite(note))
        filled = median_filter(np.interp(np.arange(last - first), voiced, note[voiced]), 5, mode="nearest")
        smooth = uniform_filter1d(filled, round(VIBRATO_S / contour.hop_s), mode="nearest")
        stretches = sliding_window_view(smooth, length)
        steady = np.zeros(last - first, bool)
        for start in np.flatnonzero(np.ptp(stretches, axis=1) < STEADY_RANGE_SEMITONES):
            steady[start : start + length] = True
        total += int(steady.sum())
    return total
