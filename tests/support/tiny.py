"""A model of two layers that is trained by nobody: small enough for a test, real enough for every stage."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DEFS_YAML = """\
type: ascend_assets.component.AscendModel
attributes:
  name: tiny
  task: classification
  source: {onnx: model.onnx}
  inputs:
    - {name: x, shape: [batch, 8]}
  targets:
    - {soc_version: Ascend310P3, batch: 4}
  evaluation: {metric: top1, data: evaluation.npz}
  owners: [team:vision]
"""


def write_tiny(folder: Path, *, seed: int = 0, scale: float = 1.0) -> None:
    """Write model, evaluation data and definition. `scale` multiplies the first layer: 1e6 overflows FP16."""
    folder.mkdir(parents=True, exist_ok=True)
    model = tiny_model(seed, scale)
    onnx.save(model, folder / "model.onnx")
    rng = np.random.default_rng(7)
    x = rng.normal(size=(64, 8)).astype(np.float32)
    np.savez(folder / "evaluation.npz", x=x, labels=labels(x, seed, scale))
    (folder / "defs.yaml").write_text(DEFS_YAML)


def weights(seed: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(8, 16)).astype(np.float32) * np.float32(scale)
    return first, rng.normal(size=(16, 4)).astype(np.float32)


def labels(x: np.ndarray, seed: int, scale: float) -> np.ndarray:
    first, second = weights(seed, scale)
    chosen: np.ndarray = (np.maximum(x @ first, 0) @ second).argmax(axis=1)
    return chosen


def tiny_model(seed: int = 0, scale: float = 1.0, opset: int = 17) -> onnx.ModelProto:
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
