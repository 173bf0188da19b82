"""Converts a module to one small ONNX graph."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import onnx
import onnxruntime
import torch
from tombola_device.contract.errors import TombolaError
from tombola_device.contract.graph import STATE_AFTER, STATE_BEFORE, UNREAD
from tombola_device.engine.session import OUTPUTS
from torch import Tensor

from tombola_host.export.examples import example
from tombola_host.generators.exportable import ExportedGraph

OPSET = 17
MOST_NODES, MOST_STATE_TENSORS = 60, 8
MOST_ONSET_NODES = 600
"""More than for a block graph: an onset graph runs once for each onset and not 375 times a second."""
EXAMPLE_VOICES = 2


class ExportError(TombolaError, RuntimeError):
    """An exported graph differs from its network, or cannot be played."""


def export_onnx(exported: ExportedGraph) -> bytes:
    """Export a module as ONNX: any number of voices in the first axis, constants folded.

    Raises:
        ExportError: The graph has more nodes or state tensors than the device can play in time.
    """
    graph = exported.graph
    given = example(graph, EXAMPLE_VOICES, frames=1).inputs(0)
    ports: dict[str, str] = {port.kind: port.name for port in graph.ports}
    states = [state_name(name) for name in exported.state_shapes]
    rest = [torch.zeros(EXAMPLE_VOICES, *shape) for shape in exported.state_shapes.values()]
    inputs = [*(ports[kind] for kind in given), *states]
    outputs = [port.name for port in graph.ports if port.kind in OUTPUTS] + [name + STATE_AFTER for name in states]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # torch recommends its newer exporter, which needs onnxscript and splits the graph into more nodes.
        warnings.simplefilter("ignore", DeprecationWarning)
        # The exporter warns that it leaves some constants unfolded; onnxruntime folds them.
        warnings.filterwarnings("ignore", "Constant folding", UserWarning)
        # It also warns of values that became constants: if one matters, the check with several numbers of voices fails.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]  # it is there
        raw, folded = Path(folder) / "raw.onnx", Path(folder) / "folded.onnx"
        torch.onnx.export(
            exported.module.eval(),
            (*given.values(), *rest),
            str(raw),
            dynamo=False,
            opset_version=OPSET,
            input_names=inputs,
            output_names=outputs,
            dynamic_axes={name: {0: "voices"} for name in (*inputs, *outputs)},
        )
        options = onnxruntime.SessionOptions()
        # "Basic" folds constants and removes idle nodes; at higher levels the graph depends on the machine.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(folded)
        onnxruntime.InferenceSession(str(raw), options, providers=["CPUExecutionProvider"])
        model = onnx.load(str(folded))
    # onnxruntime lists every domain that it knows; the graph uses only ONNX's own.
    own = [entry for entry in model.opset_import if entry.domain == ""]
    del model.opset_import[:]
    model.opset_import.extend(own)
    model.producer_name, model.producer_version, model.doc_string = "tombola", "", ""
    _declare(model, inputs, [*given.values(), *rest])
    # onnxruntime 1.32 finds its memory plans by the exclusive or of all axes of all inputs. With an even number of
    # inputs the number of voices cancels out, so the plan made for the first number is used for all, and each node
    # allocates memory: 45 000 instructions on a Raspberry Pi for four voices.
    if len(model.graph.input) % 2 == 0:
        model.graph.input.append(onnx.helper.make_tensor_value_info(UNREAD, onnx.TensorProto.FLOAT, ["voices", 1]))
    onnx.checker.check_model(model)
    nodes = count_nodes(model)
    most = MOST_NODES if graph.rate == "block" else MOST_ONSET_NODES
    if nodes > most or len(states) > MOST_STATE_TENSORS:
        raise ExportError(
            f"the graph has {nodes} nodes and {len(states)} state tensors; the device plays at most {most} and "
            f"{MOST_STATE_TENSORS} in time, so simplify the generator's step"
        )
    return bytes(model.SerializeToString(deterministic=True))


def _declare(model: onnx.ModelProto, names: list[str], tensors: list[Tensor]) -> None:
    """Declare the inputs that the module does not read: the optimiser removed them, but they are ports of the graph."""
    read = {value.name for value in model.graph.input}
    for name, tensor in zip(names, tensors, strict=True):
        if name not in read:
            shape = ["voices", *tensor.shape[1:]]
            model.graph.input.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))


def state_name(name: str) -> str:
    """The name of a state tensor in the graph."""
    return f"{STATE_BEFORE}_{name}"


def count_nodes(model: onnx.ModelProto) -> int:
    """Number of nodes that run; constants do not."""
    return sum(node.op_type != "Constant" for node in model.graph.node)


def count_states(model: onnx.ModelProto) -> int:
    """Number of tensors carried from period to period."""
    return sum(value.name.startswith(STATE_BEFORE) for value in model.graph.input)
