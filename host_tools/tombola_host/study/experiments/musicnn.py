"""A second pair of ears for experiments: the convolutional network of the PyPI package ``musicnn``, without TensorFlow.

    pip install --no-deps musicnn       # 29 MB; the package is not imported, only its checkpoint is read

Its features, the maxima over 3 s of all feature maps, are the points between which a Fréchet distance is measured. It
was trained to tag music at 16 kHz; it hears nothing above 8 kHz.

Source: Pons & Serra 2019, "musicnn: Pre-trained convolutional neural networks for music audio tagging" (weights: ISC).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from tombola_device.contract.controls import SAMPLE_RATE_HZ, Float32Array
from tombola_device.contract.errors import BadConfig
from torch import Tensor
from torch.nn import functional

from tombola_host.evaluation.frechet import Float64Array
from tombola_host.study.experiments.tensor_file import read_tensors

MODEL = "MTT_musicnn"
HEARD_HZ = 16_000
FFT_SAMPLES, HOP_SAMPLES, MELS = 512, 256, 96
FRAMES = 187
FEATURES = 753
EPSILON = 1e-3
"""Of TensorFlow's batch normalisation."""
FRONT, MIDDLE = 5, 3
"""Numbers of convolutions: over many bands or much time, and behind these."""


class Musicnn:
    """An Embedding: 753 numbers for each 3 s.

    Args:
        tensors: Of the checkpoint, by their names there.
    """

    name = "musicnn"
    window_s = 3.0

    def __init__(self, tensors: Mapping[str, Float32Array]) -> None:
        from librosa.filters import mel

        self._tensors = {name: torch.from_numpy(array) for name, array in tensors.items()}
        self._mel = mel(sr=HEARD_HZ, n_fft=FFT_SAMPLES, n_mels=MELS)

    @classmethod
    def installed(cls) -> Musicnn:
        """The network of the installed package.

        Raises:
            BadConfig: It is not installed, or its checkpoint cannot be read.
        """
        found = importlib.util.find_spec("musicnn")
        if found is None or found.origin is None:
            raise BadConfig("musicnn is not installed; run `pip install --no-deps musicnn`, or leave the embedding out")
        return cls(read_tensors(Path(found.origin).parent / MODEL))

    def __call__(self, audio: Float32Array) -> Float64Array:
        """See Embedding. Shape (T,) → (T // 3 s, 753)."""
        size = int(self.window_s * SAMPLE_RATE_HZ)
        windows = audio[: len(audio) // size * size].reshape(-1, size)
        with torch.no_grad():
            rows = [self._features(torch.from_numpy(self._log_mel(window)))[0].double().numpy() for window in windows]
        return np.array(rows, np.float64).reshape(len(rows), FEATURES)

    def _log_mel(self, window: Float32Array) -> Float32Array:
        """Shape (FRAMES, MELS)."""
        import soxr

        heard = np.pad(soxr.resample(window, SAMPLE_RATE_HZ, HEARD_HZ), FFT_SAMPLES // 2)
        frames = sliding_window_view(heard, FFT_SAMPLES)[::HOP_SAMPLES][:FRAMES]
        power = np.abs(np.fft.rfft(frames * np.hanning(FFT_SAMPLES + 1)[:-1], axis=1)) ** 2
        return np.asarray(np.log10(10_000 * power @ self._mel.T + 1), np.float32)

    def _features(self, log_mel: Tensor) -> Tensor:
        """(FRAMES, MELS) → (1, 753)."""
        front = self._normalised(log_mel[None, None], 0)
        maps = torch.cat([self._front(front, number).amax(dim=3) for number in range(FRONT)], dim=1)
        layers = [maps, self._middle(maps, FRONT)]
        for number in range(FRONT + 1, FRONT + MIDDLE):
            layers.append(self._middle(layers[-1], number) + layers[-1])
        return torch.cat(layers, dim=1).amax(dim=2)

    def _front(self, front: Tensor, number: int) -> Tensor:
        """(1, 1, F, MELS) → (1, C, F, bands)."""
        kernel = self._tensors[_name("conv2d", number, "kernel")].permute(3, 2, 0, 1)
        # The odd sample of an even kernel lies behind, as TensorFlow has it.
        long = kernel.shape[2] - 1
        padded = functional.pad(front, (0, 0, long // 2, long - long // 2))
        after = functional.conv2d(padded, kernel, self._tensors[_name("conv2d", number, "bias")])
        return self._normalised(torch.relu(after), number + 1)

    def _middle(self, maps: Tensor, number: int) -> Tensor:
        """(1, C, F) → (1, 64, F). What is channels here is there the width of a convolution over time and width."""
        kernel = self._tensors[_name("conv2d", number, "kernel")][:, :, 0].permute(2, 1, 0)
        after = functional.conv1d(maps, kernel, self._tensors[_name("conv2d", number, "bias")], padding=3)
        return self._normalised(torch.relu(after), number + 1)

    def _normalised(self, maps: Tensor, number: int) -> Tensor:
        """Batch normalisation with the statistics of training. (1, C, …), as given."""
        kinds = ("moving_mean", "moving_variance", "gamma", "beta")
        mean, variance, weight, bias = (self._tensors[_name("batch_normalization", number, kind)] for kind in kinds)
        return functional.batch_norm(maps, mean, variance, weight, bias, eps=EPSILON)


def _name(layer: str, number: int, kind: str) -> str:
    """As TensorFlow counts layers: the first has no number."""
    return f"{layer}_{number}/{kind}" if number else f"{layer}/{kind}"
