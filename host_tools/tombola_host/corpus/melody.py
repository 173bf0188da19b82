"""A recording without silences in it falls into its notes where the pitch moves on."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array

from tombola_host.corpus.pitch import Contour
from tombola_host.corpus.trim import HOP_SAMPLES, Span, levels_db

STEADY_SEMITONES = 0.8
"""A vibrato keeps within it, a semitone's step leaves it."""
SHORTEST_NOTE_S = 0.25
GAP_S = 0.15
"""Trackers lose a steady note for some frames; what falls silent for longer has ended."""
ATTACK_S = 0.05
"""The attack of a note has no pitch yet, but belongs to it."""
PARTIALS_SEMITONES = (12.0, 19.02, 24.0, 27.86, 31.02)
NEAR_PARTIAL_SEMITONES = 0.5
RISE_DB = 1.0
_AROUND_S = 0.1


def split_at_note_changes(contour: Contour, audio: Float32Array) -> list[Span]:
    """Spans of one steady note each; the whole where it holds no more than one.

    What sounds at a partial of the note before and no louder is that note dying away, and is left out.

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
    """Leave out runs in which a partial of the note before outlives its fundamental."""
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
