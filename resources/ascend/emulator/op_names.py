"""What the graph engine calls an ONNX operator.

Here belongs the map from ONNX operator types to GE's, as CANN's ONNX parsers create them (8.0 to 8.1; several where
the parser, a fusion pass or a shape decides), and the two families of operators that the numerics treat alike: cube
and exact. Not here: which of them has a kernel on a SoC (`kernels.py`) or a registered parser.
"""

from types import MappingProxyType

_RENAMED: dict[str, tuple[str, ...]] = {
    "ArgMax": ("ArgMaxV2",),
    "ArgMin": ("ArgMin",),
    "AveragePool": ("AvgPoolV2", "AvgPool", "AvgPool3D"),
    "BatchNormalization": ("BNInference", "BatchNorm"),
    "Clip": ("ClipByValue", "ClipByValueV2"),
    "Concat": ("ConcatD", "ConcatV2"),
    "ConstantOfShape": ("Fill",),
    "Conv": ("Conv2D", "Conv3D", "DepthwiseConv2D"),
    "ConvTranspose": ("Conv2DTranspose", "Conv2DTransposeD", "Conv3DTranspose"),
    "CumSum": ("Cumsum", "CumsumD"),
    "DeformConv": ("DeformableConv2D",),
    "Div": ("RealDiv",),
    "EmbeddingBag": ("EmbeddingBag",),
    "Flatten": ("Reshape",),
    "GRU": ("DynamicGRUV2",),
    "Gather": ("GatherV2",),
    "GatherND": ("GatherNd",),
    "Gelu": ("Gelu", "GeluV2"),
    "Gemm": ("MatMulV2", "Gemm", "MatMul"),
    "GlobalAveragePool": ("ReduceMean", "ReduceMeanD", "GlobalAveragePool", "AdaptiveAvgPool2d"),
    "GlobalMaxPool": ("ReduceMax", "GlobalMaxPool"),
    "GreaterOrEqual": ("GreaterEqual",),
    "GridSample": ("GridSampler2D", "GridSampler3D"),
    "GroupNormalization": ("GroupNorm", "GroupNormV2"),
    "InstanceNormalization": ("InstanceNorm", "InstanceNormV2"),
    "LSTM": ("CommonLSTM", "DynamicRNN", "DynamicLSTMV2"),
    "LayerNormalization": ("LayerNorm", "LayerNormV3", "LayerNormV4"),
    "LessOrEqual": ("LessEqual",),
    "LogSoftmax": ("LogSoftmaxV2",),
    "MatMul": ("BatchMatMulV2", "BatchMatMul", "MatMulV2", "MatMul", "MatMulV3"),
    "Max": ("Maximum",),
    "MaxPool": ("MaxPoolV3", "MaxPool", "MaxPool3D"),
    "Mean": ("AccumulateNV2", "RealDiv"),
    "Min": ("Minimum",),
    "Mod": ("FloorMod", "Mod"),
    "And": ("LogicalAnd",),
    "Not": ("LogicalNot",),
    "Or": ("LogicalOr",),
    "NonMaxSuppression": ("NonMaxSuppressionV6", "NonMaxSuppressionV7"),
    "Pad": ("PadV3", "Pad"),
    "RMSNormalization": ("RmsNorm",),
    "ReduceL1": ("ReduceSum", "ReduceSumD", "LpNorm"),
    "ReduceL2": ("LpNorm", "ReduceSum"),
    "ReduceLogSum": ("ReduceLogSum", "ReduceSum", "Log"),
    "ReduceLogSumExp": ("ReduceLogSumExp", "ReduceSum", "Log", "Exp"),
    "ReduceMax": ("ReduceMax", "ReduceMaxD"),
    "ReduceMean": ("ReduceMean", "ReduceMeanD"),
    "ReduceMin": ("ReduceMin", "ReduceMinD"),
    "ReduceProd": ("ReduceProd", "ReduceProdD"),
    "ReduceSum": ("ReduceSum", "ReduceSumD"),
    "ReduceSumSquare": ("SquareSumV1", "ReduceSum"),
    "Resize": (
        "Resize",
        "ResizeD",
        "ResizeNearestNeighborV2",
        "ResizeBilinearV2",
        "ResizeBilinearV2D",
        "UpsampleNearest2d",
        "UpsampleBilinear2d",
    ),
    "RoiAlign": ("ROIAlign",),
    "Scatter": ("ScatterElements", "ScatterElementsV2"),
    "ScatterElements": ("ScatterElements", "ScatterElementsV2"),
    "ScatterND": ("ScatterNdUpdate", "ScatterNd"),
    "Slice": ("StridedSliceV2", "StridedSlice", "Slice"),
    "Softmax": ("SoftmaxV2",),
    "Split": ("SplitV", "SplitD", "Split"),
    "Squeeze": ("Reshape",),
    "Sum": ("AddN", "Add"),
    "TopK": ("TopKV2", "TopK"),
    "Trilu": ("Trilu", "Tril", "Triu"),
    "Unsqueeze": ("Reshape",),
    "Where": ("SelectV2", "Where"),
}

ONNX_TO_GE = MappingProxyType(_RENAMED)
"""Operators whose GE type differs from the ONNX one; the likeliest first."""

CUBE = frozenset({"Conv", "ConvTranspose", "DeformConv", "Gemm", "MatMul", "Einsum"})
"""Operators that the cube unit computes: products of rounded factors, accumulated in FP32."""

EXACT = frozenset(
    {"Abs", "Concat", "DepthToSpace", "Dropout", "Expand", "Flatten", "Gather", "GatherElements", "GatherND"}
    | {"GlobalMaxPool", "Identity", "Max", "MaxPool", "Min", "Neg", "ReduceMax", "ReduceMin", "Relu", "Reshape"}
    | {"ReverseSequence", "ScatterND", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Trilu"}
    | {"Unsqueeze", "Where", "Sign"}
)
"""Operators whose float results are values of their inputs, their negatives or 0 and 1: rounded in, rounded out.

They commute with rounding, which is monotone and odd: the result of rounded inputs is the rounded result.
"""

MAKERS = frozenset({"Constant", "ConstantOfShape", "Shape", "Size", "EyeLike", "Range", "OneHot"})
"""Operators that make values instead of computing with floats; the graph engine folds or runs them as they are."""


def ge_types(onnx_op: str) -> tuple[str, ...]:
    """GE's types for an ONNX operator type, the likeliest first; its own name where GE has the same."""
    return ONNX_TO_GE.get(onnx_op, (onnx_op,))
