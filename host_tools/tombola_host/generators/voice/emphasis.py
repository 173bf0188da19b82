"""Where errors of the amplitudes count more: in the bands of a mode that its weights name."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tombola_device.engine.noise import band_centres_hz
from torch import Tensor

from tombola_host.corpus.windows import Band, ModeData, Windows
from tombola_host.generators.voice.network import Voice


def band_emphasis(network: Voice, windows: Windows, data: Sequence[ModeData]) -> Tensor | None:
    """How much an error of each amplitude counts, by its frequency and the window's mode; None: all the same.

    Args:
        network: Whose amplitudes they are.
        windows: Shape (W, F, …).
        data: One for each mode.

    Returns:
        Shape (W, F, H + B + K).
    """
    if not any(mode.bands for mode in data):
        return None
    frequency_hz = amplitudes_hz(network, windows.controls)
    rows = [
        emphasis(data[mode].bands, hz) for mode, hz in zip(windows.places[:, 0].tolist(), frequency_hz, strict=True)
    ]
    return torch.stack(rows)


def amplitudes_hz(network: Voice, controls: Tensor) -> Tensor:
    """Frequency of each amplitude; of a noise band its middle. (W, F, 7 + M) → (W, F, H + B + K), Hz."""
    note, _, blend = network.note_and_level(controls).split([1, 1, network.modes], dim=-1)
    f0_hz = 440.0 * 2 ** ((note - 69) / 12)
    centres = torch.from_numpy(band_centres_hz(network.noise_bands)).float()
    parts = [f0_hz * torch.arange(1, network.partials + 1), centres.expand(*f0_hz.shape[:-1], -1)]
    if network.free is not None:
        parts.append(f0_hz * network.free.ratios(note, blend).exp())
    return torch.cat(parts, dim=-1)


def emphasis(bands: Sequence[Band], frequency_hz: Tensor) -> Tensor:
    """How much an error at each frequency counts; where bands overlap, the last one holds. Same shape."""
    counted = torch.ones_like(frequency_hz)
    for band in bands:
        counted[(frequency_hz >= band.low_hz) & (frequency_hz < band.high_hz)] = band.weight
    return counted
