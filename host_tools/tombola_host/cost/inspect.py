"""The contents of a bundle: its manifest, and facts about its graphs that need no run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from tombola_device.contract.bundle import bundle_sha256, decode_bundle
from tombola_device.contract.controls import FRAME_RATE_HZ
from tombola_device.contract.envelope_keys import key_at
from tombola_device.contract.errors import BadBundle
from tombola_device.contract.graph import TIMBRE, Graph
from tombola_device.contract.life import Life
from tombola_device.contract.manifest import Envelope, Manifest, Mode
from tombola_device.contract.words import Word
from tombola_device.engine.envelope import table_time_s
from tombola_device.engine.gliding import position_of

from tombola_host.corpus.course import RISE_WITHIN_S, risen_s

MOST_PER_BYTE: Final = 2
"""ONNX's smallest numbers have four bits."""


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """Facts about an ONNX graph.

    Args:
        opset: Version of the operators.
        nodes: Number of nodes that run in every period; constants are not counted.
        operators: Number of nodes of each kind, the most frequent first.
        weights: Number of stored values, constants included.
        inputs: Shape of each input; a free axis has a name in place of a length.
        outputs: Shape of each output.
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
        file: Path of the bundle.
        bytes: Size of the file.
        sha256: Hash of the file; host and device identify the bundle by it.
        manifest: The bundle's manifest.
        graphs: Facts about each graph, by role.
    """

    file: str
    bytes: int
    sha256: str
    manifest: Manifest
    graphs: dict[str, GraphFacts]


def inspect_bundle(path: Path) -> Inspection:
    """Read and describe a bundle.

    Raises:
        BadBundle: The file cannot be read or is damaged, or a graph is not ONNX.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadBundle(f"the bundle {path} cannot be read ({error.strerror}); check the path") from error
    bundle = decode_bundle(data)
    graphs = {role: graph_facts(graph) for role, graph in bundle.graphs.items()}
    return Inspection(str(path), len(data), bundle_sha256(data), bundle.manifest, graphs)


def graph_facts(graph: bytes) -> GraphFacts:
    """Count the contents of a serialised ONNX graph.

    Raises:
        BadBundle: The graph is not ONNX, or declares weights that it does not hold.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_from_string(graph)
    except DecodeError as error:
        raise BadBundle(f"the bundle's graph is not ONNX ({error}); export the bundle again") from error
    kinds = Counter(node.op_type for node in model.graph.node)
    constants = [item.t for node in model.graph.node if node.op_type == "Constant" for item in node.attribute]
    tensors = [*model.graph.initializer, *constants]
    weights = sum(_size(list(tensor.dims)) for tensor in tensors)
    if weights > MOST_PER_BYTE * len(graph):
        raise BadBundle(
            f"the bundle's graph declares more weights than its {len(graph)} bytes can hold; export the bundle again"
        )
    kinds.pop("Constant", None)
    return GraphFacts(
        opset=max((item.version for item in model.opset_import if not item.domain), default=0),
        nodes=kinds.total(),
        operators=dict(kinds.most_common()),
        weights=weights,
        inputs={value.name: _shape(value) for value in model.graph.input},
        outputs={value.name: _shape(value) for value in model.graph.output},
    )


def as_json(inspection: Inspection) -> str:
    """One JSON object with the fields of ``Inspection``, indented."""
    return msgspec.json.format(msgspec.json.encode(inspection), indent=2).decode()


def as_table(inspection: Inspection, *, everything: bool = False) -> Group:
    """The description as a table for a terminal, printed by rich: notes and instruments, or everything."""
    from tombola_host.corpus.pitch import note_name

    manifest = inspection.manifest
    facts = Table(show_header=False)
    rows = {"file": f"{inspection.file}, {inspection.bytes / 1000:.0f} kB"}
    if (a72 := manifest.cost.arm64_instructions_per_period) is not None:
        rows["Raspberry Pi 4"] = f"{a72:,} instructions a period for one note".replace(",", " ")
    if manifest.blend:
        parts = zip(manifest.modes, manifest.blend, strict=True)
        rows["begins with"] = ", ".join(f"{mode.name} {100 * share:.0f} %" for mode, share in parts if share)
    if manifest.words:
        rows["knobs"] = ", ".join(word.name for word in manifest.words)
    rows["delay"] = f"{1000 * manifest.delay_samples / manifest.sample_rate_hz:.1f} ms"
    rows["licence"] = manifest.licence or "not stated"
    for name, text in (rows | _graph_rows(inspection) if everything else rows).items():
        facts.add_row(name, escape(text))
    modes = Table(
        "mode", "notes", "rises in", "a held note", "after the key", title=escape(manifest.name), title_justify="left"
    )
    for column in ("timbre X", "timbre Y") if everything else ():
        modes.add_column(column)
    for mode in manifest.modes:
        low, high = mode.note_range
        modes.add_row(
            f"[{mode.color}]■[/] {escape(mode.name)}",
            f"{note_name(low)} … {note_name(high)}",
            *_envelope_words(mode),
            *(" / ".join(f"{value:.2f}" for value in mode.controls.get(axis, ())) for axis in TIMBRE if everything),
        )
    hint = () if everything else (Text("--all shows the graphs, their operators, the hashes and where it comes from."),)
    return Group(modes, facts, *hint)


