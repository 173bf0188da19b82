"""Exports the family ``voice``."""

from __future__ import annotations

import math

import msgspec
from tombola_device.contract.graph import FRAME, Port, block_graph
from torch import Tensor, nn

from tombola_host.generators.base import Conditions
from tombola_host.generators.exportable import ExportedGraph
from tombola_host.generators.voice.network import Voice


class VoiceExport:
    """One graph that runs in each period. The device gives phase, level and noise. An ``Exportable``.

    >>> bundle = export_bundle(VoiceExport(network), "duo", "voice", modes, {"seed": 0}, "CC0")
    >>> bundle.manifest.graphs["frame"].motion
    True

    Args:
        network: The network to export.
    """

    def __init__(self, network: Voice) -> None:
        self._network = network

    def graphs(self) -> dict[str, ExportedGraph]:
        """As ``Exportable.graphs``."""
        network = self._network
        size = sum(math.prod(shape) for shape in network.state_shapes.values())
        directions = network.directions.shape[1]
        own = {"directions": directions, "strikes": len(network.strikes)}
        graph = block_graph(network.modes, size, network.noise_bands, overlap=True, motion=True, **own)
        # The extra axis lets the graph multiply noise by gains without a node that transposes either.
        ports = [Port(port.name, port.kind, [1, *port.shape]) if port.kind == "noise" else port for port in graph.ports]
        graph = msgspec.structs.replace(graph, ports=ports, delay_samples=network.delay_samples)
        return {FRAME: ExportedGraph(_Frame(network), graph, network.state_shapes, self._offline)}

    def _offline(self, given: Conditions) -> Tensor:
        assert given.noise is not None
        return self._network.render(given.controls, given.noise, given.shade)[0]


class _Frame(nn.Module):
    """``Voice.frame`` as a module, because the exporter reads modules.

    The order of the weights in the file depends on their names, so it depends on the name of this module's attribute.
    """

    def __init__(self, network: Voice) -> None:
        super().__init__()
        self.generator = network

    def forward(
        self, controls: Tensor, motion: Tensor, level: Tensor, noise: Tensor, shade: Tensor, *state: Tensor
    ) -> tuple[Tensor, ...]:
        audio, overlap, after = self.generator.frame(controls, motion, level, noise, shade, state)
        return audio, overlap, *after
