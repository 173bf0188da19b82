"""What a network must provide for export: its graphs by role, each as a module with declared ports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tombola_device.contract.graph import Graph
from torch import Tensor, nn

from tombola_host.generators.base import Conditions


class Offline(Protocol):
    """Renders many blocks at once, as the network does in training.

    >>> def silence(given: Conditions) -> Tensor:
    ...     return torch.zeros(len(given.controls), 128 * given.controls.shape[1])
    >>> offline: Offline = silence
    >>> offline(Conditions(torch.zeros(2, 3, 8))).shape
    torch.Size([2, 384])
    """

    def __call__(self, given: Conditions) -> Tensor:
        """Render F blocks, → audio (V, F * T)."""


@dataclass(frozen=True, slots=True)
class ExportedGraph:
    """One module that becomes an ONNX graph.

    Args:
        module: Its inputs are one tensor for each input port, in the order of ``graph.ports``, then each state tensor.
            Its outputs are one tensor for each output port, then the next state. The first axis of each is V voices.
            The module must not read V: its value during tracing would be baked into the graph.
        graph: The description for the manifest: ports, rate, length of a block, delay.
        state_shapes: Name and shape, without the voices' axis, of each tensor carried from block to block.
        offline: Another way to render the same sound, ``graph.delay_samples`` earlier; export compares both.
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
