"""A network of two layers that is trained by nobody, and what it says of samples: for benchmarks and tests.

Here belong the network and its arithmetic. Not here: the files of a model that has it (`tiny_models.py`,
`tests/support/tiny.py`).
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def two_layers(seed: int = 0, scale: float = 1.0, opset: int = 17) -> onnx.ModelProto:
    """`x` of `[batch, 8]` to `logits` of `[batch, 4]`. `scale` multiplies the first layer: 1e6 overflows FP16."""
    first, second = weights(seed, scale)
    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["hidden"], name="hidden"),
        helper.make_node("Relu", ["hidden"], ["active"], name="active"),
        helper.make_node("MatMul", ["active", "second"], ["logits"], name="logits"),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 4])],
        [numpy_helper.from_array(first, "first"), numpy_helper.from_array(second, "second")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def weights(seed: int = 0, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Both layers' weights, of `[8, 16]` and `[16, 4]`."""
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(8, 16)).astype(np.float32) * np.float32(scale)
    return first, rng.normal(size=(16, 4)).astype(np.float32)


def labels(x: np.ndarray, seed: int = 0, scale: float = 1.0) -> np.ndarray:
    """What the network says of samples, so that its accuracy is 1."""
    first, second = weights(seed, scale)
    chosen: np.ndarray = (np.maximum(x @ first, 0) @ second).argmax(axis=1)
    return chosen
