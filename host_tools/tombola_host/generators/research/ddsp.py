"""DDSP: note, level and a latent code become partials and filtered noise, in blocks of 10 ms, then a learned room.

    note  ─► 3 layers ─┐
    level ─► 3 layers ─┼─► GRU ─► heads ─► 100 partials, noise filter ─► + ─► reverb
    sound ─► code ─► 3 layers ─┘

Source: Engel et al. 2020, "DDSP: Differentiable digital signal processing"; sizes as in Esling et al. 2020, "Diet deep
generative audio models with structured lottery": 512 units, latent 16, 100 partials, noise filters of 160 taps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from tombola_host.generators.research.excerpts import BANDS, BLOCK_SAMPLES, RATE_HZ, Excerpts
from tombola_host.generators.research.family import Published
from tombola_host.generators.research.layers import Layer, width
from tombola_host.generators.units import Axis, UnitGroup, Weights
from tombola_host.training.spectral import MultiScaleSpectralLoss

PARTIALS, TAPS, LATENT = 100, 160, 16
FILTER_BINS = TAPS // 2 + 1
ROOM_SAMPLES = RATE_HZ // 4
SIZES = (2048, 1024, 512, 256, 128, 64)
PATHS = ("note", "level", "code")
DEPTH = 3
State = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""GRU (1, B, U), turns (B, 1), partials (B, 1, H), tail of the noise (B, taps), dry sound (B, room - 1)."""


@dataclass(frozen=True)
class DdspSize:
    """Units of the recurrent layer, of each MLP layer, and of the encoder."""

    gru: int = 512
    mlp: int = 512
    encoder: int = 512


