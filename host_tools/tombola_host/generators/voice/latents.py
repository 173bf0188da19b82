"""What is particular to single recordings, learned beside the network and left out when it plays.

Two recordings of neighbouring keys differ by more than their pitch. A network that must explain this by pitch alone
draws a jagged line through the recordings, and notes between them suffer. So each recording has a few numbers of its
own, which move the input layer in a share of the windows; in the rest, and when the network plays, they are zero.

Source: numbers learned with the network as in Bojanowski et al. 2018, "Optimizing the latent space of generative
networks"; measured in docs/notebook/0014-generalisation.md.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

NUMBERS = 4
SPREAD_AT_FIRST = 0.1
NOISE = 0.15
"""Neighbouring latents sound alike: a recording cannot be stored in the last digits."""
LEFT_OUT = 0.5


class NoteLatents(nn.Module):
    """K numbers of each recording, and what they add to the input layer.

    Args:
        modes: M.
        notes: The largest number of recordings of a mode.
        width: Units of the input layer, U.
    """

    def __init__(self, modes: int, notes: int, width: int) -> None:
        super().__init__()
        self.of_note = nn.Parameter(SPREAD_AT_FIRST * torch.randn(modes, notes, NUMBERS))
        self.to_input = nn.Linear(NUMBERS, width, bias=False)

    @classmethod
    def like(cls, tensors: Mapping[str, Tensor]) -> NoteLatents:
        """Latents with these tensors; their shapes give the sizes."""
        modes, notes, _ = tensors["of_note"].shape
        latents = cls(modes, notes, len(tensors["to_input.weight"]))
        latents.load_state_dict(tensors)
        return latents

    def forward(self, places: Tensor, generator: torch.Generator) -> Tensor:
        """What windows add to the sums of the input layer.

        Args:
            places: Mode and note of each window in its first two columns. Shape (W, ≥ 2).
            generator: Of the noise, and of which windows go without.

        Returns:
            Shape (W, 1, U).
        """
        latent = self.of_note[places[:, 0], places[:, 1]]
        latent = latent + NOISE * torch.randn(latent.shape, generator=generator)
        kept = torch.rand((len(latent), 1), generator=generator) >= LEFT_OUT
        told: Tensor = self.to_input(latent * kept)
        return told[:, None]
