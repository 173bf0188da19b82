"""Finds where a note begins and ends, and splits a recording of several notes at its silences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array

HOP_SAMPLES = 240
"""5 ms: short enough to place an onset, long enough for a period of most notes."""
ONSET_DB = -40.0
END_DB = -60.0
SPLIT_DB = -45.0
"""What is this far below the loudest part of a recording counts as silence between two notes."""
SPLIT_S = 0.3
SMOOTH_S = 0.05
"""The level of low strings beats; averaged over 50 ms it is even enough to find silences."""
PART_DB = -24.0
"""A part this far below the loudest is a breath, a click or the room, not a note."""
PART_RISE_DB = 15.0
"""A note rises above the silence by at least this; a smaller rise is the previous note, still beating."""
SHORTEST_S = 0.15
LONGEST_S = 8.0
_ABOVE_NOISE_DB = 9.0
"""The level of steady noise in 5 ms frames varies by about ±3 dB; the threshold is three times that."""
_SUSTAINED_FRAMES = 4
_LEAD_S = 0.3


@dataclass(frozen=True, slots=True)
class Span:
    """Samples ``start`` … ``stop`` of a recording."""

    start: int
    stop: int

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return (self.stop - self.start) / SAMPLE_RATE_HZ


def levels_db(audio: Float32Array) -> np.ndarray:
    """RMS of each 5 ms, dB re full scale. Shape (ceil(T / 240),)."""
    blocks = np.pad(audio, (0, -len(audio) % HOP_SAMPLES)).reshape(-1, HOP_SAMPLES).astype(np.float64)
    return np.asarray(10 * np.log10(np.mean(blocks**2, axis=1) + 1e-14))


def split_at_silences(audio: Float32Array) -> list[Span]:
    """The parts of a recording between silences of more than 0.3 s, in order; without silences, the whole recording."""
    if not len(audio):
        return []
    power = uniform_filter1d(10 ** (levels_db(audio) / 10), round(SMOOTH_S * SAMPLE_RATE_HZ / HOP_SAMPLES))
    level = 10 * np.log10(np.maximum(power, 1e-14))
    loudest = float(level.max())
    floor = float(np.percentile(level, 5))
    noise = floor + _ABOVE_NOISE_DB / 2 if floor < loudest + PART_DB - _ABOVE_NOISE_DB else -np.inf
    silence = max(loudest + SPLIT_DB, noise)
    parts = [
        Span(first * HOP_SAMPLES, min(last * HOP_SAMPLES, len(audio)))
        for first, last in _sounding_runs(level > silence, int(SPLIT_S * SAMPLE_RATE_HZ / HOP_SAMPLES))
        if level[first:last].max() > max(loudest + PART_DB, silence + PART_RISE_DB)
    ]
    return parts if len(parts) > 1 else [Span(0, len(audio))]


def _sounding_runs(sounding: np.ndarray, gap_frames: int) -> list[tuple[int, int]]:
    """Runs of True, joined across gaps of up to ``gap_frames``; (first, past the last)."""
    runs: list[tuple[int, int]] = []
    edges = np.flatnonzero(np.diff(np.concatenate([[False], sounding, [False]]).astype(np.int8)))
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if runs and first - runs[-1][1] <= gap_frames:
            runs[-1] = (runs[-1][0], last)
        else:
            runs.append((first, last))
    return runs


def trim(audio: Float32Array, longest_s: float = LONGEST_S) -> Span:
    """From the onset, at most 5 ms early, to where the level stays 60 dB below the peak; at most ``longest_s``.

    The onset is the first 20 ms that stay above 40 dB below the peak and above the noise before the note.
    """
    level = levels_db(audio)
    if not level.size:
        return Span(0, 0)
    peak = float(level.max())
    threshold = max(peak + ONSET_DB, min(_lead_noise_db(level, peak) + _ABOVE_NOISE_DB, peak - 6.0))
    above = level > threshold
    lasting = np.convolve(above, np.ones(_SUSTAINED_FRAMES), "full")[_SUSTAINED_FRAMES - 1 :] >= _SUSTAINED_FRAMES - 1
    onset = int(np.argmax(lasting & above)) if (lasting & above).any() else int(level.argmax())
    start = onset * HOP_SAMPLES
    last = int(np.flatnonzero(level > peak + END_DB)[-1]) + 1
    stop = min(last * HOP_SAMPLES, len(audio), start + int(longest_s * SAMPLE_RATE_HZ))
    return Span(start, stop)


def _lead_noise_db(level: np.ndarray, peak: float) -> float:
    """The quiet level (10th percentile) of what comes more than 0.3 s before the note; -inf if nothing does."""
    near_peak = int(np.argmax(level > peak - 10.0))
    lead = level[: max(near_peak - int(_LEAD_S * SAMPLE_RATE_HZ / HOP_SAMPLES), 0)]
    return float(np.percentile(lead, 10)) if lead.size >= 2 * _SUSTAINED_FRAMES else -np.inf
