"""Bundles that mean harm, by a grammar: files, manifests, spellings, operators, shapes and values, over 300 kinds.

    file       a good bundle whose header, lengths, hashes or parts lie
    manifest   a good bundle with one thing wrong in its JSON, and right hashes
    spelling   a good graph that is written in another way (``spellings``)
    operator   an operator, domain or part that no bundle needs
    shape      a tensor that could grow, has a number of voices baked in, or has another rank or type
    value      what comes out (NaN, noise at full scale, nothing …) × when (a note, a level, the 5000th period …)
    large      what takes memory or time

Each kind is a name and a function that gives the file's bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import onnx
import onnx.defs
import onnx.helper
import onnx.numpy_helper
from tombola_device.contract.bundle import FORMAT_VERSION, MAGIC, Bundle, encode_bundle
from tombola_device.contract.controls import MAX_VOICES
from tombola_device.contract.manifest import encode_manifest
from tombola_device.contract.words import Stop, Word
from tombola_device.engine.operators import OPERATORS, SIZED_BY

Kind = tuple[str, Callable[[], bytes]]


def kinds(good: Bundle, graphs: ModuleType, spellings: ModuleType) -> list[Kind]:
    """All kinds.

    Args:
        good: A bundle of tones.
        graphs: ``evil_graphs``.
        spellings: ``spellings``.
    """
    rules = (
        files(good),
        manifests(good),
        respelled(good, spellings),
        operators(good),
        parts(good),
        shapes(good, graphs),
        values(good, graphs),
        large(good, graphs),
    )
    return [kind for rule in rules for kind in rule]


def packed(manifest: bytes, graphs: bytes, version: int = FORMAT_VERSION) -> bytes:
    """A file with right lengths and hashes around any parts."""
    hashes = (hashlib.sha256(part).digest() for part in (manifest, graphs))
    body = struct.pack("<8sIII32s32s", MAGIC, version, len(manifest), len(graphs), *hashes) + manifest + graphs
    return body + hashlib.sha256(body).digest()


def part(role: bytes, graph: bytes, length: int | None = None) -> bytes:
    """A graph in a file of version 2."""
    return (
        struct.pack("<16sI32s", role, len(graph) if length is None else length, hashlib.sha256(graph).digest()) + graph
    )


def files(good: Bundle) -> Iterator[Kind]:
    """What lies about the file itself."""
    data, manifest, graph = encode_bundle(good), encode_manifest(good.manifest), good.graphs["frame"]
    frame = part(b"frame", graph)
    for share in (0.0, 0.1, 0.5, 0.99):
        yield f"file: cut after {share:.0%}", lambda s=share: data[: int(len(data) * s)]
    yield "file: one byte more", lambda: data + b"\0"
    yield "file: twice", lambda: data * 2
    for at, name in (
        (0, "magic"),
        (12, "length of the manifest"),
        (16, "length of the graphs"),
        (20, "hash"),
        (90, "text"),
    ):
        yield f"file: another bit in the {name}", lambda a=at: data[:a] + bytes([data[a] ^ 1]) + data[a + 1 :]
    for version in (0, 1, 3, 0xFFFF_FFFF):
        yield f"file: version {version}", lambda v=version: packed(manifest, frame, v)
    bodies = {
        "no graph": b"",
        "a graph of no bytes": part(b"frame", b""),
        "a graph that is cut": frame[:-1],
        "a graph that is longer than the file": part(b"frame", graph, len(graph) + 1),
        "a length of 4 GiB": part(b"frame", graph, 0xFFFF_FFFF),
        "a role twice": frame * 2,
        "roles out of order": part(b"onset", graph) + frame,
        "nine graphs": b"".join(part(b"%d" % number, graph) for number in range(9)),
        "a role that no mode names": part(b"other", graph),
        "a role that is not ASCII": part(b"\xff" * 16, graph),
        "a role with zeros within": part(b"fra\0me", graph),
        "bytes after the last graph": frame + b"more",
    }
    for name, body in bodies.items():
        yield f"file: {name}", lambda b=body: packed(manifest, b)


TEXTS = {
    "empty": "", "too long": "x" * 100_000, "escape": "\x1b[2J", "right to left": "\u202egpj", "two lines": "a\nb",
    "zero": "a\0b", "path": "../../up", "surrogate": "\ud800",
}  # fmt: skip
NUMBERS = {
    "10^400": "1" + "0" * 400, "-10^400": "-1" + "0" * 400, "1e400": "1e400", "1e308": "1e308", "NaN": "NaN",
    "2^64": str(2**64), "text": '"1"', "null": "null", "list": "[1]",
}  # fmt: skip


def manifests(good: Bundle) -> Iterator[Kind]:
    """One thing wrong in the JSON."""
    first_alone = [1.0] + [0.0] * (len(good.manifest.modes) - 1)
    word = Word("scary", [Stop(first_alone, 0.0, 0.5, 1.0), Stop(first_alone, 1.0, 0.5, 1.0)])
    text = encode_manifest(msgspec.structs.replace(good.manifest, blend=first_alone, words=[word]))
    body = part(b"frame", good.graphs["frame"])

    def changed(path: str, value: object, raw: str | None = None) -> bytes:
        tree: Any = json.loads(text)
        *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        place = tree
        for step in parents:
            place = place[step]
        place[last] = "the value" if raw is not None else value
        written = json.dumps(tree)
        return packed((written if raw is None else written.replace('"the value"', raw)).encode(), body)

    for path in ("name", "modes.0.name", "modes.0.color", "modes.0.graph", "graphs.frame.ports.0.name",
                 "modes.0.recordings.0.0", "words.0.name"):  # fmt: skip
        for name, value in TEXTS.items():
            yield f"manifest: {path} is {name}", lambda p=path, v=value: changed(p, v)
    for path in ("cost.arm64_instructions_per_period", "modes.0.note_range.1", "modes.0.envelope.level_db.1",
                 "graphs.frame.ports.1.shape.0", "sample_rate_hz", "modes.0.recordings.0.1", "blend.0",
                 "modes.0.recordings.0.3", "modes.0.envelope.attack_s", "words.0.path.0.0.0", "words.0.path.1.1",
                 "words.0.path.1.3"):  # fmt: skip
        for name, raw in NUMBERS.items():
            if (path, name) != ("cost.arm64_instructions_per_period", "null"):
                yield f"manifest: {path} is {name}", lambda p=path, r=raw: changed(p, None, r)
    whole = {
        "not JSON": b"{", "nested too deep": b"[" * 100_000, "not UTF-8": b'{"name":"\xff"}', "empty": b"{}",
        "a field twice": text.replace(b'{"name"', b'{"name":"x","name"', 1)[:-1] + b',"unknown":1}',
    }  # fmt: skip
    for name, written in whole.items():
        yield f"manifest: {name}", lambda w=written: packed(w, body)
    yield "manifest: strikes of a graph without a shade", lambda: changed("graphs.frame.strikes", 3)
    for name, place, listed in lists(json.loads(text)):
        yield f"manifest: {name}", lambda p=place, v=listed: changed(p, v)
    yield "manifest: no modes", lambda: changed("modes", [])
    yield "manifest: 17 modes", lambda: changed("modes", json.loads(text)["modes"] * 17)
    yield (
        "manifest: a port twice",
        lambda: changed("graphs.frame.ports", json.loads(text)["graphs"]["frame"]["ports"] * 2),
    )


def lists(tree: Any) -> Iterator[tuple[str, str, object]]:
    """Recordings, courses, keys and words that cannot be: what is wrong, where, and what stands there."""
    recording = tree["modes"][0]["recordings"][0]
    yield "65 recordings", "modes.0.recordings", [recording] * 65
    yield "a recording without a place", "modes.0.recordings", [recording[:2]]
    yield "a recording with more than a place", "modes.0.recordings", [[*recording, 1]]
    yield "recordings that are no list", "modes.0.recordings", {"0": recording}
    life = {"mixing": [[1.0, 1.0]], "takes": [[[0.0] * 31]]}
    for name, courses in {
        "a course of another length": ["AAAA"],
        "17 courses": [base64.b64encode(bytes(128)).decode()] * 17,
        "a course that is no base 64": ["no base 64"],
        "a course that is no text": [[0] * 128],
    }.items():
        yield name, "modes.0.life", {**life, "courses": courses}
    for name, keys in {
        "keys that fall": [[60, 0, 0, 0], [48, 0, 0, 0]],
        "a key twice": [[60, 0, 0, 0]] * 2,
        "17 keys": [[note, 0, 0, 0] for note in range(17)],
        "an attack 2^7 times as long": [[60, 7, 0, 0]],
        "a speed of 2^-400": [[60, 0, -400, 0]],
        "a key beyond the keyboard": [[128, 0, 0, 0]],
        "a key of five numbers": [[60, 0, 0, 0, 0]],
        "keys that are no list": {"60": 0},
    }.items():
        yield name, "modes.0.envelope.keys", keys
    knob = tree["words"][0]
    start, end = knob["path"]
    for name, words in {
        "five words": [knob | {"name": str(number)} for number in range(5)],
        "a word twice": [knob, knob],
        "a word of one stop": [knob | {"path": [start]}],
        "a word of ten stops": [knob | {"path": [start] * 10}],
        "a word for one mode less": [knob | {"path": [start, [end[0][1:], *end[1:]]]}],
        "a word for one mode more": [knob | {"path": [start, [[*end[0], 0.0], *end[1:]]]}],
        "a word through silence": [knob | {"path": [start, [[0.0] * len(end[0]), *end[1:]]]}],
        "a word without life": [knob | {"path": [start, end[:3]]}],
        "a word that says more": [knob | {"loudness_db": 12}],
        "words that are no list": {"scary": knob["path"]},
    }.items():
        yield name, "words", words


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
