"""What a family's network gives to be exported: its graphs by role, each as a module with declared ports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tombola_device.contract.graph import Graph
from torch import Tensor, nn


class Offline(Protocol):
    """Renders many blocks at once, as the network does when it learns."""

    def __call__(self, controls: Tensor, noise: Tensor | None) -> Tensor:
        """Play F blocks: (V, F, C), (V, F, B, T) or none → audio (V, F * T)."""


@dataclass(frozen=True, slots=True)
class ExportedGraph:
    """One module that becomes an ONNX graph.

    Args:
        module: Takes a tensor for each port that goes in, in the order of ``graph.ports``, then each tensor of state;
            gives one for each port that comes out, then the next state. Each has V voices, any number, in its first
            axis. It must not look at V: what it is when the module is traced would be baked in.
        graph: What the manifest will say of it: ports, rate, length of a block, delay.
        state_shapes: Name and shape, without the voices' axis, of each tensor that it carries from block to block.
        offline: The same sound by another way, ``graph.delay_samples`` earlier; compared with the graph, too.
    """

    module: nn.Module
    graph: Graph
    state_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    offline: Offline | None = None


class Exportable(Protocol):
    """A network that the device can play.

    A minimal one, a sine without state:

    >>> class Sine(nn.Module):
    ...     def forward(self, controls: Tensor, motion: Tensor, level: Tensor) -> Tensor:
    ...         time = torch.arange(1, 129)
    ...         turns = motion[:, :1] + motion[:, 1:2] * time + (motion[:, 2:] - motion[:, 1:2]) * time**2 / 256
    ...         return torch.sin(2 * math.pi * turns) * level
    >>> class Sines:
    ...     def graphs(self) -> dict[str, ExportedGraph]:
    ...         return {"frame": ExportedGraph(Sine(), block_graph(modes=1, motion=True))}
    >>> mode = Mode("sine", "#a03020", (36.0, 96.0), Envelope([0.0, 0.1], [-60.0, -20.0], 0.0, -200.0))
    >>> bundle = export_bundle(Sines(), "sine", "sines", [mode], {}, "CC0")
    >>> sorted(bundle.graphs)
    ['frame']
    """

    def graphs(self) -> Mapping[str, ExportedGraph]:
        """The graphs by role; each mode names the one that renders it."""
