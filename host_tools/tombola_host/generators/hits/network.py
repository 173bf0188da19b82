"""One onset in, one hit out: residual convolutions that turn 32 frames into a third of a second of sound.

    note, velocity, blend ─► embed ─► start (32 frames) ─► block ─► block ─► block ─► out ─► 16 384 samples
                               └────────────────────────────┴────────┴────────┘
    block:  × 8 ─┬─► norm ─ concatenate the embedding ─► conv ─► conv ─► + ─►
                 └──────────────────────────────────────────────────────┘

The channels of the trunk are one group of units through all skip connections. The normalisation runs over the kept
channels only: if it included removed channels as zeros, a masked network would differ from a trimmed one.

Source: the residual generators of Karras et al. 2018, "Progressive growing of GANs", and Nistal et al. 2020,
"DrumGAN", in one dimension.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from tombola_device.contract.controls import PERIOD_SAMPLES, SCALAR_COLUMNS
from torch import Tensor, nn
from torch.nn import functional

from tombola_host.generators.base import Conditions, Generator
from tombola_host.generators.units import Axis, UnitGroup, Weights

FIRST_FRAMES, GROWTH, BLOCKS = 32, 8, 3
HIT_SAMPLES = FIRST_FRAMES * GROWTH**BLOCKS
KERNEL = 5
SCALARS = len(SCALAR_COLUMNS)
NOTE, VELOCITY, ONSET = (SCALAR_COLUMNS.index(name) for name in ("note", "velocity", "onset_fast"))
CENTRE_NOTE, NOTE_SPREAD = 60.0, 16.0
HEARD = 2
"""Columns of the network's input before the blend: note and velocity."""
SLOPE = 0.2

HitsState = tuple[Tensor, Tensor]
"""The hit of each voice, shape (V, HIT_SAMPLES), and its played samples, shape (V,), int64."""


@dataclass(frozen=True, slots=True)
class HitsSize:
    """Units of the embedding, channels of the trunk, channels inside each block."""

    embedding: int = 24
    trunk: int = 48
    hidden: int = 64


class ChannelNorm(nn.Module):
    """Layer normalisation over the kept channels, at each sample. (V, C, T) → (V, C, T).

    Source: Ba et al. 2016, "Layer normalization".
    """

    kept: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("kept", torch.ones(channels))

    def forward(self, sound: Tensor) -> Tensor:
        """See the class."""
        kept = self.kept[:, None]
        count = self.kept.sum()
        mean = (sound * kept).sum(1, keepdim=True) / count
        spread = (((sound - mean) * kept).square().sum(1, keepdim=True) / count + 1e-5).sqrt()
        return (sound - mean) / spread * self.weight[:, None] + self.bias[:, None]


