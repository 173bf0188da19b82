"""How similar a set of sounds is to the recordings: a Fréchet distance that needs no trained network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array
from tombola_device.contract.errors import ShapeError

Float64Array = npt.NDArray[np.float64]

WINDOW_S = 0.5
MEL_BANDS = 64
EMBEDDING_SIZE = 2 * MEL_BANDS
FFT_SAMPLES, FFT_HOP_SAMPLES = 2048, 512
LOWEST_HZ, HIGHEST_HZ = 40.0, 20_000.0
FLOOR = 1e-10
"""Power below -100 dB of full scale counts as silence."""
QUIET_DB = -60.0
"""Windows whose recording is quieter than this are skipped."""
SPLITS = 16
FEWEST_WINDOWS = 4


@dataclass(frozen=True, slots=True)
class FrechetRatio:
    """Distance to the recordings, relative to that between two halves of the recordings.

    Args:
        ratio: 1.0: as similar to the recordings as one half of them is to the other.
        distance: Of the sounds to recordings of other windows.
        real_distance: Of recordings to recordings of other windows.
        windows: Number of windows of each.
    """

    ratio: float
    distance: float
    real_distance: float
    windows: int


class Embedding(Protocol):
    """What hears: turns windows of sound into points, so that sounds that are alike lie near each other.

    >>> class Loudness:
    ...     name, window_s = "loudness", 0.5
    ...     def __call__(self, audio):
    ...         return np.log(np.mean(audio.reshape(-1, 24_000) ** 2, axis=1, keepdims=True) + 1e-9)
    >>> embedding: Embedding = Loudness()
    >>> embedding(np.ones(48_000, np.float32)).shape
    (2, 1)
    """

    @property
    def name(self) -> str:
        """For tables."""

    @property
    def window_s(self) -> float:
        """Length of a window, s."""

    def __call__(self, audio: Float32Array) -> Float64Array:
        """Whole windows of 48 kHz sound, shape (T,) → (windows, D)."""


class LogMel:
    """``embed``: needs nothing that was learned."""

    name = "log-mel"
    window_s = WINDOW_S

    def __call__(self, audio: Float32Array) -> Float64Array:
        """See Embedding."""
        return embed(audio, self.window_s)


class Likeness(msgspec.Struct, frozen=True):
    """How near played notes are to the recordings, and how near another instrument is.

    Args:
        played: Fréchet distance of the played notes to the recordings of the same notes.
        sampler: That of a sampler which may use every recording but those of the note.
        halves: That between two halves of the recordings, the unit to read both in.
        windows: Number of windows of each.
    """

    played: float
    sampler: float
    halves: float
    windows: int

    @property
    def ratio(self) -> float:
        """Played / sampler; ≤ 1: nearer to the recordings than other notes of the same instrument."""
        return self.played / max(self.sampler, 1e-12)


def likeness(
    embedding: Embedding,
    played: Sequence[Float32Array],
    sampled: Sequence[Float32Array],
    recordings: Sequence[Float32Array],
    seed: int = 0,
) -> Likeness | None:
    """Compare two instruments with the recordings, on windows in which the recording is heard; None where too few are.

    Args:
        embedding: What hears.
        played: One sound per recording. Shape (T,) each, 48 kHz.
        sampled: The same of the sampler.
        recordings: Shape (T,) each; the longest common part of three is used.
        seed: Of the halves.
    """
    rows: list[list[Float64Array]] = [[], [], []]
    for sounds in zip(played, sampled, recordings, strict=True):
        window = int(embedding.window_s * SAMPLE_RATE_HZ)
        size = min(len(sound) for sound in sounds) // window * window
        heard = _heard(sounds[-1][:size], embedding.window_s)
        for row, sound in zip(rows, sounds, strict=True):
            row.append(embedding(sound[:size])[heard])
    ours, theirs, real = (np.concatenate(row) for row in rows)
    if len(real) < FEWEST_WINDOWS:
        return None
    halves = 0.0
    rng = np.random.default_rng(seed)
    for _ in range(SPLITS):
        order = rng.permutation(len(real))
        one, other = order[: len(real) // 2], order[len(real) // 2 :]
        halves += frechet_distance(real[one], real[other]) / SPLITS
    return Likeness(frechet_distance(ours, real), frechet_distance(theirs, real), halves, len(real))


def embed(audio: Float32Array, window_s: float = WINDOW_S) -> Float64Array:
    """Mean and spread over time of the log-mel spectrum of each window; windows do not overlap.

    Args:
        audio: 48 kHz. Shape (T,); a shorter rest at the end is not used.
        window_s: Length of a window, s.

    Returns:
        Shape (windows, EMBEDDING_SIZE), natural logarithms of power.
    """
    from librosa.filters import mel

    size = int(window_s * SAMPLE_RATE_HZ)
    count = len(audio) // size
    if count == 0 or size < FFT_SAMPLES:
        return np.empty((0, EMBEDDING_SIZE))
    bank = mel(sr=SAMPLE_RATE_HZ, n_fft=FFT_SAMPLES, n_mels=MEL_BANDS, fmin=LOWEST_HZ, fmax=HIGHEST_HZ)
    window = np.hanning(FFT_SAMPLES)
    rows = []
    for part in audio[: count * size].reshape(count, size):
        frames = sliding_window_view(part, FFT_SAMPLES)[::FFT_HOP_SAMPLES]
        power = np.abs(np.fft.rfft(frames * window, axis=1) / window.sum()) ** 2
        logarithm = np.log(power @ bank.T + FLOOR)
        rows.append(np.concatenate([logarithm.mean(axis=0), logarithm.std(axis=0)]))
    return np.array(rows)


def frechet_distance(first: Float64Array, second: Float64Array) -> float:
    """Squared Fréchet distance of two Gaussians fitted to embeddings of shape (N, D) and (N', D).

    Source: Dowson & Landau 1982; Kilgour et al. 2019, "Fréchet Audio Distance".

    Raises:
        ShapeError: There are fewer than two rows, or their lengths differ.
    """
    if min(len(first), len(second)) < 2 or first.shape[1] != second.shape[1]:
        raise ShapeError(f"embeddings of shape {first.shape} and {second.shape} cannot be compared; give two rows each")
    centre = np.sum((first.mean(axis=0) - second.mean(axis=0)) ** 2)
    a, b = (np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (first, second))
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T
    shared = np.sqrt(np.clip(np.linalg.eigvalsh(root @ b @ root), 0.0, None)).sum()
    return float(max(centre + np.trace(a) + np.trace(b) - 2 * shared, 0.0))


def frechet_ratio(
    sounds: Sequence[Float32Array], recordings: Sequence[Float32Array], window_s: float = WINDOW_S, seed: int = 0
) -> FrechetRatio:
    """Fréchet distance of sounds to recordings as a multiple of that between two halves of the recordings.

    The windows are split into halves A and B at random several times. The sounds of A are compared with the
    recordings of B, and so are the recordings of A: same sizes, same notes, so that sounds equal to the recordings
    give exactly 1.0.

    Args:
        sounds: One per recording, to be compared with it. Shape (T,) each, 48 kHz.
        recordings: Shape (T,) each; the longer of a pair is cut.
        window_s: Length of a window, s.
        seed: Seed of the splits.

    Raises:
        ShapeError: There are more of one than of the other, or too few windows.
    """
    if len(sounds) != len(recordings):
        raise ShapeError(f"{len(sounds)} sounds cannot be compared with {len(recordings)} recordings; give as many")
    ours, real = [], []
    for sound, recording in zip(sounds, recordings, strict=True):
        size = min(len(sound), len(recording)) // int(window_s * SAMPLE_RATE_HZ) * int(window_s * SAMPLE_RATE_HZ)
        heard = _heard(recording[:size], window_s)
        ours.append(embed(sound[:size], window_s)[heard])
        real.append(embed(recording[:size], window_s)[heard])
    a, b = (
        np.concatenate([np.empty((0, EMBEDDING_SIZE)), *ours]),
        np.concatenate([np.empty((0, EMBEDDING_SIZE)), *real]),
    )
    if len(b) < FEWEST_WINDOWS:
        raise ShapeError(f"{len(b)} windows of {window_s} s are too few to compare; give {FEWEST_WINDOWS} or more")
    rng = np.random.default_rng(seed)
    distance = real_distance = 0.0
    for _ in range(SPLITS):
        order = rng.permutation(len(b))
        one, other = order[: len(b) // 2], order[len(b) // 2 :]
        distance += frechet_distance(a[one], b[other]) / SPLITS
        real_distance += frechet_distance(b[one], b[other]) / SPLITS
    return FrechetRatio(distance / max(real_distance, 1e-12), distance, real_distance, len(b))


def _heard(recording: Float32Array, window_s: float) -> npt.NDArray[np.bool_]:
    parts = np.asarray(recording, np.float64).reshape(-1, int(window_s * SAMPLE_RATE_HZ))
    heard: npt.NDArray[np.bool_] = np.mean(parts**2, axis=1) > 10 ** (QUIET_DB / 10)
    return heard
