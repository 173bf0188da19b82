"""The family ``voice`` as what can be exported."""

from __future__ import annotations

import math

import msgspec
from tombola_device.contract.graph import FRAME, Port, block_graph
from torch import Tensor, nn

from tombola_host.generators.exportable import ExportedGraph
from tombola_host.generators.voice.network import Voice


class VoiceExport:
    """One graph that runs each period; phase, level and noise are given, as the device keeps them. An ``Exportable``.

    >>> bundle = export_bundle(VoiceExport(network), "duo", "voice", modes, {"seed": 0}, "CC0")
    >>> bundle.manifest.graphs["frame"].motion
    True

    Args:
        network: What is exported.
    """

    def __init__(self, network: Voice) -> None:
        self._network = network

    def graphs(self) -> dict[str, ExportedGraph]:
        """As ``Exportable.graphs``."""
        network = self._network
        size = sum(math.prod(shape) for shape in network.state_shapes.values())
        graph = block_graph(network.modes, size, network.noise_bands, overlap=True, motion=True)
        # With an axis more, noise is multiplied by gains without a node that turns either first.
        ports = [Port(port.name, port.kind, [1, *port.shape]) if port.kind == "noise" else port for port in graph.ports]
        graph = msgspec.structs.replace(graph, ports=ports, delay_samples=network.delay_samples)
        return {FRAME: ExportedGraph(_Frame(network), graph, network.state_shapes, self._offline)}

    def _offline(self, controls: Tensor, noise: Tensor | None) -> Tensor:
        assert noise is not None
        return self._network.render(controls, noise)[0]


class _Frame(nn.Module):
    """``Voice.frame`` as a module, which is what the exporter takes.

    In which order the file has the weights depends on their names, and so on that of the attribute.
    """

    def __init__(self, network: Voice) -> None:
        super().__init__()
        self.generator = network

    def forward(
        self, controls: Tensor, motion: Tensor, level: Tensor, noise: Tensor, *state: Tensor
    ) -> tuple[Tensor, ...]:
        audio, overlap, after = self.generator.frame(controls, motion, level, noise, state)
        return audio, overlap, *after