class Block(nn.Module):
    """A residual block that multiplies the number of samples by 8. (V, C, T), (V, E) → (V, C, 8 T)."""

    def __init__(self, size: HitsSize) -> None:
        super().__init__()
        self.norm = ChannelNorm(size.trunk)
        self.inner = nn.Conv1d(size.trunk + size.embedding, size.hidden, KERNEL, padding=KERNEL // 2)
        self.outer = nn.Conv1d(size.hidden, size.trunk, KERNEL, padding=KERNEL // 2)

    def forward(self, trunk: Tensor, embedding: Tensor) -> Tensor:
        """See the class."""
        grown = functional.interpolate(trunk, scale_factor=float(GROWTH), mode="nearest")
        told = embedding[:, :, None].expand(-1, -1, grown.shape[2])
        inside = functional.leaky_relu(self.inner(torch.cat([self.norm(grown), told], dim=1)), SLOPE)
        after: Tensor = grown + self.outer(inside)
        return after


class Hits(Generator):
    """Hits of M modes.

    Args:
        modes: M, length of the blend vector.
        size: Units per layer.
    """

    delay_samples = 0
    size: HitsSize

    def __init__(self, modes: int, size: HitsSize) -> None:
        super().__init__()
        self.size = size
        self.embed = nn.Linear(HEARD + modes, size.embedding)
        self.start = nn.Linear(size.embedding, FIRST_FRAMES * size.trunk)
        self.blocks = nn.ModuleList([Block(size) for _ in range(BLOCKS)])
        self.norm = ChannelNorm(size.trunk)
        self.out = nn.Conv1d(size.trunk, 1, KERNEL, padding=KERNEL // 2)

    @classmethod
    def of(cls, weights: Weights) -> Hits:
        """A network with these weights; their shapes give its size."""
        embedding, columns = weights["embed.weight"].shape
        size = HitsSize(embedding, len(weights["norm.weight"]), len(weights["blocks.0.inner.bias"]))
        network = cls(columns - HEARD, size)
        for number, block in enumerate(network.blocks):  # Each may be trimmed to a different number of channels.
            hidden = len(weights[f"blocks.{number}.inner.bias"])
            block.inner = nn.Conv1d(size.trunk + embedding, hidden, KERNEL, padding=KERNEL // 2)
            block.outer = nn.Conv1d(hidden, size.trunk, KERNEL, padding=KERNEL // 2)
        network.load_state_dict(weights)
        return network

    @property
    def modes(self) -> int:
        """M, the length of the blend vector."""
        return self.embed.in_features - HEARD

    def hit(self, heard: Tensor) -> Tensor:
        """Render hits: note, velocity and blend, (N, 2 + M) → (N, HIT_SAMPLES)."""
        note, others = heard[:, :1], heard[:, 1:]
        told = torch.cat([(note - CENTRE_NOTE) / NOTE_SPREAD, others], dim=1)
        embedding = functional.leaky_relu(self.embed(told), SLOPE)
        trunk = self.start(embedding).reshape(-1, FIRST_FRAMES, self.size.trunk).transpose(1, 2)
        for block in self.blocks:
            trunk = block(trunk, embedding)
        sound: Tensor = self.out(functional.leaky_relu(self.norm(trunk), SLOPE))
        return sound[:, 0]

    def forward(self, conditions: Conditions) -> Tensor:
        """See Generator: each onset starts a hit and ends the previous one."""
        controls = conditions.controls
        voices, frames, _ = controls.shape
        length = frames * PERIOD_SAMPLES
        sound = torch.zeros(voices, length + HIT_SAMPLES)
        struck = struck_at(controls).nonzero()
        if len(struck):
            hits = self.hit(heard_of(controls[struck[:, 0], struck[:, 1]]))
            pieces = []
            for voice in range(voices):
                row = sound[voice]
                for (at, frame), hit in zip(struck.tolist(), hits, strict=True):
                    if at == voice:
                        begin = frame * PERIOD_SAMPLES
                        rest = torch.zeros(len(row) - begin - HIT_SAMPLES)
                        row = torch.cat([row[:begin], hit, rest])
                pieces.append(row)
            sound = torch.stack(pieces)
        return sound[:, :length]

    def rest(self, voices: int) -> HitsState:
        """See Streamable: no hit is playing."""
        return torch.zeros(voices, HIT_SAMPLES), torch.full((voices,), HIT_SAMPLES)

    def stream(self, conditions: Conditions, state: HitsState) -> tuple[Tensor, HitsState]:
        """See Streamable: the network runs only at onsets; the rest of a hit is read from the state."""
        memory, played = (part.clone() for part in state)
        blocks = []
        for frame in range(conditions.controls.shape[1]):
            controls = conditions.controls[:, frame]
            struck = struck_at(controls)
            if struck.any():
                memory[struck] = self.hit(heard_of(controls[struck]))
                played[struck] = 0
            at = played[:, None] + torch.arange(PERIOD_SAMPLES)
            block = memory.gather(1, at.clamp(max=HIT_SAMPLES - 1))
            blocks.append(torch.where(at < HIT_SAMPLES, block, 0.0))
            played = (played + PERIOD_SAMPLES).clamp(max=HIT_SAMPLES)
        return torch.cat(blocks, dim=1), (memory, played)

    def unit_groups(self) -> tuple[UnitGroup, ...]:
        """The embedding, the trunk through all skip connections, and the inside of each block."""
        trunk, embedding = self.size.trunk, self.size.embedding
        inner = [f"blocks.{number}.inner" for number in range(BLOCKS)]
        norms = ["norm", *(f"blocks.{number}.norm" for number in range(BLOCKS))]
        read = tuple(f"{name}.{kind}" for name in inner for kind in ("weight", "bias"))
        first = UnitGroup(
            "embedding",
            embedding,
            (
                Axis("embed.weight", 0),
                Axis("embed.bias", 0),
                Axis("start.weight", 1, incoming=False),
                *(Axis(f"{name}.weight", 1, start=trunk, incoming=False) for name in inner),
            ),
            spreads=("start.weight", "start.bias", *read),
            output="embed",
        )
        skips = UnitGroup(
            "trunk",
            trunk,
            (
                Axis("start.weight", 0, blocks=FIRST_FRAMES),
                Axis("start.bias", 0, blocks=FIRST_FRAMES),
                *(Axis(f"{name}.{kind}", 0) for name in norms for kind in ("weight", "bias")),
                *(Axis(f"{name}.kept", 0, learned=False) for name in norms),
                *(Axis(f"blocks.{number}.outer.{kind}", 0) for number in range(BLOCKS) for kind in ("weight", "bias")),
                *(Axis(f"{name}.weight", 1, incoming=False) for name in inner),
                Axis("out.weight", 1, incoming=False),
            ),
            spreads=("out.weight", "out.bias", *read),
            output="norm",
            output_axis=1,
            scale="norm.weight",
        )
        return first, skips, *(self._inside(number) for number in range(BLOCKS))

    def _inside(self, number: int) -> UnitGroup:
        block = f"blocks.{number}"
        return UnitGroup(
            f"hidden {number}",
            len(self.get_parameter(f"{block}.inner.bias")),
            (
                Axis(f"{block}.inner.weight", 0),
                Axis(f"{block}.inner.bias", 0),
                Axis(f"{block}.outer.weight", 1, incoming=False),
            ),
            spreads=(f"{block}.outer.weight", f"{block}.outer.bias"),
            output=f"{block}.inner",
            output_axis=1,
        )


def struck_at(controls: Tensor) -> Tensor:
    """Whether a hit starts in each frame: (…, 7 + M) → bool (…,)."""
    return controls[..., ONSET] >= 1.0


def heard_of(controls: Tensor) -> Tensor:
    """Columns note, velocity and blend: (N, 7 + M) → (N, 2 + M)."""
    return torch.cat([controls[:, [NOTE, VELOCITY]], controls[:, SCALARS:]], dim=1)
