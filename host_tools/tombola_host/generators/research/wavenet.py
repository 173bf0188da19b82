"""WaveNet: gated dilated layers predict the next sample from all before it, given note and level.

    sample ─► embedding ─► layer ─► … ─► layer      trunk: residual channels, one group of units
                             └► skips ─► Σ ─► hidden ─► 256 classes of the next sample

In training the past is the recording's (teacher forcing). In rendering each sample is drawn and read back, so each
layer keeps a queue of what it needs of the past: one sample costs one pass through 40 small products, 16 000 times a
second, one after another. That loop is why it does not become a graph on the device (docs/adr/0023).

Source: van den Oord et al. 2016, "WaveNet"; queues from Le Paine et al. 2016, "Fast WaveNet generation algorithm";
sizes as in Esling et al. 2020: 2 × 20 layers, 256 and 128 channels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from tombola_host.generators.research.excerpts import BLOCK_SAMPLES, RATE_HZ, Excerpts
from tombola_host.generators.research.family import Published
from tombola_host.generators.research.layers import width
from tombola_host.generators.units import Axis, UnitGroup, Weights

CLASSES = 256
CYCLE = 10
CONDITIONS = 2
MIDDLE = CLASSES // 2


@dataclass(frozen=True)
class WavenetSize:
    """Layers, channels of the trunk, gated channels of each layer, channels of the skips and of the hidden layer."""

    layers: int = 40
    trunk: int = 128
    gated: int = 128
    skip: int = 256
    hidden: int = 256


class Gate(nn.Module):
    """One layer: tanh × sigmoid of now and of ``dilation`` samples ago, then to trunk and skips."""

    def __init__(self, trunk: int, gated: int, skip: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.past = nn.Linear(trunk, 2 * gated, bias=False)
        self.now = nn.Linear(trunk, 2 * gated)
        self.given = nn.Linear(CONDITIONS, 2 * gated, bias=False)
        self.gated = nn.Identity()
        self.trunk, self.skip = nn.Linear(gated, trunk), nn.Linear(gated, skip)

    def forward(self, now: Tensor, past: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, trunk), the same ``dilation`` earlier, (B, T, 2) → next trunk, skip."""
        tanh, gate = (self.now(now) + self.past(past) + self.given(given)).chunk(2, dim=-1)
        said = self.gated(torch.tanh(tanh) * torch.sigmoid(gate))
        return now + self.trunk(said), self.skip(said)


