"""SING's auto-encoder: frames of sound become codes every 256 samples, and codes become frames that overlap and add.

    sound ─► front (1024 samples, stride 256) ─► 3 layers ─► code
    context of 6 codes ─► 3 layers ─► frames ─► overlap-add

Source: Défossez et al. 2018, "SING: Symbol-to-instrument neural generator"; sizes as in Esling et al. 2020: 9 layers,
4096 channels, stride 256, windows of 1024 samples, 4 s at 16 kHz. The context looks back only, so it can be streamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from tombola_host.generators.research.excerpts import RATE_HZ, Excerpts
from tombola_host.generators.research.family import Published
from tombola_host.generators.research.layers import width
from tombola_host.generators.units import Axis, UnitGroup, Weights
from tombola_host.training.spectral import MultiScaleSpectralLoss

FRAME, STRIDE, CONTEXT = 1024, 256, 6
READING, WRITING = 3, 3
"""Layers with units before and after the code, beside the front: with it, the code and the frames nine layers."""
LAYERS = ("front", *(f"read.{n}" for n in range(READING)), *(f"write.{n}" for n in range(WRITING)))


@dataclass(frozen=True)
class SingSize:
    """Channels of every layer, and values of a code."""

    channels: int = 4096
    code: int = 128


class Sing(Published):
    """See the module.

    Args:
        widths: Channels of each of ``LAYERS``.
        code: Values of a code.
    """

    excerpt_blocks = 80
    window: Tensor

    def __init__(self, widths: dict[str, int], code: int) -> None:
        super().__init__()
        self.size = SingSize(widths["front"], code)
        self._values = code
        into = [widths[name] for name in LAYERS[: 1 + READING]]
        out = [code * CONTEXT, *(widths[name] for name in LAYERS[1 + READING :])]
        self.front = nn.Linear(FRAME, into[0])
        self.read = nn.ModuleList(nn.Linear(into[n], into[n + 1]) for n in range(READING))
        self.code = nn.Linear(into[-1], code)
        self.write = nn.ModuleList(nn.Linear(out[n], out[n + 1]) for n in range(WRITING))
        self.frames = nn.Linear(out[-1], FRAME)
        self.register_buffer("window", torch.hann_window(FRAME) / 2, persistent=False)
        self._distance = MultiScaleSpectralLoss((2048, 512, 128))

    @classmethod
    def of_size(cls, size: Any) -> Self:  # noqa: ANN401 - a SingSize
        """See Published."""
        return cls(dict.fromkeys(LAYERS, size.channels), size.code)

    @classmethod
    def of(cls, weights: Weights) -> Self:
        """See Published."""
        network = cls({name: width(weights, f"{name}.bias") for name in LAYERS}, width(weights, "code.bias"))
        network.load_state_dict(weights)
        return network

    def unit_groups(self) -> tuple[UnitGroup, ...]:
        """The channels of each layer; neither the code nor the samples of a frame can be removed."""
        readers = [*LAYERS[1 : 1 + READING], "code", *LAYERS[2 + READING :], "frames"]
        return tuple(
            UnitGroup(
                name,
                cast("nn.Linear", self.get_submodule(name)).out_features,
                (Axis(f"{name}.weight", 0), Axis(f"{name}.bias", 0), Axis(f"{reader}.weight", 1, incoming=False)),
                spreads=(f"{reader}.weight", f"{reader}.bias"),
                output=name,
            )
            for name, reader in zip(LAYERS, readers, strict=True)
        )

    def encode(self, audio: Tensor) -> Tensor:
        """Sound (B, T) → codes (B, T / 256, code)."""
        padded = nn.functional.pad(audio, (FRAME - STRIDE, 0))
        said = torch.relu(self.front(padded.unfold(1, FRAME, STRIDE)))
        for layer in self.read:
            said = torch.relu(layer(said))
        return torch.tanh(self.code(said))

    def rest(self, count: int) -> tuple[Tensor, Tensor]:
        """Codes and sound from before the first code: (B, 5, code), (B, 768)."""
        return torch.zeros(count, CONTEXT - 1, self._values), torch.zeros(count, FRAME - STRIDE)

    def stream(self, codes: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Decode some codes (B, F, code) → sound (B, 256 F), and the next state."""
        before, tail = state
        known = torch.cat([before, codes], dim=1)
        said = known.unfold(1, CONTEXT, 1).flatten(2)
        for layer in self.write:
            said = torch.relu(layer(said))
        pieces = (self.frames(said) * self.window).reshape(*codes.shape[:2], FRAME // STRIDE, STRIDE)
        total = nn.functional.pad(tail, (0, STRIDE * codes.shape[1]))
        for piece in range(FRAME // STRIDE):
            part = pieces[:, :, piece].flatten(1)
            total = total + nn.functional.pad(part, (STRIDE * piece, FRAME - STRIDE - STRIDE * piece))
        length = STRIDE * codes.shape[1]
        return total[:, :length], (known[:, -(CONTEXT - 1) :], total[:, length:])

    def render(self, given: Excerpts) -> Tensor:
        """See Published: encode and decode; whole frames only, then silence."""
        whole = given.audio.shape[1] // STRIDE * STRIDE
        sound, _ = self.stream(self.encode(given.audio[:, :whole]), self.rest(len(given.audio)))
        return nn.functional.pad(sound, (0, given.audio.shape[1] - whole))

    def loss(self, given: Excerpts) -> Tensor:
        """See Published: the spectral distance of what comes back."""
        return self._distance.each(self.render(given), given.audio)

    def uses_per_s(self) -> dict[str, float]:
        """See Published: every layer once a code."""
        return {name: RATE_HZ / STRIDE for name, _ in self.named_parameters()}