def _envelope_words(mode: Mode) -> tuple[str, str, str]:
    """How a note rises, what it does while its key is held, and after; from the mode's lowest note to its highest."""
    envelope = mode.envelope
    if mode.gate == "one_shot" or envelope is None:
        return "at once", "sounds to its end", "the same"
    falls = [envelope.release_db_per_s * 2 ** key_at(envelope.keys, note).release for note in mode.note_range]
    return (
        _range([_rise_s(envelope, note) for note in mode.note_range]),
        _held(envelope.decay_db_per_s),
        f"{_range([-60.0 / fall for fall in falls])} to silence",
    )


def _rise_s(envelope: Envelope, note: float) -> float:
    """Time until a note has 90 % of its full amplitude."""
    read_s = table_time_s(envelope, note, np.arange(0.0, RISE_WITHIN_S, 1 / FRAME_RATE_HZ))
    return risen_s(np.interp(read_s, envelope.time_s, envelope.level_db), sustained=envelope.decay_db_per_s == 0)


def _range(ends_s: Sequence[float]) -> str:
    first, last = (_seconds(end_s) for end_s in ends_s)
    return first if first == last else f"{first} … {last}"


def _graph_rows(inspection: Inspection) -> dict[str, str]:
    manifest = inspection.manifest
    return {
        "SHA-256": inspection.sha256,
        "generator": manifest.generator,
        "sound": f"{manifest.sample_rate_hz} Hz, periods of {manifest.period_samples}, delay {manifest.delay_samples}",
        "cost": f"{manifest.cost.parameters} parameters, {manifest.cost.nodes} nodes, {manifest.cost.onnx_bytes} bytes",
        **{f"graph {role}": _graph_text(manifest.graphs[role], graph) for role, graph in inspection.graphs.items()},
        **{f"knob {word.name}": _way_text(word, manifest.modes) for word in manifest.words},
        **{f"keys of {mode.name}": text for mode in manifest.modes if (text := _keys_text(mode))},
        **{f"life of {mode.name}": _life_text(mode.life) for mode in manifest.modes if mode.life},
        **{f"recordings of {mode.name}": text for mode in manifest.modes if (text := _recordings_text(mode))},
        **{f"provenance: {key}": str(value) for key, value in sorted(manifest.provenance.items())},
    }


def _way_text(word: Word, modes: Sequence[Mode]) -> str:
    """The stops of a word's knob."""
    stops = []
    for stop in word.path:
        parts = zip(modes, stop.blend, strict=True)
        blend = " + ".join(f"{mode.name} {100 * share / sum(stop.blend):.0f} %" for mode, share in parts if share)
        stops.append(f"{blend}, X {stop.timbre_x:.2f}, Y {stop.timbre_y:.2f}, life {100 * stop.life:.0f} %")
    return "; ".join(stops)


def _keys_text(mode: Mode) -> str:
    """How notes differ from its envelope; empty: they do not."""
    return ", ".join(
        f"note {key.note:g}: attack × {2**key.attack:.2f}, speed × {2**key.speed:.2f}, release × {2**key.release:.2f}"
        for key in (mode.envelope.keys if mode.envelope is not None else ())
    )


def _life_text(life: Life) -> str:
    """From how many recordings its notes move as they do, and its attacks."""
    attacks, recordings = life.attacks, len(life.courses)
    if attacks is not None and attacks.courses:
        motion = f"follows {len(attacks.notes)} recordings, noise"
    else:
        motion = f"the courses of {recordings} recordings, noise" if recordings else "noise"
    begun = f", {len(attacks.notes)} attacks" if attacks is not None else ""
    return f"{motion} of {len(life.takes)} spectra{begun}"


def _recordings_text(mode: Mode) -> str:
    """Where its recordings lie on the timbre pad; empty: the bundle does not say."""
    ranges = [mode.controls.get(axis, (0.0, 0.0, 0.0)) for axis in TIMBRE]
    places = [
        [position_of(ranges[axis], at) for axis, at in enumerate((r.timbre_x, r.timbre_y))] for r in mode.recordings
    ]
    return ", ".join(f"{each.name} at {x:.2f} / {y:.2f}" for each, (x, y) in zip(mode.recordings, places, strict=True))


def _held(decay_db_per_s: float) -> str:
    """How a note changes while its key is held; at -60 dB it counts as silent."""
    return "sounds on" if decay_db_per_s > -3.0 else f"rings for {_seconds(-60.0 / decay_db_per_s)}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s" if seconds >= 0.1 else f"{1000 * seconds:.0f} ms"


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
