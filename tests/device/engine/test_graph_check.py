"""Forbidden parts of a graph; arbitrary bytes raise no other error than ``BadBundle``."""

from __future__ import annotations

import contextlib
import tracemalloc

import onnx
import onnx.defs
import onnx.helper
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.errors import BadBundle
from tombola_device.engine.graph_check import MAX_FIELDS, check_graph
from tombola_device.engine.operators import BRANCHES, OPERATORS


def test_the_graph_of_a_bundle_passes(bundle: Bundle) -> None:
    check_graph(bundle.graphs["frame"])


def inner() -> onnx.GraphProto:
    return onnx.helper.make_graph([onnx.helper.make_node("Relu", ["a"], ["b"])], "inner", [], [])


@pytest.mark.parametrize("operator", ["If", "Loop", "Scan"])
def test_branches_and_loops_are_refused(bundle: Bundle, operator: str) -> None:
    model = onnx.load_from_string(bundle.graphs["frame"])
    model.graph.node.append(onnx.helper.make_node(operator, ["rest"], ["x"], body=inner()))
    with pytest.raises(BadBundle, match="branches or loops; export one of plain operators"):
        check_graph(model.SerializeToString())


def test_functions_are_refused(bundle: Bundle) -> None:
    model = onnx.load_from_string(bundle.graphs["frame"])
    nodes = [onnx.helper.make_node("Relu", ["a"], ["b"])]
    model.functions.append(onnx.helper.make_function("", "twice", ["a"], ["b"], nodes, model.opset_import))
    with pytest.raises(BadBundle, match="functions"):
        check_graph(model.SerializeToString())


def test_training_steps_are_refused(bundle: Bundle) -> None:
    model = onnx.load_from_string(bundle.graphs["frame"])
    model.training_info.append(onnx.TrainingInfoProto(algorithm=inner()))
    with pytest.raises(BadBundle, match="training steps"):
        check_graph(model.SerializeToString())


def test_a_graph_that_onnxruntime_reads_as_its_own_format_is_refused(bundle: Bundle) -> None:
    # A complete ONNX graph behind a name that puts onnxruntime's mark where onnxruntime looks for it.
    disguised = b"\x12\x84\x80\x00ORTM" + bundle.graphs["frame"]
    onnx.load_from_string(disguised)
    with pytest.raises(BadBundle, match="onnxruntime's own format"):
        check_graph(disguised)


@given(st.binary(max_size=200), st.integers(0, 4000))
def test_arbitrary_bytes_raise_no_other_error(bundle: Bundle, garbage: bytes, place: int) -> None:
    for data in (garbage, bundle.graphs["frame"][:place] + garbage + bundle.graphs["frame"][place + len(garbage) :]):
        with contextlib.suppress(BadBundle):
            check_graph(data)


def test_too_many_fields_are_refused_before_they_take_memory() -> None:
    opset = b"\x42\x02\x10\x11"
    data = opset * (MAX_FIELDS // 2 + 1)
    tracemalloc.start()
    with pytest.raises(BadBundle, match=f"more than {MAX_FIELDS} fields"):
        check_graph(data)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 400 * MAX_FIELDS


def with_nodes(bundle: Bundle, *nodes: onnx.NodeProto) -> bytes:
    model = onnx.load_from_string(bundle.graphs["frame"])
    model.graph.node.extend(nodes)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("operator", ["RandomNormal", "NonZero", "Unique", "Affine", "StringConcat", "QAttention", ""])
def test_operators_that_are_not_listed_are_refused(bundle: Bundle, operator: str) -> None:
    with pytest.raises(BadBundle, match=f"the operator '{operator}', which is not played"):
        check_graph(with_nodes(bundle, onnx.helper.make_node(operator, ["rest"], ["x"])))


def test_a_long_name_of_an_operator_is_shown_only_in_part_and_without_control_characters(bundle: Bundle) -> None:
    with pytest.raises(BadBundle) as caught:
        check_graph(with_nodes(bundle, onnx.helper.make_node("\x1b[2J\n" + "x" * 5000, ["rest"], ["x"])))
    assert len(str(caught.value)) < 150
    assert str(caught.value).isprintable()


def test_every_listed_operator_is_onnx_s_own_has_no_graph_within_and_no_chance_in_it() -> None:
    schemas = [schema for schema in onnx.defs.get_all_schemas_with_history() if schema.domain == ""]
    graphs = {onnx.defs.OpSchema.AttrType.GRAPH, onnx.defs.OpSchema.AttrType.GRAPHS}
    parts = {schema.name for schema in schemas if graphs & {a.type for a in schema.attributes.values()}}
    chance = {"RandomNormal", "RandomUniformLike", "Bernoulli", "Multinomial", "Dropout"}
    assert {schema.name for schema in schemas} > OPERATORS
    assert parts > BRANCHES - {"SequenceMap"}
    assert not OPERATORS & (parts | chance)


GROWING = {
    "Range": ["zero_f", "rest", "one_f"],
    "Expand": ["decibel", "held_size"],
    "ConstantOfShape": ["held_size"],
    "Tile": ["decibel", "held_size"],
    "Reshape": ["time", "held_size"],
    "Slice": ["time", "held_size", "i1"],
    "Pad": ["time", "held_size"],
    "TopK": ["time", "held_size"],
    "OneHot": ["i0", "held_size", "two_f"],
    "Resize": ["time", "", "", "held_size"],
}


@pytest.mark.parametrize("operator", GROWING)
def test_a_tensor_whose_size_depends_on_what_the_graph_is_fed_is_refused(bundle: Bundle, operator: str) -> None:
    sized = onnx.helper.make_node("Cast", ["held"], ["held_size"], to=onnx.TensorProto.INT64)
    growing = onnx.helper.make_node(operator, GROWING[operator], ["x"])
    model = onnx.load_from_string(with_nodes(bundle, sized, growing))
    for name in ("zero_f", "one_f", "two_f"):
        model.graph.initializer.append(onnx.helper.make_tensor(name, onnx.TensorProto.FLOAT, [1], [0.0]))
    with pytest.raises(BadBundle, match=f"a {operator} whose size depends on what it is fed"):
        check_graph(model.SerializeToString())
    # The shape of what comes in is the number of voices, which is known.
    model.graph.node[-2].CopyFrom(onnx.helper.make_node("Shape", ["held"], ["held_size"]))
    if operator != "Range":
        check_graph(model.SerializeToString())


@pytest.mark.parametrize(
    ("inputs", "outputs", "sentence"),
    [
        (["later"], ["x"], "reads a tensor that is not computed before"),
        (["rest"], ["held"], "computes one tensor twice"),
        (["rest"], ["one"], "computes one tensor twice"),
    ],
)
def test_a_tensor_is_computed_once_and_before_it_is_read(
    bundle: Bundle, inputs: list[str], outputs: list[str], sentence: str
) -> None:
    with pytest.raises(BadBundle, match=sentence):
        check_graph(with_nodes(bundle, onnx.helper.make_node("Relu", inputs, outputs)))
