"""Exports the family ``hits``: one graph that runs at each onset."""

from __future__ import annotations

from tombola_device.contract.graph import ONSET, onset_graph
from torch import Tensor, nn

from tombola_host.generators.exportable import ExportedGraph
from tombola_host.generators.hits.network import HIT_SAMPLES, Hits

COLUMNS = ("note", "velocity")


class HitsExport:
    """An ``Exportable``.

    Args:
        network: The network to export.
    """

    def __init__(self, network: Hits) -> None:
        self._network = network

    def graphs(self) -> dict[str, ExportedGraph]:
        """See Exportable."""
        graph = onset_graph(self._network.modes, HIT_SAMPLES, COLUMNS)
        return {ONSET: ExportedGraph(_Hit(self._network), graph)}


class _Hit(nn.Module):
    """``Hits.hit`` as a module, because the exporter reads modules."""

    def __init__(self, network: Hits) -> None:
        super().__init__()
        self.generator = network

    def forward(self, controls: Tensor) -> Tensor:
        return self.generator.hit(controls)
