"""Small graphs with a fault of numbers in each, and what an edit of them is held against."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ascend_assets import preflight
from resources.ascend.options import CompileOptions
from resources.onnx_files.equivalence import Equivalence, compare

FLOAT = TensorProto.FLOAT

Array = np.ndarray[Any, Any]


def graph(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[int]],
    outputs: Sequence[str],
    weights: Mapping[str, Any] | None = None,
    *,
    opset: int = 13,
    dtype: int = FLOAT,
) -> onnx.ModelProto:
    """A model of `nodes`; constants are FP32 unless they are arrays of another type; outputs are of `dtype`."""
    tensors = [
        numpy_helper.from_array(value if isinstance(value, np.ndarray) else np.array(value, np.float32), name)
        for name, value in (weights or {}).items()
    ]
    made = helper.make_graph(
        list(nodes),
        "sample",
        [helper.make_tensor_value_info(name, dtype, list(shape)) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, dtype, None) for name in outputs],
        tensors,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model)


def node(op: str, inputs: str, outputs: str, name: str = "", **attributes: Any) -> onnx.NodeProto:
    """A node, its inputs and outputs parted by spaces."""
    return helper.make_node(op, inputs.split(), outputs.split(), name=name, **attributes)


def normal(*shape: int, seed: int = 0, scale: float = 1.0) -> Array:
    values = np.random.default_rng(seed).standard_normal(shape) * scale
    return values.astype(np.float32)


def same(before: onnx.ModelProto, after: onnx.ModelProto, **inputs: Array) -> Equivalence:
    """The two in FP32 on `inputs`."""
    return compare(before, after, inputs)


def refused(
    folder: Path, model: onnx.ModelProto, inputs: dict[str, Any], options: CompileOptions | None = None
) -> set[str]:
    """The criteria by which preflight's gates keep the model out, on these inputs."""
    path, arrays = folder / "model.onnx", folder / "inputs.npz"
    path.write_bytes(model.SerializeToString())
    np.savez(arrays, **inputs)
    found = preflight.run(path, options or CompileOptions(soc_version="Ascend310P3"), inputs=arrays)
    return {verdict.criterion for verdict in found.verdicts if not verdict}
