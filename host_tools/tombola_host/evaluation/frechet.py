"""How similar a set of sounds is to the recordings: a Fréchet distance that needs no trained network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    a, b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
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
