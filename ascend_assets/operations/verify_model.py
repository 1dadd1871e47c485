"""The small network that `ascend verify` compiles: what every vision model is made of, and quick everywhere.

Here belong building it, its input, and its result in FP32. Not here: what is done with it (`verify.py`).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

INPUT, OUTPUT = "image", "scores"
_SHAPE = (1, 3, 32, 32)
_CHANNELS, _CLASSES = 16, 10


def onnx_bytes() -> bytes:
    """Conv, Relu, MaxPool, GlobalAveragePool, Flatten, Gemm: image [1,3,32,32] -> scores [1,10], opset 13."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(20261120)
    nodes = [
        helper.make_node("Conv", [INPUT, "weight"], ["features"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["features"], ["positive"], name="relu"),
        helper.make_node("MaxPool", ["positive"], ["pooled"], name="maxpool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["pooled"], ["means"], name="average"),
        helper.make_node("Flatten", ["means"], ["flat"], name="flatten"),
        helper.make_node("Gemm", ["flat", "head", "bias"], [OUTPUT], name="gemm"),
    ]
    shapes = {"weight": (_CHANNELS, 3, 3, 3), "head": (_CHANNELS, _CLASSES), "bias": (_CLASSES,)}
    weights = [
        numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    ends = [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, _SHAPE)]
    made = [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, (1, _CLASSES))]
    graph = helper.make_graph(nodes, "ascend_verify", ends, made, weights)
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def inputs() -> "dict[str, Floats]":
    """One image, the same every time."""
    import numpy as np

    return {INPUT: np.random.default_rng(7).standard_normal(_SHAPE).astype(np.float32)}


def reference(model: bytes) -> "Floats":
    """The scores in FP32 on the CPU."""
    from resources.onnx_files.sessions import open_session, run_session, session_options

    made: Floats = run_session(open_session(model, session_options()), [OUTPUT], inputs())[OUTPUT]
    return made
