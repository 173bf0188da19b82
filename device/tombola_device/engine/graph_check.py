"""Checks what a graph contains by reading its bytes, before onnxruntime reads them.

onnxruntime loads external weights from disk, relative to the working directory, even when the graph comes from memory
(seen with 1.31). It also has operators of several vendors. A bundle is one file of standard operators, so both are
refused here. So are

- branches and loops: a loop can run for ever;
- functions: they can call each other, so that a small file unfolds into a huge graph;
- tensors whose size depends on what the graph is fed: a state that counts periods can make them larger with each one;
- graphs that onnxruntime takes for its own format. Four bytes alone decide that: if a file has these bytes in the
  middle of a string, this check would read one graph and onnxruntime another (seen with 1.31);
- graphs that are written in an unusual way, because two readers may disagree on them (``wire``).

The check reads protobuf's wire format itself: the device has no onnx package.
"""

from __future__ import annotations

from typing import Final

from tombola_device.contract.errors import BadBundle
from tombola_device.engine import onnx_fields as onnx
from tombola_device.engine.operators import BRANCHES, OPERATORS, SHAPES, SIZED_BY
from tombola_device.engine.wire import Message, NotAllowed, NotCanonical, read_message

STANDARD_DOMAINS = ("", "ai.onnx")
RUNTIME_FORMAT, RUNTIME_FORMAT_AT = b"ORTM", 4
"""onnxruntime recognises its own format by these bytes. Source: onnxruntime, ``IsOrtFormatModelBytes``."""
MAX_FIELDS: Final = 100_000
"""A merged network of 26 nodes has 600 fields; reading 100 000 takes a Raspberry Pi about a second."""
_SHOWN: Final = 40
"""Most characters of a name that a sentence shows."""


def check_graph(data: bytes) -> None:
    """Check that a graph is self-contained, uses known operators only, and cannot grow while it plays.

    Raises:
        BadBundle: The bytes are not an ONNX graph in its usual spelling, or the graph keeps weights outside, uses other
            operators, contains parts that could run for ever or unfold, or has tensors that its inputs can enlarge.
    """
    if data[RUNTIME_FORMAT_AT : RUNTIME_FORMAT_AT + len(RUNTIME_FORMAT)] == RUNTIME_FORMAT:
        raise BadBundle("the bundle's graph is in onnxruntime's own format; export it as ONNX")
    try:
        model = read_message(data, onnx.MODEL, MAX_FIELDS)
    except NotAllowed as error:
        raise BadBundle(f"the bundle's graph {error}") from error
    except NotCanonical as error:
        raise BadBundle(f"the bundle's graph is not ONNX as usually written: {error}; export it again") from error
    if not model.messages(onnx.MODEL_GRAPH):
        raise BadBundle("the bundle's graph is not ONNX: it contains no graph; export the bundle again")
    for opset in model.messages(onnx.MODEL_OPSETS):
        _check_domain(opset.text(onnx.OPSET_DOMAIN))
    for graph in model.messages(onnx.MODEL_GRAPH):
        _check_nodes(graph)


def _check_nodes(graph: Message) -> None:
    fed = {name for value in graph.messages(onnx.GRAPH_INPUTS) for name in value.texts(1)}
    tensors = [tensor.text(onnx.TENSOR_NAME) for tensor in graph.messages(onnx.GRAPH_TENSORS)]
    known = fed | set(tensors) | {""}  # An input that is left out has an empty name.
    if len(set(tensors)) < len(tensors) or "" in fed or "" in tensors:
        raise BadBundle("the bundle's graph has tensors of one name or without a name; export the bundle again")
    for node in graph.messages(onnx.GRAPH_NODES):
        operator, inputs = node.text(onnx.NODE_OPERATOR), node.texts(onnx.NODE_INPUTS)
        _check_domain(node.text(onnx.NODE_DOMAIN))
        if operator in BRANCHES:
            raise BadBundle("the bundle's graph contains branches or loops; export one of plain operators")
        if operator not in OPERATORS:
            raise BadBundle(f"the bundle's graph uses the operator {_shown(operator)}, which is not played; export it")
        if not known.issuperset(inputs):
            raise BadBundle("the bundle's graph reads a tensor that is not computed before; export the bundle again")
        if any(at < len(inputs) and inputs[at] in fed for at in SIZED_BY.get(operator, ())):
            raise BadBundle(
                f"the bundle's graph has a {operator} whose size depends on what it is fed, so that it could grow "
                "without end; export one with fixed sizes"
            )
        made = [name for name in node.texts(onnx.NODE_OUTPUTS) if name]
        if not known.isdisjoint(made) or len(set(made)) < len(made):
            raise BadBundle("the bundle's graph computes one tensor twice; export the bundle again")
        known.update(made)
        if operator not in SHAPES and not fed.isdisjoint(inputs):
            fed.update(made)  # Its values depend on what the graph is fed.


def _check_domain(domain: str) -> None:
    if domain not in STANDARD_DOMAINS:
        raise BadBundle(f"the bundle's graph uses operators of domain {_shown(domain)}; only ONNX's own can be played")


def _shown(name: str) -> str:
    return ascii(name[:_SHOWN])
