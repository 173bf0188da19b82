"""How far two sounds are apart in their spectra, at several resolutions at once."""

from __future__ import annotations

import torch
from tombola_device.contract.errors import ShapeError
from torch import Tensor, nn

ALL_SIZES = (2048, 1024, 512, 256, 128, 64)
FLOOR = 1e-5
"""Added before the logarithm: a bin below -100 dB of a full-scale spectrum counts as silence."""


class MultiScaleSpectralLoss(nn.Module):
    """Mean over window sizes of the relative L1 distance of magnitudes plus the L1 distance of their logarithms.

    Magnitudes are scaled by the window, so that a sine of amplitude 1 reads 0.5 at every size. Unlike in the source,
    the linear term is divided by the mean magnitude of the reference, so that neither the level of a recording nor
    the size of a window decides how much it counts beside the logarithmic term.

    Args:
        sizes: Window lengths in samples; hops are a quarter of each.

    Shape:
        Both inputs (V, T); the output is a scalar, or (V,) from ``each``.

    Source: Engel et al. 2020, "DDSP", eq. 4, with their sizes and α = 1; Wang et al. 2019.
    """

    def __init__(self, sizes: tuple[int, ...] = ALL_SIZES) -> None:
        super().__init__()
        self.sizes = sizes
        for size in sizes:
            self.register_buffer(f"window_{size}", torch.hann_window(size), persistent=False)

    def each(self, sound: Tensor, reference: Tensor) -> Tensor:
        """One distance per row.

        Raises:
            ShapeError: The two differ in shape.
        """
        if sound.shape != reference.shape or sound.dim() != 2:
            raise ShapeError(f"cannot compare sounds of shape {tuple(sound.shape)} and {tuple(reference.shape)}")
        total = sound.new_zeros(len(sound))
        for size in self.sizes:
            a, b = self._magnitude(sound, size), self._magnitude(reference, size)
            linear = (a - b).abs().mean(dim=(1, 2)) / (b.mean(dim=(1, 2)) + FLOOR)
            logarithmic = (torch.log(a + FLOOR) - torch.log(b + FLOOR)).abs().mean(dim=(1, 2))
            total = total + linear + logarithmic
        return total / len(self.sizes)

    def forward(self, sound: Tensor, reference: Tensor) -> Tensor:
        """Mean distance over the rows."""
        return self.each(sound, reference).mean()

    def _magnitude(self, sound: Tensor, size: int) -> Tensor:
        window: Tensor = getattr(self, f"window_{size}")
        spectrum = torch.stft(
            sound, size, size // 4, window=window, center=True, pad_mode="constant", return_complex=True
        )
        power = spectrum.real.square() + spectrum.imag.square()
        # The gradient of a square root at zero is infinite.
        return torch.sqrt(power + 1e-14) / window.sum()
