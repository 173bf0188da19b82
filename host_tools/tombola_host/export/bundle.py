"""From a trained generator to a bundle: one small ONNX graph, checked against the network it came from."""

from __future__ import annotations

import math

import onnx
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.controls import PERIOD_SAMPLES, SCALAR_COLUMNS
from tombola_device.contract.manifest import Cost, Graph, Manifest, Mode

from tombola_host.export.graph import _Step, count_nodes, count_states, export_onnx
from tombola_host.export.parity import check_parity
from tombola_host.generators.voice.network import Voice as Generator

CHECKED_PERIODS = (PERIOD_SAMPLES, 2 * PERIOD_SAMPLES, 4 * PERIOD_SAMPLES)


def export_bundle(
    generator: Generator,
    name: str,
    family: str,
    modes: list[Mode],
    provenance: dict[str, str | int | float],
    licence: str,
) -> Bundle:
    """Export, check, and describe.

    Args:
        name: The bundle's name.
        family: The generator's name, for the manifest.
        modes: One per entry of the blend vector.
        provenance: Hashes and settings of the run.
        licence: Of the sounds.

    Raises:
        ExportError: The graph is too large or not what the network is.
    """
    graph = export_onnx(generator)
    parity = check_parity(generator, graph)
    model = onnx.load_from_string(graph)
    state_size = sum(math.prod(shape) for shape in generator.state_shapes.values())
    cost = Cost(
        parameters=sum(parameter.numel() for parameter in _Step(generator).parameters()),
        onnx_bytes=len(graph),
        nodes=count_nodes(model),
        state_tensors=count_states(model),
    )
    manifest = Manifest(
        name=name,
        generator=family,
        modes=modes,
        graph=Graph(state_size, generator.noise_bands, list(SCALAR_COLUMNS), overlap=True, motion=True),
        cost=cost,
        delay_samples=generator.delay_samples,
        checked_periods=list(CHECKED_PERIODS),
        provenance={**provenance, "parity_onnx": parity.onnx, "parity_streamed": parity.streamed},
        licence=licence,
    )
    return Bundle(manifest, graph)
