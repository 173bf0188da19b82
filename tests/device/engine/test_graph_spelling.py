"""A graph is read only in its usual spelling, so that no two readers can see two graphs in the same bytes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.bundle import Bundle, decode_bundle
from tombola_device.contract.errors import BadBundle
from tombola_device.engine.graph_check import check_graph

FACTORY = Path(__file__).parents[3] / "models/quartet/quartet.tombola"
VARINT, FIXED64, BYTES, START, END, FIXED32 = range(6)
_WIRES = {FieldDescriptor.TYPE_FLOAT: FIXED32, FieldDescriptor.TYPE_INT64: VARINT, FieldDescriptor.TYPE_INT32: VARINT,
          FieldDescriptor.TYPE_ENUM: VARINT, FieldDescriptor.TYPE_UINT64: VARINT}  # fmt: skip


@dataclass
class Piece:
    """A field as it stands in the bytes: where, and what it holds."""

    field: FieldDescriptor
    tag: int
    value: int | bytes | list[Piece]

    def content(self) -> bytes:
        if isinstance(self.value, int):
            return varint(self.value)
        inside = self.value if isinstance(self.value, bytes) else b"".join(piece.written() for piece in self.value)
        return inside if self.tag & 7 == FIXED32 else varint(len(inside)) + inside

    def written(self) -> bytes:
        return varint(self.tag) + self.content()


def varint(value: int, least: int = 1) -> bytes:
    """A number in at least so many bytes."""
    out = bytearray()
    while value >= 0x80 or len(out) < least - 1:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def read(data: bytes, kind: Descriptor) -> list[Piece]:
    """What protobuf's own writer wrote; this reader needs to understand nothing else."""
    pieces, at = [], 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte, at = data[at], at + 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = number()
        field = kind.fields_by_number[tag >> 3]
        if tag & 7 == VARINT:
            pieces.append(Piece(field, tag, number()))
            continue
        length = 4 if tag & 7 == FIXED32 else number()
        content, at = data[at : at + length], at + length
        nested = field.message_type
        pieces.append(Piece(field, tag, content if nested is None else read(content, nested)))
    return pieces


def everywhere(pieces: list[Piece]) -> Iterator[tuple[list[Piece], int]]:
    """Each field of a message and of all messages in it: the fields beside it, and its place among them."""
    for index, piece in enumerate(pieces):
        yield pieces, index
        if isinstance(piece.value, list):
            yield from everywhere(piece.value)


class Raw(Piece):
    """Bytes that stand in the place of a field."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def written(self) -> bytes:
        return self.data


def longer(data: bytes) -> bytes:
    """The same number in one byte more."""
    return data[:-1] + bytes((data[-1] | 0x80, 0))


def _respelled(piece: Piece) -> Iterator[tuple[str, list[bytes]]]:
    """Other spellings of one field: their names and bytes."""
    yield from _other_tags(piece)
    yield from _other_numbers(piece)
    yield from _other_lists(piece)


def _other_tags(piece: Piece) -> Iterator[tuple[str, list[bytes]]]:
    tag, content, whole = varint(piece.tag), piece.content(), piece.written()
    yield "a tag in too many bytes", [longer(tag) + content]
    for bit in (32, 35, 60):
        yield f"a tag with bit {bit}", [varint(piece.tag | 1 << bit) + content]
    for wire, inside in ((VARINT, b"\1"), (FIXED64, bytes(8)), (BYTES, b"\0"), (FIXED32, bytes(4)), (END, b"")):
        for number in (999, 19_000, (1 << 29) - 1):
            start = varint(number << 3 | START) if wire == END else b""
            yield "an unknown field", [whole, start + varint(number << 3 | wire) + inside]


def _other_numbers(piece: Piece) -> Iterator[tuple[str, list[bytes]]]:
    tag, content, field, value = varint(piece.tag), piece.content(), piece.field, piece.value
    if isinstance(value, int):
        yield "a number in too many bytes", [tag + (longer(content) if len(content) < 10 else content[:-1] + b"\x7f")]
        yield "a number of more than 64 bits", [tag + varint(value | 1 << 64, 10)]
        if field.type in (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_ENUM):
            yield "a number of more than 32 bits", [tag + varint(value | 1 << 40)]
    elif piece.tag & 7 == BYTES:
        length = varint(len(b"".join(p.written() for p in value)) if isinstance(value, list) else len(value))
        yield "a length in too many bytes", [tag + longer(length) + content[len(length) :]]
    if field.type == FieldDescriptor.TYPE_STRING:
        yield "a text that is not UTF-8", [tag + b"\1\xff"]


def _other_lists(piece: Piece) -> Iterator[tuple[str, list[bytes]]]:
    tag, whole, field, value = varint(piece.tag), piece.written(), piece.field, piece.value
    if not field.is_repeated:
        yield "a field twice", [whole, whole]
        if isinstance(value, list) and len(value) > 1:
            parts = (b"".join(p.written() for p in half) for half in (value[:1], value[1:]))
            yield "a message in two parts", [tag + varint(len(part)) + part for part in parts]
    elif field.type in _WIRES and isinstance(value, int | bytes):
        if field.has_options and field.GetOptions().packed:
            yield "a list in two parts", [whole, tag + b"\0"]
            yield "a list that is not packed", [varint(field.number << 3 | _WIRES[field.type]) + bytes(4)]
        else:
            inside = varint(value) if isinstance(value, int) else value
            yield "a list that is packed", [varint(field.number << 3 | BYTES) + varint(len(inside)) + inside]


def spellings(data: bytes) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Every other spelling of a graph that changes one place."""
    model = read(data, onnx.ModelProto.DESCRIPTOR)
    assert b"".join(piece.written() for piece in model) == data
    for beside, at in list(everywhere(model)):
        for name, written in _respelled(beside[at]):
            yield name, lambda b=beside, i=at, w=written: _with(model, b, i, w)
        if at and beside[at].field.number != beside[at - 1].field.number:
            swapped = [beside[at].written() + beside[at - 1].written()]
            yield "fields out of order", lambda b=beside, i=at, w=swapped: _with(model, b, i - 1, [*w], 2)


