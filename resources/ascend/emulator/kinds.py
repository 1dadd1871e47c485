"""How costly each ONNX operator is for the vector unit, and which ones are free.

Here belongs the table of passes, in vector instructions per element, and the sets of operators that GE folds away or
that only move memory. Orders of magnitude from the instruction sequences of the TBE operators (a Sigmoid is
negate, exponential, add, reciprocal); one fitted efficiency scales them all. Not here: cube operators (`geometry.py`).
"""

from math import prod

from resources.onnx_files.graph import Node

FREE = frozenset({"Identity", "Dropout", "Constant", "Shape", "Size", "Flatten", "Squeeze", "Unsqueeze", "Reshape"})
"""No kernel runs: the graph engine removes these, or only changes a shape."""

ELEMENTWISE: dict[str, float] = {
    **dict.fromkeys(("Relu", "Abs", "Neg", "Clip", "Min", "Max", "Add", "Sub", "Mul", "Sum", "Not", "And", "Or"), 1),
    **dict.fromkeys(("LeakyRelu", "PRelu", "ThresholdedRelu", "Cast", "Floor", "Ceil", "Round", "Sign"), 1.5),
    **dict.fromkeys(("Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Where", "Xor", "IsNaN"), 3),
    **dict.fromkeys(("Div", "Reciprocal", "Sqrt", "Exp", "Log", "HardSigmoid", "BatchNormalization"), 2),
    **dict.fromkeys(("HardSwish", "Pow", "Mean", "Mod", "BitShift"), 4),
    "Sigmoid": 8,
    "Gelu": 15,
    **dict.fromkeys(("Tanh", "Erf", "Elu", "Selu", "Celu", "Softplus", "Softsign", "Mish"), 10),
    **dict.fromkeys(("Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"), 16),
}
"""Passes of operators whose result has its input's shape: those that GE fuses behind each other and behind a cube."""

REDUCING: dict[str, float] = {
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax"), 20),
    **dict.fromkeys(("LayerNormalization", "InstanceNormalization", "GroupNormalization", "LpNormalization"), 20),
    **dict.fromkeys(("MeanVarianceNormalization", "RMSNormalization", "SimplifiedLayerNormalization"), 20),
    "LRN": 14,
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "GlobalAveragePool"), 1),
    **dict.fromkeys(("ReduceProd", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "GlobalMaxPool"), 2),
    **dict.fromkeys(("ReduceLogSumExp", "CumSum", "ArgMax", "ArgMin", "GlobalLpPool"), 4),
    **dict.fromkeys(("TopK", "NonMaxSuppression", "NonZero", "Unique"), 64),
    **dict.fromkeys(("GridSample", "RoiAlign", "MaxRoiPool"), 32),
    "Resize": 16,
    "Upsample": 16,
}
"""Passes over the larger of input and output; these end a chain of fused operators."""

WINDOWED = frozenset({"MaxPool", "AveragePool", "LpPool"})
"""One pass per tap of the window over the output."""

STRIDED = frozenset(
    {
        "Transpose",
        "DepthToSpace",
        "SpaceToDepth",
        "GatherElements",
        "GatherND",
        "Scatter",
        "ScatterND",
        "ScatterElements",
    }
    | {"Pad", "Expand", "Tile", "ReverseSequence", "Resize", "Upsample", "OneHot", "GridSample", "Slice"}
    | {"Concat", "Split"}
)
"""Memory moves that do not reach the memory's rate: piecewise, and through the unified buffer both ways."""

BURST = 512
"""Bytes below which the rows of a Gather are piecewise too (Ascend C's guide asks for 512-byte aligned transfers)."""

CHANNEL_LAYOUT = frozenset(
    {"Conv", "ConvTranspose", "DeformConv", "GlobalAveragePool", "GlobalMaxPool", "Resize", "Upsample", "LRN"}
    | {"InstanceNormalization", "BatchNormalization", "DepthToSpace"}
    | WINDOWED
)
"""Operators whose kernels work in NC1HWC0, the layout with 16 channels innermost."""


def passes(node: Node, taken: int, made: int) -> float:
    """Vector instructions per lane group for `node`, times elements; `taken` and `made` are element counts."""
    if node.op in ELEMENTWISE:
        return ELEMENTWISE[node.op] * made
    if node.op in WINDOWED:
        return float(prod(node.attributes.get("kernel_shape", [1]))) * made
    return REDUCING.get(node.op, 0.0) * max(taken, made)