class Ddsp(Published):
    """See the module.

    Args:
        widths: Units of ``encoder``, ``gru``, and of ``note 0`` … ``code 2``.
    """

    excerpt_blocks = 50
    window: Tensor

    def __init__(self, widths: dict[str, int]) -> None:
        super().__init__()
        self.size = DdspSize(widths["gru"], widths["note 0"], widths["encoder"])
        self.encoder, self.code = nn.Linear(BANDS, widths["encoder"]), nn.Linear(widths["encoder"], LATENT)
        self.paths = nn.ModuleDict()
        for path in PATHS:
            inputs = [LATENT if path == "code" else 1, *(widths[f"{path} {number}"] for number in range(DEPTH))]
            self.paths[path] = nn.Sequential(*(Layer(inputs[at], inputs[at + 1]) for at in range(DEPTH)))
        self.gru = nn.GRU(sum(widths[f"{path} {DEPTH - 1}"] for path in PATHS), widths["gru"], batch_first=True)
        self.head = nn.Linear(widths["gru"], 1 + PARTIALS + FILTER_BINS)
        self.room = nn.Parameter(1e-4 * torch.randn(ROOM_SAMPLES))
        self.register_buffer("window", torch.hann_window(TAPS), persistent=False)
        self._distance = MultiScaleSpectralLoss(SIZES)

    @classmethod
    def of_size(cls, size: Any) -> Self:  # noqa: ANN401 - a DdspSize
        """See Published."""
        layers = {f"{path} {number}": size.mlp for path in PATHS for number in range(DEPTH)}
        return cls({"encoder": size.encoder, "gru": size.gru, **layers})

    @classmethod
    def of(cls, weights: Weights) -> Self:
        """See Published."""
        layers = {
            f"{path} {number}": width(weights, f"paths.{path}.{number}.linear.bias")
            for path in PATHS
            for number in range(DEPTH)
        }
        encoder, gru = width(weights, "encoder.bias"), width(weights, "gru.weight_hh_l0", 1)
        network = cls({"encoder": encoder, "gru": gru, **layers})
        network.load_state_dict(weights)
        return network

    def unit_groups(self) -> tuple[UnitGroup, ...]:
        """The encoder, each layer of each MLP, and the GRU, whose three gates go together."""
        encoder = UnitGroup(
            "encoder",
            self.encoder.out_features,
            (Axis("encoder.weight", 0), Axis("encoder.bias", 0), Axis("code.weight", 1, incoming=False)),
            spreads=("code.weight", "code.bias"),
            output="encoder",
        )
        gru = UnitGroup(
            "gru",
            self.gru.hidden_size,
            (
                *(Axis(f"gru.{kind}_{side}h_l0", 0, blocks=3) for kind in ("weight", "bias") for side in "ih"),
                Axis("gru.weight_hh_l0", 1, incoming=False),
                Axis("head.weight", 1, incoming=False),
            ),
            spreads=(*(f"gru.{kind}_{side}h_l0" for kind in ("weight", "bias") for side in "ih"), "head.weight"),
            output="gru",
        )
        layers, start = [], 0
        for path in PATHS:
            for number in range(DEPTH):
                layers.append(self._layer(path, number, start))
            start += layers[-1].size
        return encoder, *layers, gru

    def _layer(self, path: str, number: int, start: int) -> UnitGroup:
        name, last = f"paths.{path}.{number}", number == DEPTH - 1
        units = cast("Layer", self.get_submodule(name)).linear.out_features
        reader = "gru.weight_ih_l0" if last else f"paths.{path}.{number + 1}.linear.weight"
        return UnitGroup(
            f"{path} {number}",
            units,
            (
                *(Axis(f"{name}.{part}", 0) for part in ("linear.weight", "linear.bias", "norm.weight", "norm.bias")),
                Axis(f"{name}.norm.kept", 0, learned=False),
                Axis(reader, 1, start=start if last else 0, incoming=False),
            ),
            spreads=() if last else (reader, f"paths.{path}.{number + 1}.linear.bias"),
            output=name,
            scale=f"{name}.norm.weight",
        )

    def rest(self, count: int) -> State:
        """The state before the first block, for ``count`` excerpts."""
        return (
            torch.zeros(1, count, self.gru.hidden_size),
            torch.zeros(count, 1),
            torch.zeros(count, 1, PARTIALS),
            torch.zeros(count, TAPS),
            torch.zeros(count, ROOM_SAMPLES - 1),
        )

    def stream(self, given: Excerpts, noise: Tensor, state: State) -> tuple[Tensor, State]:
        """Render some blocks: excerpts (B, F), noise (B, F, 160) → sound (B, 160 F), and the next state."""
        hidden, turns, before, tail, dry = state
        said, hidden = self.gru(self._read(given), hidden)
        heads = self.head(said)
        f0_hz = 440 * torch.exp2((given.note - 69) / 12)
        loud = _positive(heads[..., :1]) * 10 ** (given.level_db[..., None] / 20)
        shares = torch.softmax(heads[..., 1 : 1 + PARTIALS], dim=-1)
        audible = (f0_hz[..., None] * torch.arange(1, PARTIALS + 1) < RATE_HZ / 2).float()
        partials = loud * shares * audible
        tone, turns = _tone(torch.cat([before, partials], dim=1), f0_hz, turns)
        hiss, tail = self._hiss(_positive(heads[..., 1 + PARTIALS :] - 5), noise, tail)
        wet = torch.cat([dry, tone + hiss], dim=1)
        room = torch.cat([torch.ones(1), self.room[1:]])
        length = 2 ** math.ceil(math.log2(wet.shape[1] + ROOM_SAMPLES))
        sound = torch.fft.irfft(torch.fft.rfft(wet, length) * torch.fft.rfft(room, length), length)
        sound = sound[:, ROOM_SAMPLES - 1 : wet.shape[1]]
        return sound, (hidden, turns, partials[:, -1:], tail, wet[:, -(ROOM_SAMPLES - 1) :])

    def render(self, given: Excerpts) -> Tensor:
        """See Published."""
        noise = 2 * torch.rand(*given.note.shape, BLOCK_SAMPLES, generator=torch.Generator().manual_seed(0)) - 1
        return self.stream(given, noise, self.rest(len(given.note)))[0]

    def loss(self, given: Excerpts) -> Tensor:
        """See Published: the multi-scale spectral distance."""
        return self._distance.each(self.render(given), given.audio)

    def uses_per_s(self) -> dict[str, float]:
        """See Published: all layers once a block; the room as a fast convolution, not counted."""
        return {name: RATE_HZ / BLOCK_SAMPLES for name, _ in self.named_parameters() if name != "room"}

    def _read(self, given: Excerpts) -> Tensor:
        bands = given.facts()[..., 2:]
        code = self.code(nn.functional.leaky_relu(self.encoder(bands / 8 + 1)))
        read = {"note": (given.note[..., None] - 60) / 16, "level": (given.level_db[..., None] + 30) / 16, "code": code}
        return torch.cat([self.paths[path](read[path]) for path in PATHS], dim=-1)

    def _hiss(self, magnitudes: Tensor, noise: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
        """Noise through a filter of its own in each block; the filters' tails reach into the next block."""
        count, blocks, _ = magnitudes.shape
        impulse = torch.fft.irfft(torch.complex(magnitudes, torch.zeros_like(magnitudes)), TAPS).roll(TAPS // 2, -1)
        length = 2 * TAPS
        spectrum = torch.fft.rfft(impulse * self.window, length) * torch.fft.rfft(noise, length)
        filtered = torch.fft.irfft(spectrum, length)
        late = torch.cat([tail[:, None], filtered[..., TAPS:]], dim=1)
        return (filtered[..., :TAPS] + late[:, :-1]).reshape(count, blocks * BLOCK_SAMPLES), late[:, -1]


def _positive(x: Tensor) -> Tensor:
    """Source: Engel et al. 2020, section B.5."""
    return 2 * torch.sigmoid(x) ** math.log(10) + 1e-7


def _tone(partials: Tensor, f0_hz: Tensor, turns: Tensor) -> tuple[Tensor, Tensor]:
    """Partials (B, F + 1, H), the first from before; f0 (B, F); turns (B, 1) → sound (B, 160 F), turns at its end."""
    count, blocks = f0_hz.shape
    pace = (f0_hz / RATE_HZ)[..., None].expand(-1, -1, BLOCK_SAMPLES).reshape(count, -1)
    all_turns = turns + pace.double().cumsum(1)
    after = all_turns[:, -1:] - all_turns[:, -1:].floor()
    across = (torch.arange(1, BLOCK_SAMPLES + 1) / BLOCK_SAMPLES)[:, None]
    sound = torch.zeros(count, blocks, BLOCK_SAMPLES)
    phase = (2 * math.pi * (all_turns - all_turns.floor())).float().reshape(count, blocks, BLOCK_SAMPLES)
    amplitude = partials[:, :-1, None] + (partials[:, 1:, None] - partials[:, :-1, None]) * across
    waves = torch.sin(phase[..., None] * torch.arange(1, PARTIALS + 1))
    sound = (amplitude * waves).sum(dim=-1)
    return sound.reshape(count, -1), after.to(turns.dtype)
