"""A graph is read only in its usual spelling, so that no two readers can see two graphs in the same bytes."""

from __future__ import annotations

import random
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tombola_device.contract.bundle import Bundle, decode_bundle
from tombola_device.contract.errors import BadBundle
from tombola_device.engine.graph_check import check_graph

FACTORY = Path(__file__).parents[3] / "models/quartet/quartet.tombola"


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
def test_the_usual_spelling_is_read_and_every_other_one_refused(
    bundle: Bundle, spellings: ModuleType, name: str
) -> None:
    data = graphs(bundle)[name]
    check_graph(data)
    found = list(spellings.spellings(data))
    kinds = {kind for kind, _ in found}
    chosen = random.Random(0).sample(found, 250) if name != "rich" else found
    for kind, written in chosen:
        other = written()
        assert other != data
        assert not accepted(other), kind
    assert len(kinds) >= (17 if name == "rich" else 14)


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


def test_an_operator_hidden_in_a_tag_of_33_bits_is_refused(bundle: Bundle, spellings: ModuleType) -> None:
    # To a reader of 32 bits, as onnxruntime has one, this is one node more, of any operator.
    model = spellings.read(bundle.graphs["frame"], onnx.ModelProto.DESCRIPTOR)
    hidden = onnx.helper.make_node("If", ["rest"], ["x"]).SerializeToString()
    graph = next(piece.value for piece in model if piece.field.name == "graph")
    tag = spellings.varint(1 << 3 | spellings.BYTES | 1 << 32)
    graph.append(spellings.Raw(tag + spellings.varint(len(hidden)) + hidden))
    with pytest.raises(BadBundle, match="a field that ONNX does not have"):
        check_graph(b"".join(piece.written() for piece in model))
