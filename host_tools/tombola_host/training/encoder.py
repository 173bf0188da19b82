"""The encoder that finds timbre X and Y: what a recording has and pitch and loudness do not say."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

SMOOTHING_FRAMES = 63
"""Timbre moves slowly: a moving average of 168 ms, so that it cannot carry a spectrum frame by frame."""


class TimbreEncoder(nn.Module):
    """Analysed frames to two numbers a frame, through a bottleneck.

    Noise on the latents makes neighbours sound alike, so that the player's sweep is continuous; leaving them out in a
    share of the windows makes 0, 0 the best single choice for a note, which is the mode's default.

    Args:
        width: Amplitudes per frame, H + B.
        controls: Columns of the controls, 7 + M.

    Source: the bottleneck follows Kingma & Welling 2014, with fixed noise in place of a learned variance.
    """

    noise = 0.15
    left_out = 0.4

    def __init__(self, width: int, controls: int, hidden: int = 48) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width + controls, hidden), nn.Tanh(), nn.Linear(hidden, 2))

    def forward(self, relative: Tensor, controls: Tensor) -> Tensor:
        """(W, F, H + B), (W, F, 7 + M) → (W, F, 2), each in -1 … 1."""
        latent = self.layers(torch.cat([relative / 4, controls / 32], dim=-1)).transpose(1, 2)
        frames = latent.shape[2]
        size = min(SMOOTHING_FRAMES, 2 * frames - 1) | 1
        padded = functional.pad(latent, (size // 2, size // 2), mode="replicate")
        smooth: Tensor = functional.avg_pool1d(padded, size, 1)
        return torch.tanh(smooth).transpose(1, 2)

    def sample(self, relative: Tensor, controls: Tensor, generator: torch.Generator) -> Tensor:
        """As ``forward``, with noise, and zero in a share of the windows: what the trunk learns from."""
        latent = self(relative, controls)
        latent = latent + self.noise * torch.randn(latent.shape, generator=generator)
        kept = torch.rand((len(latent), 1, 1), generator=generator) >= self.left_out
        return latent * kept
