"""Checks what a graph contains by reading its bytes, before onnxruntime reads them.

onnxruntime loads external weights from disk, relative to the working directory, even when the graph comes from memory
(seen with 1.31). It also has operators of several vendors. A bundle is one file of standard operators, so both are
refused here. So are

- branches and loops: a loop can run for ever;
- functions: they can call each other, so that a small file unfolds into a huge graph;
- graphs that onnxruntime takes for its own format. Four bytes alone decide that: if a file has these bytes in the
  middle of a string, this check would read one graph and onnxruntime another (seen with 1.31).

The check reads protobuf's wire format itself: the device has no onnx package.

Source: protobuf encoding guide (wire types, varints); field numbers from the ONNX specification, onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator

from tombola_device.contract.errors import BadBundle

STANDARD_DOMAINS = ("", "ai.onnx")
RUNTIME_FORMAT, RUNTIME_FORMAT_AT = b"ORTM", 4
"""onnxruntime recognises its own format by these bytes. Source: onnxruntime, ``IsOrtFormatModelBytes``."""
MAX_FIELDS = 200_000
"""A merged network of 60 nodes has 800 fields; reading 200 000 takes a Raspberry Pi about a second."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_EXTERNAL = 1

_CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "branches", 10: "tensor", 11: "branches", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
"""Message → field number → kind of message in that field. Other fields cannot refer to anything outside the graph."""
_REFUSED = {"training": "training steps", "function": "functions", "branches": "branches or loops"}
"""Kinds of messages that a graph does not need when it is only played."""
_DOMAIN_FIELD = {"opset": 1, "node": 7}
_TENSOR_EXTERNAL_DATA, _TENSOR_DATA_LOCATION = 13, 14


def check_graph(onnx: bytes) -> None:
    """Check that a graph is self-contained and uses standard operators only.

    Raises:
        BadBundle: The bytes are not an ONNX graph, or the graph keeps weights outside, uses operators of another
            domain, or contains parts that could run for ever or unfold.
    """
    if onnx[RUNTIME_FORMAT_AT : RUNTIME_FORMAT_AT + len(RUNTIME_FORMAT)] == RUNTIME_FORMAT:
        raise BadBundle("the bundle's graph is in onnxruntime's own format; export it as ONNX")
    left = [MAX_FIELDS]
    found = _check(memoryview(onnx), "model", left)
    if "graph" not in found:
        raise BadBundle("the bundle's graph is not ONNX: it contains no graph; export the bundle again")


def _check(message: memoryview, kind: str, left: list[int]) -> set[str]:
    if kind in _REFUSED:
        raise BadBundle(f"the bundle's graph contains {_REFUSED[kind]}; export one of plain operators")
    children, found = _CHILDREN.get(kind, {}), set()
    for number, value in _fields(message, left):
        if number == _DOMAIN_FIELD.get(kind) and isinstance(value, memoryview):
            _check_domain(bytes(value))
        elif kind == "tensor" and (
            number == _TENSOR_EXTERNAL_DATA or (number == _TENSOR_DATA_LOCATION and value == _EXTERNAL)
        ):
            raise BadBundle("the bundle's graph keeps weights in another file; export it with its weights inside")
        elif number in children and isinstance(value, memoryview):
            found.add(children[number])
            _check(value, children[number], left)
    return found


def _check_domain(name: bytes) -> None:
    domain = name.decode("utf-8", "replace")
    if domain not in STANDARD_DOMAINS:
        raise BadBundle(f"the bundle's graph uses operators of domain {domain!r}; only ONNX's own can be played")


def _fields(message: memoryview, left: list[int]) -> Iterator[tuple[int, int | memoryview]]:
    """Field numbers and values of one message: a varint as an int, any other value as bytes."""
    at = 0
    while at < len(message):
        left[0] -= 1
        if left[0] < 0:
            raise BadBundle(f"the bundle's graph has more than {MAX_FIELDS} fields; export a smaller one")
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == _BYTES:
            length, at = _varint(message, at)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise BadBundle("the bundle's graph is not ONNX: it is not a protobuf message; export the bundle again")
        if at + length > len(message):
            raise BadBundle("the bundle's graph is cut short; export the bundle again")
        yield number, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise BadBundle("the bundle's graph is cut short or not a protobuf message; export the bundle again")
