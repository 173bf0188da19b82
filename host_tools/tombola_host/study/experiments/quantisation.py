"""Does int8 pay? A bundle's graph quantised in several ways: error on held-out notes, instructions of a Raspberry Pi 4.

    python -m tombola_host.study.experiments.quantisation BUNDLE sax=FOLDER … --arm64 TREE

Static scales come from the notes that a build learns from, played through the float graph; errors from the others.
Training with quantised weights changes the error and not the graph, so it has the instructions of *static*.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime import InferenceSession, SessionOptions
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from tombola_device.contract.bundle import Bundle, decode_bundle, encode_bundle
from tombola_device.contract.controls import PERIOD_SAMPLES
from tombola_device.contract.errors import TombolaError
from tombola_device.contract.graph import STATE_AFTER, STATE_BEFORE, UNREAD

from tombola_host.corpus.folders import parse_folders
from tombola_host.corpus.material import Material, gather
from tombola_host.corpus.windows import one_hot
from tombola_host.cost.arm64.count import count
from tombola_host.evaluation.held_out import bundle_playback, mean_error, note_errors
from tombola_host.export.examples import Example
from tombola_host.export.graph import count_nodes
from tombola_host.progress import reporting
from tombola_host.terminal import Terminal

FRAMES = 60
"""Of each note, from its onset: attack and the beginning of what is held."""
NOTES = 4
"""Of each mode, evenly spread over its range."""
WAYS = {
    "float": ("", ()),
    "int8 dynamic, all products": ("dynamic", ()),
    "int8 dynamic, wavetable": ("dynamic", ("state_wave_out",)),
    "int8 static, all products": ("static", ("MatMul", "Gemm")),
    "int8 static, trunk and head": ("static", ("state_trunk", "generator.head.weight")),
    "int8 static, wavetable": ("static", ("state_wave_out",)),
}
"""Row → way, and kinds of nodes or names of what the chosen nodes read or write; empty: all that it can take."""
Feeds = dict[str, "np.ndarray[tuple[int, ...], np.dtype[np.float32]]"]


@dataclass(frozen=True, slots=True)
class Row:
    """One graph: its size, its nodes, and what it costs.

    Args:
        error: Mean over modes of the mean error of their held-out notes.
        first: Cortex-A72 instructions a period for one held voice; ``further``: for each further one.
    """

    name: str
    graph_bytes: int
    nodes: int
    error: float
    first: int
    further: int


class Played(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """What the float graph is given while it plays recorded notes, block after block."""

    def __init__(self, bundle: Bundle, materials: Sequence[Material]) -> None:
        self._feeds = self._played(bundle, materials)

    def get_next(self) -> Feeds | None:
        """See onnxruntime."""
        return next(self._feeds, None)

    def _played(self, bundle: Bundle, materials: Sequence[Material]) -> Iterator[Feeds]:
        ((role, data),) = bundle.graphs.items()
        graph, session = bundle.manifest.graphs[role], InferenceSession(data, _quiet())
        for mode, material in enumerate(materials):
            notes = sorted(material.training.notes, key=lambda note: float(note.scalars[0, 0]))
            for note in notes[:: max(len(notes) // NOTES, 1)]:
                scalars = note.scalars[:FRAMES]
                controls = torch.cat([scalars, one_hot(mode, len(materials)).expand(len(scalars), -1)], dim=1)[None]
                rng = torch.Generator().manual_seed(mode)
                noise = torch.randn((1, len(scalars), graph.noise_bands, PERIOD_SAMPLES), generator=rng)
                size = next(port.size for port in graph.ports if port.kind == "shade")
                example = Example(graph, controls, noise, torch.zeros(1, len(scalars), size))
                ports: dict[str, str] = {port.kind: port.name for port in graph.ports}
                state = {each.name: np.zeros((1, *each.shape[1:]), np.float32) for each in _states(session)}
                for frame in range(len(scalars)):
                    feeds = {ports[kind]: value.numpy() for kind, value in example.inputs(frame).items()} | state
                    if any(each.name == UNREAD for each in session.get_inputs()):
                        feeds[UNREAD] = np.zeros((1, 1), np.float32)
                    yield feeds
                    names = [name + STATE_AFTER for name in state]
                    state = dict(zip(state, session.run(names, feeds), strict=True))


def quantised(bundle: Bundle, materials: Sequence[Material], way: str, chosen: Sequence[str]) -> Bundle:
    """The bundle with products in int8; weights have a scale for each output."""
    ((role, data),) = bundle.graphs.items()
    if not way:
        return bundle
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        before.write_bytes(data)
        nodes = [node.name for node in onnx.load_from_string(data).graph.node if _is_chosen(node, chosen)]
        if way == "dynamic":
            quantize_dynamic(before, after, weight_type=QuantType.QInt8, nodes_to_quantize=nodes or None)
        else:
            quantize_static(
                before,
                after,
                Played(bundle, materials),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                weight_type=QuantType.QInt8,
                activation_type=QuantType.QUInt8,
                nodes_to_quantize=nodes,
            )
        return replace(bundle, graphs={role: after.read_bytes()})


def measured(name: str, bundle: Bundle, materials: Sequence[Material], root: Path) -> Row:
    """Error and cost of a bundle."""
    (graph,) = bundle.graphs.values()
    errors = [
        mean_error(note_errors(bundle_playback(bundle, mode), material.test.notes))
        for mode, material in enumerate(materials)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle.tombola"
        path.write_bytes(encode_bundle(bundle))
        costs = count(path, root, voices=(1, 2))
    nodes = count_nodes(onnx.load_from_string(graph))
    return Row(name, len(graph), nodes, float(np.mean(errors)), costs.first, costs.further)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("modes", nargs="+", metavar="NAME=FOLDER", help="in the bundle's order")
    parser.add_argument("--arm64", type=Path, required=True, help="an arm64 tree, see `tombola bench --arm64`")
    options = parser.parse_args(arguments)
    terminal = Terminal()
    try:
        bundle = decode_bundle(options.bundle.read_bytes())
        with reporting(Terminal(stderr=True)) as reporter:
            materials = gather(parse_folders(options.modes), reporter)
        for line in ("| graph | bytes | nodes | error | one held voice | each further |", "|---|---|---|---|---|---|"):
            terminal.print(line, soft_wrap=True)
        logging.getLogger().setLevel(logging.ERROR)  # onnxruntime's quantiser recommends what was done at export.
        for name, (way, chosen) in WAYS.items():
            row = measured(name, quantised(bundle, materials, way, chosen), materials, options.arm64)
            cells = (name, row.graph_bytes, row.nodes, f"{row.error:.3f}", row.first, row.further)
            terminal.print("| " + " | ".join(map(str, cells)) + " |", markup=False, soft_wrap=True)
    except (TombolaError, OSError) as error:
        Terminal(stderr=True).print(f"tombola: {error}", markup=False, soft_wrap=True)
        return 1
    return 0


def _is_chosen(node: onnx.NodeProto, chosen: Sequence[str]) -> bool:
    names = {node.op_type, *node.input, *node.output}
    return node.op_type in ("MatMul", "Gemm") and bool(names & set(chosen))


def _states(session: InferenceSession) -> list[onnx.ValueInfoProto]:
    return [each for each in session.get_inputs() if each.name.startswith(STATE_BEFORE)]


def _quiet() -> SessionOptions:
    options = SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return options


if __name__ == "__main__":
    sys.exit(main())
