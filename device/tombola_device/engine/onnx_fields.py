"""What a graph may contain: the fields of ONNX's messages, and why some of them are refused.

Source: the ONNX specification, onnx.proto (field numbers, types, which lists are packed).
"""

from __future__ import annotations

from typing import Final

from tombola_device.engine.wire import Field, Fields

_OUTSIDE: Final = "keeps weights in another file; export it with its weights inside"
_BRANCHES: Final = "contains branches or loops; export one of plain operators"
_PLAIN: Final = "contains {}; export one of plain operators"

_TEXT, _TEXTS = Field("text"), Field("text", repeated=True)
_INT, _INT32, _FLOAT = Field("int64"), Field("int32"), Field("float")


def _refused(what: str) -> Field:
    return Field(refused=_PLAIN.format(what))


_PAIRS: Final = Field({1: _TEXT, 2: _TEXT}, repeated=True)
_SHAPE: Final = Field({1: Field({1: _INT, 2: _TEXT, 3: _TEXT}, repeated=True)})
_TYPE: Final = Field(
    {
        1: Field({1: _INT32, 2: _SHAPE}),
        4: _refused("sequences"),
        5: _refused("maps"),
        6: _TEXT,
        8: _refused("sparse tensors"),
        9: _refused("optional values"),
    }
)
_VALUES: Final = Field({1: _TEXT, 2: _TYPE, 3: _TEXT, 4: _PAIRS}, repeated=True)

TENSOR_NAME: Final = 8
_TENSOR_LOCATION: Final = 14
_TENSOR: Final[Fields] = {
    1: Field("int64", repeated=True),
    2: _INT32,
    3: _refused("a part of a tensor"),
    4: Field("floats"),
    5: Field("int32s"),
    6: Field("bytes", repeated=True),
    7: Field("int64s"),
    TENSOR_NAME: _TEXT,
    9: Field("bytes"),
    10: Field("doubles"),
    11: Field("uint64s"),
    12: _TEXT,
    13: Field(refused=_OUTSIDE),
    _TENSOR_LOCATION: Field("int32", refused=_OUTSIDE),
    16: _PAIRS,
}
"""Location 0 is the graph itself."""

_ATTRIBUTE: Final[Fields] = {
    1: _TEXT,
    2: _FLOAT,
    3: _INT,
    4: Field("bytes"),
    5: Field(_TENSOR),
    6: Field(refused=_BRANCHES),
    7: Field("float", repeated=True),
    8: Field("int64", repeated=True),
    9: Field("bytes", repeated=True),
    10: Field(_TENSOR, repeated=True),
    11: Field(refused=_BRANCHES),
    13: _TEXT,
    14: _refused("types"),
    15: _refused("types"),
    20: Field("int32"),
    21: _refused("functions"),
    22: _refused("sparse tensors"),
    23: _refused("sparse tensors"),
}

NODE_INPUTS, NODE_OUTPUTS, NODE_OPERATOR, NODE_DOMAIN = 1, 2, 4, 7
_NODE: Final[Fields] = {
    NODE_INPUTS: _TEXTS,
    NODE_OUTPUTS: _TEXTS,
    3: _TEXT,
    NODE_OPERATOR: _TEXT,
    5: Field(_ATTRIBUTE, repeated=True),
    6: _TEXT,
    NODE_DOMAIN: _TEXT,
    8: _refused("functions"),
    9: _PAIRS,
    10: _refused("settings of several processors"),
}

GRAPH_NODES, GRAPH_TENSORS, GRAPH_INPUTS = 1, 5, 11
_GRAPH: Final[Fields] = {
    GRAPH_NODES: Field(_NODE, repeated=True),
    2: _TEXT,
    GRAPH_TENSORS: Field(_TENSOR, repeated=True),
    10: _TEXT,
    GRAPH_INPUTS: _VALUES,
    12: _VALUES,
    13: _VALUES,
    14: _refused("notes on quantised tensors"),
    15: _refused("sparse tensors"),
    16: _PAIRS,
}

MODEL_GRAPH, MODEL_OPSETS, OPSET_DOMAIN = 7, 8, 1
MODEL: Final[Fields] = {
    1: _INT,
    2: _TEXT,
    3: _TEXT,
    4: _TEXT,
    5: _INT,
    6: _TEXT,
    MODEL_GRAPH: Field(_GRAPH),
    MODEL_OPSETS: Field({OPSET_DOMAIN: _TEXT, 2: _INT}, repeated=True),
    14: _PAIRS,
    20: _refused("training steps"),
    25: _refused("functions"),
    26: _refused("settings of several processors"),
}
