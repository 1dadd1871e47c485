"""A tiny model that FP16 spoils and a remedy mends: a mask that ends far beyond FP16's range, as exporters write it.

Here belong the model and its project. Not here: what a repair makes of it (the tests).
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tiny import DEFS_YAML

from benchmarks.two_layers import weights

MASK = -1e9
TWO_TARGETS = DEFS_YAML.replace(
    "    - {soc_version: Ascend310P3, batch: 4}\n",
    "    - {soc_version: Ascend310P3, batch: 4}  # the edge\n    - {soc_version: Ascend910B3, batch: 4}\n",
)


def masked_model(seed: int = 0, mask: float = MASK) -> onnx.ModelProto:
    """Scores of eight numbers, the last class masked out before the softmax."""
    first, second = weights(seed, 1.0)
    fill = np.array([0, 0, 0, mask], np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["hidden"], name="hidden"),
        helper.make_node("Relu", ["hidden"], ["active"], name="active"),
        helper.make_node("MatMul", ["active", "second"], ["scores"], name="scores"),
        helper.make_node("Add", ["scores", "mask"], ["masked"], name="masked"),
        helper.make_node("Softmax", ["masked"], ["logits"], name="softmax", axis=-1),
    ]
    graph = helper.make_graph(
        nodes,
        "masked",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 4])],
        [
            numpy_helper.from_array(array, name)
            for name, array in (("first", first), ("second", second), ("mask", fill))
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def write_masked(folder: Path, *, seed: int = 0, mask: float = MASK, definition: str = "") -> None:
    """Model and evaluation data; `definition` where it is another one than lies there."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(masked_model(seed, mask), folder / "model.onnx")
    rng = np.random.default_rng(7)
    x = rng.normal(size=(64, 8)).astype(np.float32)
    first, second = weights(seed, 1.0)
    labels = (np.maximum(x @ first, 0) @ second)[:, :3].argmax(axis=1)
    np.savez(folder / "evaluation.npz", x=x, labels=labels)
    if definition or not (folder / "defs.yaml").exists():
        (folder / "defs.yaml").write_text(definition or DEFS_YAML)
