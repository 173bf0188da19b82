"""The family ``voice`` as what can be exported."""

from __future__ import annotations

import math

import msgspec
from tombola_device.contract.controls import PERIOD_SAMPLES
from tombola_device.contract.graph import FRAME, Port, block_graph
from torch import Tensor, nn

from tombola_host.export.exportable import ExportedGraph
from tombola_host.generators.base import Generator


class VoiceExport:
    """One graph that runs each period; phase, level and noise are given, as the device keeps them. An ``Exportable``.

    >>> bundle = export_bundle(VoiceExport(network), "duo", "voice", modes, {"seed": 0}, "CC0")
    >>> bundle.manifest.graphs["frame"].motion
    True

    Args:
        network: What is exported.
    """

    def __init__(self, network: Generator) -> None:
        self._network = network

    def graphs(self) -> dict[str, ExportedGraph]:
        """As ``Exportable.graphs``."""
        network = self._network
        size = sum(math.prod(shape) for shape in network.state_shapes.values())
        graph = block_graph(network.modes, size, network.noise_bands, overlap=True, motion=True)
        # Matrices and images, which the graph's nodes take without being turned first.
        shapes = {"level": [1], "noise": [1, network.noise_bands, 2 * PERIOD_SAMPLES]}
        ports = [Port(port.name, port.kind, shapes.get(port.kind, port.shape)) for port in graph.ports]
        graph = msgspec.structs.replace(graph, ports=ports, delay_samples=network.delay_samples)
        return {FRAME: ExportedGraph(_Frame(network), graph, network.state_shapes, self._offline)}

    def _offline(self, controls: Tensor, noise: Tensor | None) -> Tensor:
        assert noise is not None
        return self._network.render(controls, noise)[0]


class _Frame(nn.Module):
    """``Generator.frame`` as a module, which is what the exporter takes."""

    def __init__(self, network: Generator) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, controls: Tensor, motion: Tensor, level: Tensor, noise: Tensor, *state: Tensor
    ) -> tuple[Tensor, ...]:
        audio, overlap, after = self.network.frame(controls, motion, level, noise, state)
        return audio, overlap, *after
