"""From a trained network to a bundle: small ONNX graphs, each checked against the module that it came from."""

from __future__ import annotations

import onnx
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import PERIOD_SAMPLES
from tombola_device.contract.manifest import Cost, Manifest, Mode, check_manifest

from tombola_host.export.graph import count_nodes, count_states, export_onnx
from tombola_host.export.parity import check_parity
from tombola_host.generators.exportable import Exportable

CHECKED_PERIODS = (PERIOD_SAMPLES, 2 * PERIOD_SAMPLES, 4 * PERIOD_SAMPLES)


def export_bundle(
    network: Exportable,
    name: str,
    family: str,
    modes: list[Mode],
    provenance: dict[str, str | int | float],
    licence: str,
) -> Bundle:
    """Export, check, and describe.

    Args:
        network: The network; it gives the graphs.
        name: The bundle's name.
        family: The family's name, for the manifest.
        modes: One per entry of the blend vector; each names the graph that renders it.
        provenance: Hashes and settings of the run.
        licence: Licence of the sounds.

    Raises:
        ExportError: A graph is too large, differs from its module, or does not play with any number of voices.
        BadBundle: Modes and graphs contradict each other.
    """
    exported = dict(network.graphs())
    graphs = {role: export_onnx(graph) for role, graph in exported.items()}
    parities = [check_parity(graph, graphs[role]) for role, graph in exported.items()]
    models = [onnx.load_from_string(graph) for graph in graphs.values()]
    weights = {id(weight): weight.numel() for graph in exported.values() for weight in graph.module.parameters()}
    cost = Cost(
        parameters=sum(weights.values()),
        onnx_bytes=sum(len(graph) for graph in graphs.values()),
        nodes=sum(count_nodes(model) for model in models),
        state_tensors=sum(count_states(model) for model in models),
    )
    manifest = Manifest(
        name=name,
        generator=family,
        modes=modes,
        graphs={role: graph.graph for role, graph in exported.items()},
        cost=cost,
        checked_periods=list(CHECKED_PERIODS),
        provenance={
            **provenance,
            "parity_onnx": max(parity.onnx for parity in parities),
            "parity_streamed": max(parity.streamed for parity in parities),
        },
        licence=licence,
    )
    check_manifest(manifest)
    return Bundle(manifest, graphs)
