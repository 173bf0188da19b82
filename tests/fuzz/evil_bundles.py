"""Bundles whose graph means harm, by a grammar: spellings, operators, shapes and values, over 300 kinds.

    spelling   a good graph that is written in another way (``spellings``)
    operator   an operator, domain or part that no bundle needs
    shape      a tensor that could grow, has a number of voices baked in, or has another rank or type
    value      what comes out (NaN, noise at full scale, nothing …) × when (a note, a level, the 5000th period …)
    large      what takes memory or time

Each kind is a name and a function that gives the file's bytes. ``evil_files`` has what can be wrong around the graph.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType

import numpy as np
import onnx
import onnx.defs
import onnx.helper
import onnx.numpy_helper
from tombola_device.contract.bundle import Bundle, encode_bundle
from tombola_device.contract.controls import MAX_VOICES
from tombola_device.engine.operators import OPERATORS, SIZED_BY

Kind = tuple[str, Callable[[], bytes]]


def kinds(good: Bundle, graphs: ModuleType, spellings: ModuleType) -> list[Kind]:
    """All kinds of evil graphs.

    Args:
        good: A bundle of tones.
        graphs: ``evil_graphs``.
        spellings: ``spellings``.
    """
    rules = (
        respelled(good, spellings),
        operators(good),
        parts(good),
        shapes(good, graphs),
        values(good, graphs),
        large(good, graphs),
    )
    return [kind for rule in rules for kind in rule]


def respelled(good: Bundle, spellings: ModuleType) -> Iterator[Kind]:
    """A good graph in other spellings, one of each kind."""
    found: dict[str, Callable[[], bytes]] = {}
    for name, written in spellings.spellings(good.graphs["frame"]):
        found.setdefault(name, written)
    for name, written in found.items():
        yield f"spelling: {name}", lambda w=written: with_graph(good, w())


def with_graph(good: Bundle, graph: bytes) -> bytes:
    """The bundle with another graph."""
    return encode_bundle(replace(good, graphs={"frame": graph}))


def edited(good: Bundle, edit: Callable[[onnx.ModelProto], object]) -> bytes:
    """The bundle with an edited graph."""
    model = onnx.load_from_string(good.graphs["frame"])
    edit(model)
    return with_graph(good, model.SerializeToString())


def operators(good: Bundle) -> Iterator[Kind]:
    """Every operator of ONNX that is not listed, and operators of others."""
    known = sorted({schema.name for schema in onnx.defs.get_all_schemas_with_history() if schema.domain == ""})
    for name in known:
        if name not in OPERATORS:
            node = onnx.helper.make_node(name, ["rest"], ["x"])
            yield f"operator: {name}", lambda n=node: edited(good, lambda m: m.graph.node.append(n))
    for domain in ("ai.onnx.ml", "com.microsoft", "ai.onnx.preview.training", "com.example", "\x1b[2J", "ai.onnx\0"):
        node = onnx.helper.make_node("Relu", ["rest"], ["x"], domain=domain)
        yield f"operator: of {domain!r}", lambda n=node: edited(good, lambda m: m.graph.node.append(n))
        entry = onnx.helper.make_opsetid(domain, 1)
        yield f"operator: a set of {domain!r}", lambda e=entry: edited(good, lambda m: m.opset_import.append(e))


def parts(good: Bundle) -> Iterator[Kind]:
    """Parts that no bundle needs."""
    inner = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["a"], ["b"])], "inner", [], [])
    for name in ("If", "Loop", "Scan", "Relu"):
        node = onnx.helper.make_node(name, ["rest"], ["x"], body=inner)
        yield f"operator: {name} with a graph within", lambda n=node: edited(good, lambda m: m.graph.node.append(n))

    def outside(tensor: onnx.TensorProto, location: str) -> None:
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)

    for location in ("weights.bin", "/etc/passwd", "../../state/owners.json", "*/_ORT_MEM_ADDR_/*"):
        yield (
            f"part: weights in {location}",
            lambda at=location: edited(good, lambda m: outside(m.graph.initializer[0], at)),
        )
        node = onnx.helper.make_node("Constant", [], ["x"], value=onnx.numpy_helper.from_array(np.ones(4, np.float32)))
        outside(node.attribute[0].t, location)
        yield f"part: a constant in {location}", lambda n=node: edited(good, lambda m: m.graph.node.append(n))
    function = onnx.helper.make_function(
        "", "twice", ["a"], ["b"], [onnx.helper.make_node("Relu", ["a"], ["b"])], [onnx.helper.make_opsetid("", 18)]
    )
    yield "part: a function", lambda: edited(good, lambda m: m.functions.append(function))
    yield "part: a training step", lambda: edited(good, lambda m: m.training_info.append(onnx.TrainingInfoProto()))
    sparse = onnx.SparseTensorProto(values=onnx.numpy_helper.from_array(np.ones(1, np.float32), "s"), dims=[1 << 40])
    yield "part: a sparse tensor of 4 TiB", lambda: edited(good, lambda m: m.graph.sparse_initializer.append(sparse))
    yield "part: onnxruntime's own format", lambda: with_graph(good, b"\x12\x84\x80\x00ORTM" + good.graphs["frame"])
    yield "part: no graph", lambda: edited(good, lambda m: m.ClearField("graph"))


def shapes(good: Bundle, graphs: ModuleType) -> Iterator[Kind]:
    """Tensors that could grow, or that are not what they should be."""
    sources = {"the counter": "count", "the note": "note", "the state": "held"}
    for operator, places in sorted(SIZED_BY.items()):
        for source, tensor in sources.items():
            inputs = ["time", "i0", "i0", "i0", "i0"][: places[0]] + ["size"] * (len(places))
            lines = (f"size = Cast<to = 7>({tensor})", f"grown = {operator}({', '.join(inputs)})")
            yield f"shape: {operator} by {source}", lambda line=lines: encode_bundle(graphs.twisted(good, *line))
    for voices in range(1, MAX_VOICES + 1):
        lines = ("shape = Shape(controls)", "number = Slice(shape, i0, i1)",
                 f"bad = Constant<value = int64[1] {{{voices}}}>()", "far = Constant<value = int64[1] {999}>()",
                 "now = Equal(number, bad)", "index = Where(now, far, i0)", "found = Gather(time, index)",
                 "extra = Mul(found, zero)")  # fmt: skip
        yield f"shape: fails with {voices} voices", lambda line=lines: encode_bundle(graphs.twisted(good, *line))
    for kind in (onnx.TensorProto.DOUBLE, onnx.TensorProto.INT8, onnx.TensorProto.STRING, 99):

        def another(model: onnx.ModelProto, kind: int = kind) -> None:
            model.graph.input[0].type.tensor_type.elem_type = kind

        yield f"shape: controls of type {kind}", lambda edit=another: edited(good, edit)
    yield "shape: no controls", lambda: edited(good, lambda m: m.graph.input.pop(0))
    yield "shape: no sound", lambda: edited(good, lambda m: m.graph.output.pop(0))
    yield "shape: no state", lambda: edited(good, lambda m: m.graph.output.pop())
    yield "shape: two graphs of one name", lambda: edited(good, lambda m: m.graph.input.append(m.graph.input[0]))
    for size in (0, -1, 1 << 62):
        node = onnx.helper.make_tensor_value_info("state_more", onnx.TensorProto.FLOAT, ["voices", size])
        yield f"shape: a state of {size}", lambda n=node: edited(good, lambda m: m.graph.input.append(n))


WHAT = {
    "NaN": "nan", "infinity": "inf", "1e30": "1e30", "far over full scale": "500.0", "a step": "0.9", "-1e30": "-1e30",
}  # fmt: skip
WHEN = {
    "always": ("GreaterOrEqual(note, limit)", "-1e9"),
    "high notes": ("Greater(note, limit)", "120.0"),
    "one note": ("Equal(note, limit)", "61.0"),
    "loud notes": ("Greater(level_db, limit)", "-3.0"),
    "faint notes": ("Less(level_db, limit)", "-70.0"),
    "soft keys": ("Less(velocity, limit)", "0.2"),
    "one velocity": ("Equal(velocity, limit)", "0.5"),
    "blends": ("Less(strongest, limit)", "0.7"),
    "a turned knob": ("Greater(timbre, limit)", "0.9"),
    "the 900th period": ("Greater(count, limit)", "900.0"),
    "the 5000th period": ("Greater(count, limit)", "5000.0"),
    "the 100 000th period": ("Greater(count, limit)", "100000.0"),
    "every 3000th period": ("Greater(sawtooth, limit)", "2999.5"),
}


def values(good: Bundle, graphs: ModuleType) -> Iterator[Kind]:
    """What comes out of a graph × when."""
    read = (
        "i3 = Constant<value = int64[1] {3}>()", "i5 = Constant<value = int64[1] {5}>()",
        "i6 = Constant<value = int64[1] {6}>()", "velocity = Slice(controls, i2, i3, one)",
        "timbre = Slice(controls, i5, i6, one)", "strongest = ReduceMax(blend, one)",
        "far = Constant<value = float[1] {3000.0}>()", "sawtooth = Mod<fmod = 1>(count, far)",
    )  # fmt: skip
    for what, number in WHAT.items():
        for when, (condition, limit) in WHEN.items():
            lines = (*read, *graphs.when(condition, number, number=limit))
            yield f"value: {what} at {when}", lambda line=lines: encode_bundle(graphs.twisted(good, *line))
    half = "half_of = Constant<value = float[1] {0.5}>()"
    sounds = {
        "nothing": (("extra = Identity(zero)",), "Mul"),
        "the same in every period": (("extra = Constant<value = float[1] {2.0}>()",), "Max"),
        "a square at full scale": (("sign = Sign(tone)", half, "extra = Mul(sign, half_of)"), "Add"),
        "a constant": ((half, "extra = Identity(half_of)"), "Add"),
        "a counter": (("extra = Identity(count)",), "Add"),
        "a growing level": (
            ("slow = Constant<value = float[1] {0.01}>()", "up = Mul(count, slow)", "extra = Exp(up)"),
            "Mul",
        ),
        "only one mode": (("extra = Slice(blend, i0, i1, one)",), "Mul"),
        "a log of the sound": (("extra = Log(tone)",), "Add"),
        "a division by the state": (("extra = Div(one_period, held)",), "Mul"),
    }
    for name, (lines, joined) in sounds.items():
        yield f"value: {name}", lambda line=lines, j=joined: encode_bundle(graphs.twisted(good, *line, joined=j))


def large(good: Bundle, graphs: ModuleType) -> Iterator[Kind]:
    """What takes memory or time."""

    def many(model: onnx.ModelProto, count: int) -> None:
        sound = next(node for node in model.graph.node if "audio" in node.output)
        sound.output[0] = "step_0"
        for step in range(count):
            name = "audio" if step == count - 1 else f"step_{step + 1}"
            model.graph.node.append(onnx.helper.make_node("Identity", [f"step_{step}"], [name]))

    def wide(size: int, *more: str) -> bytes:
        lines = (f"wide_size = Constant<value = int64[2] {{{size}, {size}}}>()", "wide = ConstantOfShape(wide_size)")
        return encode_bundle(graphs.twisted(good, *lines, *more, "total = ReduceSum(wide)", "extra = Mul(total, zero)"))

    rng = random.Random(0)
    weights = onnx.numpy_helper.from_array(np.frombuffer(rng.randbytes(40 << 20), np.uint8), "heavy")
    yield "large: 100 000 nodes", lambda: edited(good, lambda m: many(m, 100_000))
    yield "large: 3 000 nodes", lambda: edited(good, lambda m: many(m, 3_000))
    yield (
        "large: 40 MiB of weights that nobody reads",
        lambda: edited(good, lambda m: m.graph.initializer.append(weights)),
    )
    yield "large: 4 GiB in a run", lambda: wide(1 << 15)
    yield "large: 400 MiB in a run", lambda: wide(10_000)
    yield "large: 30 billion operations in a run", lambda: wide(2_500, "product = MatMul(wide, wide)",
                                                             "used = ReduceSum(product)")  # fmt: skip
