"""The pitch error of rendered notes, in cents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array
from tombola_device.contract.errors import ShapeError

Float64Array = npt.NDArray[np.float64]

HOP_SAMPLES = 480
"""One frame every 10 ms."""
WINDOW_PERIODS = 16
"""In a Hann window of 16 periods neighbouring partials are 8 main lobes apart, and a vibrato of 6 Hz still shows."""
SHORTEST_WINDOW_SAMPLES = 1024
PARTIALS = 6
"""The first partials decide the pitch that is heard; higher ones of a string are sharp."""
SAME_PEAK = 0.97
"""The period is the shortest lag whose autocorrelation is this close to the best; longer lags are its multiples."""
FINER_LAGS = 8
LONG_PERIOD_SAMPLES = 256.0
SETTLE_S = 0.15
"""The onset has no pitch."""
QUIET_DB = -40.0
"""Frames this far below the loudest are the release and the noise under it."""


@dataclass(frozen=True, slots=True)
class PitchError:
    """Errors of all frames together.

    Args:
        median_cents: Median of the absolute error.
        p95_cents: 95 % of the frames are at most this far off.
        bias_cents: Median of the signed error; above 0: sharp.
        frames: Number of frames measured.
    """

    median_cents: float
    p95_cents: float
    bias_cents: float
    frames: int


def midi_to_hz(note: float) -> float:
    """Equal temperament, A4 = 69 = 440 Hz."""
    return float(440.0 * 2.0 ** ((note - 69.0) / 12.0))


def cents_off(audio: Float32Array, note: float, settle_s: float = SETTLE_S) -> Float64Array:
    """The error of each frame in the steady part of one held note.

    Args:
        audio: 48 kHz, from the onset on. Shape (T,).
        note: The note it should be, as a MIDI note number, fractional.
        settle_s: Time after the onset that is left out, s.

    Returns:
        Cents, above 0: sharp. Shape (F,), one every 10 ms; empty if nothing long enough sounds.

    Raises:
        ShapeError: ``audio`` is not one channel of finite samples.
    """
    if audio.ndim != 1 or not np.all(np.isfinite(audio)):
        raise ShapeError(f"audio of shape {audio.shape} has no single pitch; give one channel of finite samples")
    asked_hz = midi_to_hz(note)
    window = max(int(WINDOW_PERIODS * SAMPLE_RATE_HZ / asked_hz), SHORTEST_WINDOW_SAMPLES)
    shift = window // 4
    steady = np.asarray(audio, np.float64)[int(settle_s * SAMPLE_RATE_HZ) :]
    if steady.size < window + shift:
        return np.empty(0)
    frames = sliding_window_view(steady, window + shift)[::HOP_SAMPLES]
    level_db = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-20)
    frames = frames[(level_db > level_db.max() + QUIET_DB) & (level_db > -120.0)]
    if not len(frames):
        return np.empty(0)
    f0_hz = _period_hz(frames, asked_hz)
    for partials in (2, PARTIALS, PARTIALS):
        f0_hz = _refined_hz(frames, f0_hz, shift, partials)
    cents: Float64Array = 1200.0 * np.log2(f0_hz / asked_hz)
    return cents


def summarise(cents: Iterable[Float64Array]) -> PitchError:
    """Error over the frames of several notes.

    Raises:
        ShapeError: There are no frames.
    """
    every = np.concatenate([np.empty(0), *cents])
    if not every.size:
        raise ShapeError("no frame of these notes was loud and long enough to have a pitch; render longer notes")
    size = np.abs(every)
    return PitchError(
        median_cents=float(np.median(size)),
        p95_cents=float(np.quantile(size, 0.95)),
        bias_cents=float(np.median(every)),
        frames=int(every.size),
    )


def pitch_error(audio: Float32Array, note: float, settle_s: float = SETTLE_S) -> PitchError:
    """``cents_off`` of one note, summarised."""
    return summarise([cents_off(audio, note, settle_s)])


def _period_hz(frames: Float64Array, asked_hz: float) -> Float64Array:
    """Rough pitch of each frame, within 1.3 octaves of ``asked_hz``: (F, N) → (F,).

    Source: McLeod & Wyvill 2005, "A smarter way to find pitch" (the normalised square difference).
    """
    size = frames.shape[1]
    # The peak of a bright, high note is narrower than a sample. Without a finer grid, a multiple of the period that
    # falls on a sample would look better.
    finer = FINER_LAGS if SAMPLE_RATE_HZ / asked_hz < LONG_PERIOD_SAMPLES else 1
    period = finer * SAMPLE_RATE_HZ / asked_hz
    shortest, longest = max(int(period / 2.5), 2), min(int(period * 2.5) + 2, finer * size // 2)
    spectrum = np.fft.rfft(frames, 2 * size, axis=1)
    correlation = finer * np.fft.irfft(np.abs(spectrum) ** 2, 2 * size * finer, axis=1)[:, : longest + 2]
    energy = np.pad(np.cumsum(frames**2, axis=1), ((0, 0), (1, 0)))
    lags = np.round(np.arange(longest + 2) / finer).astype(np.int64)
    both = energy[:, size - lags] + energy[:, -1:] - energy[:, lags]
    likeness = 2.0 * correlation / (both + 1e-20)
    middle = likeness[:, shortest : longest + 1]
    left, right = likeness[:, shortest - 1 : longest], likeness[:, shortest + 1 : longest + 2]
    peak = np.where((middle >= left) & (middle > right), middle, -1.0)
    lag = np.argmax(peak >= SAME_PEAK * peak.max(axis=1, keepdims=True), axis=1)
    row = np.arange(len(frames))
    a, b, c = left[row, lag], middle[row, lag], right[row, lag]
    offset = np.clip(0.5 * (a - c) / (a - 2 * b + c - 1e-12), -0.5, 0.5)
    hz: Float64Array = SAMPLE_RATE_HZ * finer / (shortest + lag + offset)
    return hz


def _refined_hz(frames: Float64Array, f0_hz: Float64Array, shift: int, partials: int) -> Float64Array:
    """Correct each f0 by the drift of its partials' phases: (F, N), (F,) → (F,).

    Each partial is demodulated in two windows ``shift`` samples apart; the partials are weighted by their power.
    Source: Flanagan & Golden 1966, "Phase vocoder".
    """
    size = frames.shape[1] - shift
    time = np.arange(size) / SAMPLE_RATE_HZ
    window = np.hanning(size)
    turns, weights = np.zeros_like(f0_hz), np.full_like(f0_hz, 1e-30)
    for partial in range(1, partials + 1):
        hz = partial * f0_hz
        wave = window * np.exp(-2j * np.pi * hz[:, None] * time)
        early = np.sum(frames[:, :size] * wave, axis=1)
        late = np.sum(frames[:, shift:] * wave, axis=1) * np.exp(-2j * np.pi * hz * shift / SAMPLE_RATE_HZ)
        power = np.where(hz < 0.45 * SAMPLE_RATE_HZ, np.abs(early * late), 0.0)
        turns += power * np.angle(late * np.conj(early)) / (2 * np.pi * partial)
        weights += power
    refined: Float64Array = f0_hz + turns / weights * SAMPLE_RATE_HZ / shift
    return refined
