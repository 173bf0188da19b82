"""Example inputs for a graph, made from its ports: like those that a player and the engine would send."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from tombola_device.contract.controls import PERIOD_SAMPLES, SCALAR_COLUMNS
from tombola_device.contract.graph import SHADE_DB, SHADES, Graph, dynamics_of
from tombola_device.engine.motion import Motion
from tombola_device.engine.noise import overlapping
from torch import Tensor

from tombola_host.generators.base import Conditions

_SPANS = {
    "note": (36.0, 72.0),
    "loudness_db": (-36.0, -12.0),
    "velocity": (0.0, 1.0),
    "onset_fast": (0.0, 1.0),
    "onset_slow": (0.0, 1.0),
    "timbre_x": (-1.0, 1.0),
    "timbre_y": (-1.0, 1.0),
}


@dataclass(slots=True)
class Example:
    """F blocks of V voices.

    Args:
        graph: The graph that reads these inputs.
        controls: Shape (V, F, C + M).
        noise: Shape (V, F, B, T); None if the graph has no noise input.
        shade: Shape (V, F, M * K + S); None if the graph has no such input.
    """

    graph: Graph
    controls: Tensor
    noise: Tensor | None
    shade: Tensor | None = None
    _motion: Motion = field(init=False)

    def __post_init__(self) -> None:
        self._motion = Motion(len(self.controls))

    @property
    def conditions(self) -> Conditions:
        """The same for a network."""
        return Conditions(self.controls, self.noise, self.shade)

    def first(self, voices: int) -> Example:
        """The first voices alone."""
        rows = [None if part is None else part[:voices] for part in (self.noise, self.shade)]
        return Example(self.graph, self.controls[:voices], *rows)

    def inputs(self, frame: int) -> dict[str, Tensor]:
        """Inputs of one block, by kind of port, in the order of the ports; call it for the blocks in their order."""
        now = self.controls[:, frame]
        found = {"controls": now}
        if self.graph.motion:
            note, level = (now[:, SCALAR_COLUMNS.index(name)] for name in ("note", "loudness_db"))
            if self.shade is not None:
                level = level + SHADE_DB * dynamics_of(self.shade[:, frame], self.graph.modes).sum(-1)
            self._motion.step(note.tolist(), level.tolist(), len(now))
            found["motion"] = torch.from_numpy(self._motion.places.copy())
            found["level"] = torch.from_numpy(self._motion.amplitude.copy())
        if self.noise is not None:
            found["noise"] = self.noise[:, frame]
            if self.graph.overlap:  # The first block follows the last.
                following = self.noise[:, (frame + 1) % self.noise.shape[1]]
                found["noise"] = torch.from_numpy(overlapping(found["noise"].numpy(), following.numpy()))
        if self.shade is not None:
            found["shade"] = self.shade[:, frame]
        return {port.kind: found[port.kind].reshape(-1, *port.shape) for port in self.graph.ports if port.kind in found}


def example(graph: Graph, voices: int, frames: int, seed: int = 0) -> Example:
    """Controls that move like a player's: a glide, a swell, a blend."""
    rng = torch.Generator().manual_seed(seed)
    modes = next(port.size for port in graph.ports if port.kind == "controls") - len(graph.columns)
    across = torch.linspace(0, 1, frames)[None, :, None]
    low, high = torch.rand((2, voices, 1, len(graph.columns)), generator=rng)
    spans = torch.tensor([_SPANS[column] for column in graph.columns]).reshape(-1, 2)
    columns = spans[:, 0] + (spans[:, 1] - spans[:, 0]) * (low + (high - low) * across)
    ends = torch.softmax(3 * torch.randn((2, voices, 1, modes), generator=rng), dim=-1)
    blend = ends[0] + (ends[1] - ends[0]) * across
    bands = graph.noise_bands
    noise = torch.randn((voices, frames, bands, PERIOD_SAMPLES), generator=rng) if bands else None
    shade = None
    if graph.directions:
        ends = 0.5 * torch.randn((2, voices, 1, 1, graph.directions), generator=rng)
        own = blend[..., None] * (ends[0] + (ends[1] - ends[0]) * across[..., None])
        shared = torch.randn((voices, frames, graph.strikes), generator=rng)
        parts = [own[..., : len(SHADES)].flatten(2), own[..., len(SHADES) :].flatten(2), shared]
        shade = torch.cat(parts, dim=-1)
    return Example(graph, torch.cat([columns, blend], dim=-1), noise, shade)
