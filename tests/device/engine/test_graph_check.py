"""Forbidden parts of a graph; arbitrary bytes raise no other error than ``BadBundle``."""

from __future__ import annotations

import contextlib
import tracemalloc

import onnx
import onnx.helper
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tombola_device.contract.bundle import Bundle
from tombola_device.contract.errors import BadBundle
from tombola_device.engine.graph_check import MAX_FIELDS, check_graph


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
    data = b"\x08\x01" * (MAX_FIELDS + 1)
    tracemalloc.start()
    with pytest.raises(BadBundle, match=f"more than {MAX_FIELDS} fields"):
        check_graph(data)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 100_000
