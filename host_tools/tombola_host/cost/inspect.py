"""What is in a bundle: its manifest, and what can be read off its graph without running it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from tombola_device.contract.bundle import bundle_sha256, decode_bundle
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.graph import TIMBRE, Graph
from tombola_device.contract.manifest import Manifest


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """An ONNX graph in figures.

    Args:
        opset: Version of the operators.
        nodes: How many run every period; constants are not counted.
        operators: How often each kind of node occurs, the most frequent first.
        weights: Stored numbers, constants included.
        inputs: Shape of each, a name for a free axis; ``outputs`` likewise.
    """

    opset: int
    nodes: int
    operators: dict[str, int]
    weights: int
    inputs: dict[str, list[int | str]]
    outputs: dict[str, list[int | str]]


@dataclass(frozen=True, slots=True)
class Inspection:
    """A bundle, described.

    Args:
        file: Where it lies.
        bytes: Of the file.
        sha256: By which host and device know it.
        manifest: What it says of itself.
        graphs: What each of its graphs is.
    """

    file: str
    bytes: int
    sha256: str
    manifest: Manifest
    graphs: dict[str, GraphFacts]


def inspect_bundle(path: Path) -> Inspection:
    """Read and describe a bundle.

    Raises:
        BadBundle: It cannot be read, is damaged, or its graph is no ONNX.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadBundle(f"the bundle {path} cannot be read ({error.strerror}); check the path") from error
    bundle = decode_bundle(data)
    graphs = {role: graph_facts(graph) for role, graph in bundle.graphs.items()}
    return Inspection(str(path), len(data), bundle_sha256(data), bundle.manifest, graphs)


def graph_facts(graph: bytes) -> GraphFacts:
    """Count what a serialised ONNX graph holds.

    Raises:
        BadBundle: It is no ONNX.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_from_string(graph)
    except DecodeError as error:
        raise BadBundle(f"the bundle's graph is no ONNX ({error}); export the bundle again") from error
    kinds = Counter(node.op_type for node in model.graph.node)
    constants = [item.t for node in model.graph.node if node.op_type == "Constant" for item in node.attribute]
    tensors = [*model.graph.initializer, *constants]
    kinds.pop("Constant", None)
    return GraphFacts(
        opset=max((item.version for item in model.opset_import if not item.domain), default=0),
        nodes=kinds.total(),
        operators=dict(kinds.most_common()),
        weights=sum(_size(list(tensor.dims)) for tensor in tensors),
        inputs={value.name: _shape(value) for value in model.graph.input},
        outputs={value.name: _shape(value) for value in model.graph.output},
    )


def as_json(inspection: Inspection) -> str:
    """One JSON object with the fields of ``Inspection``, indented."""
    return msgspec.json.format(msgspec.json.encode(inspection), indent=2).decode()


def as_table(inspection: Inspection) -> Group:
    """The same for a terminal, to be printed by rich."""
    manifest = inspection.manifest
    facts = Table(title=escape(manifest.name), title_justify="left", show_header=False)
    rows = {
        "file": f"{inspection.file}, {inspection.bytes} bytes",
        "SHA-256": inspection.sha256,
        "generator": manifest.generator,
        "sound": f"{manifest.sample_rate_hz} Hz, periods of {manifest.period_samples}, delay {manifest.delay_samples}",
        "cost": f"{manifest.cost.parameters} parameters, {manifest.cost.nodes} nodes, {manifest.cost.onnx_bytes} bytes",
        **{f"graph {role}": _graph_text(manifest.graphs[role], graph) for role, graph in inspection.graphs.items()},
        "licence": manifest.licence or "not stated",
        **{f"provenance: {key}": str(value) for key, value in sorted(manifest.provenance.items())},
    }
    for name, text in rows.items():
        facts.add_row(name, escape(text))
    modes = Table("mode", "notes", "decay dB/s", "release dB/s", "timbre X", "timbre Y", "licence")
    for mode in manifest.modes:
        modes.add_row(
            f"[{mode.color}]■[/] {escape(mode.name)}",
            f"{mode.note_range[0]:.0f} … {mode.note_range[1]:.0f}",
            f"{mode.envelope.decay_db_per_s:.1f}" if mode.envelope else "",
            f"{mode.envelope.release_db_per_s:.0f}" if mode.envelope and mode.gate == "held" else "",
            *(" / ".join(f"{value:.2f}" for value in mode.controls.get(axis, ())) for axis in TIMBRE),
            escape(mode.licence),
        )
    return Group(facts, modes)


def _graph_text(graph: Graph, facts: GraphFacts) -> str:
    operators = ", ".join(f"{count} {kind}" for kind, count in facts.operators.items())
    tensors = ", ".join(f"{name} {shape}" for name, shape in (*facts.inputs.items(), *facts.outputs.items()))
    return (
        f"{graph.block_samples} samples once a {graph.rate}; opset {facts.opset}, {facts.nodes} nodes: {operators}; "
        f"tensors {tensors}"
    )


def _size(dims: list[int]) -> int:
    count = 1
    for dim in dims:
        count *= dim
    return count


def _shape(value: object) -> list[int | str]:
    dims = value.type.tensor_type.shape.dim  # type: ignore[attr-defined]  # a ValueInfoProto
    return [dim.dim_param or int(dim.dim_value) for dim in dims]
