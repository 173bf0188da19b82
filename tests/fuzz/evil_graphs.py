"""Graphs that play well and go wrong at one place: a tone with a counter of periods and with nodes of your own.

>>> twisted(bundle, "c = Constant<value = float[1] {120.0}>()", "d = Sub(c, note)", "extra = Log(d)")
"""

from __future__ import annotations

import dataclasses

import msgspec
import onnx
import onnx.helper
import onnx.parser
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.graph import STATE_BEFORE

COUNTER = "state_count"


def twisted(bundle: Bundle, *nodes: str, joined: str = "Add") -> Bundle:
    """A tone with more nodes, which may read what the tone has: ``note``, ``level_db``, ``blend``, ``controls``.

    ``count`` is how many periods the voice has run. If the nodes compute ``extra``, shape (V, 1) or (V, 128), the sound
    is joined with it.
    """
    model = onnx.load_from_string(bundle.graphs["frame"])
    for values, name in ((model.graph.input, COUNTER), (model.graph.output, f"{COUNTER}_out")):
        values.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["voices", 1]))
    added = [
        "one_period = Constant<value = float[1] {1.0}>()",
        f"{COUNTER}_out = Add({COUNTER}, one_period)",
        f"count = Identity({COUNTER}_out)",
        *nodes,
    ]
    if any(line.startswith("extra ") for line in nodes):
        next(node for node in model.graph.node if "audio" in node.output).output[0] = "tone"
        added.append(f"audio = {joined}(tone, extra)")
    model.graph.node.extend(onnx.parser.parse_node(line) for line in added)
    frame = bundle.manifest.graphs["frame"]
    ports = [
        msgspec.structs.replace(port, shape=[port.size + 1]) if port.kind == STATE_BEFORE else port
        for port in frame.ports
    ]
    graph = msgspec.structs.replace(frame, ports=ports)
    manifest = msgspec.structs.replace(bundle.manifest, graphs={"frame": graph})
    return dataclasses.replace(bundle, manifest=manifest, graphs={"frame": model.SerializeToString()})


def when(condition: str, value: str, *, number: str = "0.0") -> list[str]:
    """Nodes that add a value to the sound where a condition holds: ``when("Greater(note, limit)", "nan", number="9")``.

    ``limit`` is the number.
    """
    return [
        f"limit = Constant<value = float[1] {{{number}}}>()",
        f"wrong = Constant<value = float[1] {{{value}}}>()",
        "nothing = Constant<value = float[1] {0.0}>()",
        f"now = {condition}",
        "extra = Where(now, wrong, nothing)",
    ]
