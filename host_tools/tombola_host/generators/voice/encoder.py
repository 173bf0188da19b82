"""The encoder that finds timbre X and Y: the differences between recordings that pitch and loudness do not explain."""

from __future__ import annotations

import torch
from tombola_device.contract.controls import SCALAR_COLUMNS
from torch import Tensor, nn
from torch.nn import functional

from tombola_host.generators.voice.network import CENTRE, SPREAD

SMOOTHING_FRAMES = 63
"""A moving average of 168 ms: timbre changes slowly, and the encoder must not pass spectra on frame by frame."""
LATENT_SPREAD = 0.5
MEAN_RELATIVE, RELATIVE_SPREAD = -5.0, 3.0
"""Mean and spread of the natural log of relative amplitudes, over the four instruments of the demo."""


class TimbreEncoder(nn.Module):
    """Turns analysed frames into two numbers per frame, through a bottleneck.

    Noise on the latents makes neighbouring latents sound alike, so a sweep of a knob is continuous. In a share of the
    windows the latents are zero, so that (0, 0) becomes the best single choice for a note: the mode's default.

    Args:
        width: Amplitudes per frame, H + B.
        controls: Columns of the controls, 7 + M.

    Source: the bottleneck follows Kingma & Welling 2014, with fixed noise in place of a learned variance.
    """

    centre: Tensor
    spread: Tensor
    noise = 0.15
    left_out = 0.4

    def __init__(self, width: int, controls: int, hidden: int = 48) -> None:
        super().__init__()
        others = controls - len(SCALAR_COLUMNS)
        centre = [CENTRE.get(column, 0.0) for column in SCALAR_COLUMNS] + [0.0] * others
        spread = [SPREAD.get(column, 1.0) for column in SCALAR_COLUMNS] + [1.0] * others
        self.register_buffer("centre", torch.tensor(centre), persistent=False)
        self.register_buffer("spread", torch.tensor(spread), persistent=False)
        self.layers = nn.Sequential(nn.Linear(width + controls, hidden), nn.Tanh(), nn.Linear(hidden, 2))

    def forward(self, relative: Tensor, controls: Tensor) -> Tensor:
        """(W, F, H + B), (W, F, 7 + M) → (W, F, 2), each in -1 … 1."""
        seen = [(relative - MEAN_RELATIVE) / RELATIVE_SPREAD, (controls - self.centre) / self.spread]
        latent = self.layers(torch.cat(seen, dim=-1)).transpose(1, 2)
        frames = latent.shape[2]
        size = min(SMOOTHING_FRAMES, 2 * frames - 1) | 1
        padded = functional.pad(latent, (size // 2, size // 2), mode="replicate")
        return torch.tanh(functional.avg_pool1d(padded, size, 1)).transpose(1, 2)

    @staticmethod
    def spread_loss(latent: Tensor, blend: Tensor) -> Tensor:
        """Keep both axes in use: in every mode each has mean 0 and spread 0.5, and the two are uncorrelated.

        Args:
            latent: Shape (W, F, 2).
            blend: Each window's pure mode. Shape (W, M).

        Source: Bardes et al. 2022, "VICReg": its variance and covariance terms.
        """
        mode = blend.argmax(dim=1)
        losses = []
        for present in mode.unique():
            rows = latent[mode == present].flatten(0, 1)
            centre = rows.mean(dim=0)
            spread = (rows - centre).square().mean(dim=0).add(1e-6).sqrt()
            together = ((rows - centre) / spread).prod(dim=1).mean()
            losses.append(centre.square().sum() + (spread - LATENT_SPREAD).square().sum() + together.square())
        return torch.stack(losses).mean()

    def disturbed(self, latent: Tensor, generator: torch.Generator) -> Tensor:
        """Latents with noise, zero in a share of the windows; the trunk learns from these. Shape (W, F, 2)."""
        latent = latent + self.noise * torch.randn(latent.shape, generator=generator)
        kept = torch.rand((len(latent), 1, 1), generator=generator) >= self.left_out
        return latent * kept
