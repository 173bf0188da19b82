"""The distance between the spectra of two sounds, at several resolutions."""

from __future__ import annotations

import torch
from tombola_device.contract.errors import ShapeError
from torch import Tensor, nn

ALL_SIZES = (2048, 1024, 512, 256, 128, 64)
FLOOR = 1e-5
"""Added before the logarithm: a bin below -100 dB of a full-scale spectrum counts as silence."""


class MultiScaleSpectralLoss(nn.Module):
    """Mean over window sizes of the relative L1 distance of magnitudes plus the L1 distance of their logarithms.

    Magnitudes are divided by the window's sum, so a sine of amplitude 1 gives 0.5 at every size. Unlike in the source,
    the linear term is divided by the reference's mean magnitude; so its weight beside the logarithmic term does not
    depend on the recording's level or on the window's size.

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
        """One distance for each row.

        Raises:
            ShapeError: The two sounds differ in shape.
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
        # Without the small constant, the gradient of the square root at zero is infinite.
        return torch.sqrt(power + 1e-14) / window.sum()
