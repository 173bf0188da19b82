"""The operators that a graph may use, and which of their inputs decide how large their output is.

They are ONNX's own, compute the same in each run, and have no parts of their own that run. An operator whose output is
as large as its input's *values* say (``NonZero``, ``Compress``) is missing here, and inputs that say how large an
output is must not depend on what the graph is fed (``graph_check``). So time and memory of a run depend on the number
of voices alone, and a graph cannot grow while it plays.

Source: ONNX operators, opsets 1 to 24.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_BY_ELEMENT: Final = """
    Abs Acos Acosh Add And Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast CastLike Ceil
    Celu Clip Cos Cosh Div Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish Identity IsInf
    IsNaN LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Mul Neg Not Or PRelu Pow Reciprocal Relu Round Selu
    Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Sub Sum Swish Tan Tanh ThresholdedRelu Where Xor
"""
_WHOLE: Final = """
    ArgMax ArgMin Attention AveragePool BatchNormalization Concat Constant Conv ConvInteger ConvTranspose CumSum
    DepthToSpace DequantizeLinear Det DynamicQuantizeLinear Einsum EyeLike Flatten GRU Gather GatherElements GatherND
    Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool GridSample GroupNormalization Hardmax InstanceNormalization LRN
    LSTM LayerNormalization LogSoftmax LpNormalization LpPool MatMul MatMulInteger MaxPool MeanVarianceNormalization
    QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN ReverseSequence RotaryEmbedding Scatter
    ScatterElements ScatterND Softmax SpaceToDepth TensorScatter Transpose Trilu
"""
_REDUCE: Final = """
    ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
"""
SIZED_BY: Final[Mapping[str, tuple[int, ...]]] = {
    "AffineGrid": (1,),
    "BlackmanWindow": (0,),
    "CenterCropPad": (1,),
    "Col2Im": (1, 2),
    "ConstantOfShape": (0,),
    "DFT": (1, 2),
    "Expand": (1,),
    "HammingWindow": (0,),
    "HannWindow": (0,),
    "MelWeightMatrix": (0, 1, 2, 3, 4),
    "OneHot": (1,),
    "Pad": (1, 3),
    "Range": (0, 1, 2),
    **dict.fromkeys(_REDUCE.split(), (1,)),
    "Reshape": (1,),
    "Resize": (1, 2, 3),
    "STFT": (1, 3),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Tile": (1, 2),
    "TopK": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
}
"""Operator → the inputs whose values decide the shape of its output."""
SHAPES: Final = frozenset({"Shape", "Size"})
"""Operators whose output depends on shapes and not on values."""
OPERATORS: Final = frozenset(_BY_ELEMENT.split()) | frozenset(_WHOLE.split()) | SHAPES | frozenset(SIZED_BY)
BRANCHES: Final = frozenset({"If", "Loop", "Scan", "SequenceMap"})