def _with(model: list[Piece], beside: list[Piece], at: int, written: list[bytes], many: int = 1) -> bytes:
    kept = beside[at : at + many]
    beside[at : at + many] = [Raw(b"".join(written))]
    try:
        return b"".join(piece.written() for piece in model)
    finally:
        beside[at : at + 1] = kept


def rich() -> bytes:
    """A graph with every kind of field that is allowed, negative and large numbers among them."""
    node = onnx.helper.make_node("Constant", [], ["c"], name="n", doc_string="ü", domain="ai.onnx")
    for name, value in (("f", 1.5), ("i", -3), ("s", b"\0\xff"), ("fs", [1.0, 2.0]), ("is", [1, -1, 1 << 62])):
        node.attribute.append(onnx.helper.make_attribute(name, value))
    node.attribute.append(onnx.helper.make_attribute("ss", [b"a", b""]))
    node.attribute.append(onnx.helper.make_attribute("t", onnx.numpy_helper.from_array(np.ones(3, np.float32), "t")))
    listed = [
        onnx.helper.make_tensor(str(kind), kind, [2], [1, 200])
        for kind in (onnx.TensorProto.FLOAT, onnx.TensorProto.INT32, onnx.TensorProto.INT64, onnx.TensorProto.DOUBLE,
                     onnx.TensorProto.UINT64)
    ]  # fmt: skip
    listed.append(onnx.helper.make_tensor("minus", onnx.TensorProto.INT64, [1], [-1]))
    loaded = onnx.numpy_helper.from_array(np.ones(2, np.float32), "loaded")
    loaded.data_location = onnx.TensorProto.DEFAULT
    value = onnx.helper.make_tensor_value_info("a", onnx.TensorProto.FLOAT, ["voices", 1], "doc")
    value.metadata_props.add(key="k", value="v")
    graph = onnx.helper.make_graph([node], "g", [value], [value], [*listed, loaded], "doc", [value])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    model.producer_name, model.model_version, model.domain = "p", 3, "d"
    onnx.helper.set_model_props(model, {"k": "v"})
    return bytes(model.SerializeToString())


def graphs(bundle: Bundle) -> dict[str, bytes]:
    return {
        "factory": decode_bundle(FACTORY.read_bytes()).graphs["frame"],
        "tones": bundle.graphs["frame"],
        "rich": rich(),
    }


def accepted(data: bytes) -> bool:
    try:
        check_graph(data)
    except BadBundle:
        return False
    return True


@pytest.mark.parametrize("name", ["factory", "tones", "rich"])
def test_the_usual_spelling_is_read_and_every_other_one_refused(bundle: Bundle, name: str) -> None:
    data = graphs(bundle)[name]
    check_graph(data)
    found = list(spellings(data))
    kinds = {kind for kind, _ in found}
    chosen = random.Random(0).sample(found, 250) if name != "rich" else found
    for kind, written in chosen:
        other = written()
        assert other != data
        assert not accepted(other), kind
    assert len(kinds) >= (16 if name == "rich" else 14)


def agree(data: bytes) -> bool:
    """Whether a graph is accepted; then onnx's own parser must see exactly what was checked."""
    if not accepted(data):
        return False
    model = onnx.load_from_string(data)
    assert model.SerializeToString(deterministic=True) == data
    assert {entry.domain for entry in model.opset_import} | {node.domain for node in model.graph.node} <= {
        "",
        "ai.onnx",
    }
    tensors = [*model.graph.initializer, *(a.t for node in model.graph.node for a in node.attribute)]
    assert not any(tensor.data_location or tensor.external_data for tensor in tensors)
    return True


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_is_accepted_is_the_same_graph_to_onnx(bundle: Bundle, data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([bundle.graphs["frame"], rich()]))
    start = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(0, 12))
    middle = data.draw(st.binary(max_size=12) | st.sampled_from([b"\x80\x00", b"\xff" * 9 + b"\x01", b"\x08\x80\x80"]))
    agree(whole[:start] + middle + whole[start + length :])


def test_names_within_the_graph_may_change_and_it_is_still_the_same_to_both(bundle: Bundle) -> None:
    model = onnx.load_from_string(bundle.graphs["frame"])
    model.graph.node[3].name, model.producer_name = "some name", "someone"
    model.graph.doc_string = "x" * 300
    assert agree(model.SerializeToString())


def test_an_operator_hidden_in_a_tag_of_33_bits_is_refused(bundle: Bundle) -> None:
    # To a reader of 32 bits, as onnxruntime has one, this is one node more, of any operator.
    model = read(bundle.graphs["frame"], onnx.ModelProto.DESCRIPTOR)
    hidden = onnx.helper.make_node("If", ["rest"], ["x"]).SerializeToString()
    graph = next(piece.value for piece in model if piece.field.name == "graph")
    graph.append(Raw(varint(1 << 3 | BYTES | 1 << 32) + varint(len(hidden)) + hidden))
    with pytest.raises(BadBundle, match="a field that ONNX does not have"):
        check_graph(b"".join(piece.written() for piece in model))