class Wavenet(Published):
    """See the module.

    Args:
        trunk: Channels.
        gated: Channels of each layer.
        skip: Channels.
        hidden: Channels.
    """

    excerpt_blocks = 12

    def __init__(self, trunk: int, gated: list[int], skip: int, hidden: int) -> None:
        super().__init__()
        self.size = WavenetSize(len(gated), trunk, gated[0], skip, hidden)
        self.embedding = nn.Embedding(CLASSES, trunk)
        cycle = min(CYCLE, max(len(gated) // 2, 1))
        self.layers = nn.ModuleList(Gate(trunk, each, skip, 2 ** (at % cycle)) for at, each in enumerate(gated))
        self.hidden, self.classes = nn.Linear(skip, hidden), nn.Linear(hidden, CLASSES)

    @classmethod
    def of_size(cls, size: Any) -> Self:  # noqa: ANN401 - a WavenetSize
        """See Published."""
        return cls(size.trunk, [size.gated] * size.layers, size.skip, size.hidden)

    @classmethod
    def of(cls, weights: Weights) -> Self:
        """See Published."""
        count = sum(name.endswith("trunk.bias") for name in weights)
        gated = [width(weights, f"layers.{number}.trunk.weight", 1) for number in range(count)]
        network = cls(
            width(weights, "embedding.weight", 1),
            gated,
            width(weights, "hidden.weight", 1),
            width(weights, "hidden.bias"),
        )
        network.load_state_dict(weights)
        return network

    def unit_groups(self) -> tuple[UnitGroup, ...]:
        """The trunk and the skips as one group each, the gated channels of each layer, the hidden layer."""
        names = [f"layers.{number}" for number in range(len(self.layers))]
        trunk = UnitGroup(
            "trunk",
            self.embedding.embedding_dim,
            (
                Axis("embedding.weight", 1),
                *(Axis(f"{name}.trunk.{kind}", 0) for name in names for kind in ("weight", "bias")),
                *(Axis(f"{name}.{read}.weight", 1, incoming=False) for name in names for read in ("past", "now")),
            ),
            spreads=tuple(f"{name}.{read}" for name in names for read in ("past.weight", "now.weight", "now.bias")),
            output="embedding",
        )
        skip = UnitGroup(
            "skip",
            self.hidden.in_features,
            (
                *(Axis(f"{name}.skip.{kind}", 0) for name in names for kind in ("weight", "bias")),
                Axis("hidden.weight", 1, incoming=False),
            ),
            spreads=("hidden.weight", "hidden.bias"),
            output=f"{names[-1]}.skip",
        )
        hidden = UnitGroup(
            "hidden",
            self.hidden.out_features,
            (Axis("hidden.weight", 0), Axis("hidden.bias", 0), Axis("classes.weight", 1, incoming=False)),
            spreads=("classes.weight", "classes.bias"),
            output="hidden",
        )
        return trunk, skip, *(self._gated(name) for name in names), hidden

    def _gated(self, name: str) -> UnitGroup:
        return UnitGroup(
            f"{name} gated",
            cast("Gate", self.get_submodule(name)).trunk.in_features,
            (
                *(
                    Axis(f"{name}.{part}", 0, blocks=2)
                    for part in ("past.weight", "now.weight", "now.bias", "given.weight")
                ),
                *(Axis(f"{name}.{reader}.weight", 1, incoming=False) for reader in ("trunk", "skip")),
            ),
            spreads=tuple(f"{name}.{reader}.{kind}" for reader in ("trunk", "skip") for kind in ("weight", "bias")),
            output=f"{name}.gated",
        )

    def logits(self, before: Tensor, given: Tensor) -> Tensor:
        """Class of each previous sample (B, T), conditions (B, T, 2) → logits of each sample (B, T, 256)."""
        now, total = self.embedding(before), torch.zeros(())
        for layer in self._gates():
            past = nn.functional.pad(now, (0, 0, layer.dilation, 0))[:, : now.shape[1]]
            now, skip = layer(now, past, given)
            total = total + skip
        return self._classes(total)

    def step(self, before: Tensor, given: Tensor, queues: list[Tensor], at: int) -> Tensor:
        """The same for one sample, (B,), (B, 2) → (B, 256); ``queues`` of the layers' past are moved on in place."""
        now, total = self.embedding(before), torch.zeros(())
        for layer, queue in zip(self._gates(), queues, strict=True):
            place = at % layer.dilation
            past = queue[:, place].clone()
            queue[:, place] = now
            now, skip = layer(now, past, given)
            total = total + skip
        return self._classes(total)

    def queues(self, count: int) -> list[Tensor]:
        """What layers remember before the first sample."""
        return [torch.zeros(count, layer.dilation, self.embedding.embedding_dim) for layer in self._gates()]

    def render(self, given: Excerpts) -> Tensor:
        """See Published: draw sample by sample."""
        rng, conditions = torch.Generator().manual_seed(0), conditions_of(given)
        queues, before, drawn = self.queues(len(conditions)), torch.full((len(conditions),), MIDDLE), []
        with torch.no_grad():
            for at in range(conditions.shape[1]):
                chances = self.step(before, conditions[:, at], queues, at).softmax(dim=-1)
                before = torch.multinomial(chances, 1, generator=rng)[:, 0]
                drawn.append(before)
        return expanded(torch.stack(drawn, dim=1))

    def loss(self, given: Excerpts) -> Tensor:
        """See Published: cross-entropy, in bits a sample."""
        wanted = compressed(given.audio)
        before = nn.functional.pad(wanted, (1, 0), value=MIDDLE)[:, :-1]
        logits = self.logits(before, conditions_of(given)).transpose(1, 2)
        return nn.functional.cross_entropy(logits, wanted, reduction="none").mean(dim=1) / math.log(2)

    def uses_per_s(self) -> dict[str, float]:
        """See Published: every product once a sample; a look-up multiplies nothing."""
        return {name: RATE_HZ for name, _ in self.named_parameters() if name != "embedding.weight"}

    def _gates(self) -> Iterator[Gate]:
        return (cast("Gate", layer) for layer in self.layers)

    def _classes(self, skips: Tensor) -> Tensor:
        said: Tensor = self.classes(torch.relu(self.hidden(torch.relu(skips))))
        return said


def conditions_of(given: Excerpts) -> Tensor:
    """Note and level at every sample. Shape (B, T, 2)."""
    both = torch.stack([(given.note - 60) / 16, (given.level_db + 30) / 16], dim=-1)
    return both.repeat_interleave(BLOCK_SAMPLES, dim=1)


def compressed(audio: Tensor) -> Tensor:
    """μ-law: sound ±1.0 → classes 0 … 255. Source: ITU-T G.711."""
    small = audio.clamp(-1, 1)
    curved = torch.sign(small) * torch.log1p((CLASSES - 1) * small.abs()) / math.log(CLASSES)
    return ((curved + 1) / 2 * (CLASSES - 1) + 0.5).long()


def expanded(classes: Tensor) -> Tensor:
    """The reverse, as near as 256 steps come."""
    curved = 2 * classes.float() / (CLASSES - 1) - 1
    return torch.sign(curved) * (torch.exp(curved.abs() * math.log(CLASSES)) - 1) / (CLASSES - 1)
