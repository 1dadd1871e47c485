"""Small ONNX models for the tests of the emulator's numerics, and ways to run them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnx.parser
from numpy.typing import NDArray
from onnx import numpy_helper

from resources.ascend.emulator.infer import Session, serialized
from resources.ascend.emulator.lower import lower
from resources.ascend.emulator.precision import DType, plan
from resources.ascend.options import CompileOptions
from resources.onnx_files.graph import view

TRAP = (
    "agraph (float[N] x) => (float[N] y) <float up = {10000.0}, float down = {0.0001}> "
    "{ a = Mul(x, up) b = Softplus(a) y = Mul(b, down) }"
)
"""At x = 10 the middle reaches 1e5: an FP16 device gives infinity, plain FP32 gives 10."""


def parse(graph: str, weights: Mapping[str, NDArray[Any]] | None = None, opset: int = 17) -> onnx.ModelProto:
    """A model from ONNX's text form of a graph, its types inferred. Nodes are named after their first output."""
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : {opset}]> {graph}')
    for node in model.graph.node:
        node.name = node.output[0]
    model.graph.initializer.extend(numpy_helper.from_array(a, name) for name, a in (weights or {}).items())
    onnx.checker.check_model(model)
    return onnx.shape_inference.infer_shapes(model, check_type=True, data_prop=True)


def options(mode: str | None = None, soc: str = "Ascend310P3", **others: Any) -> CompileOptions:
    return CompileOptions(soc_version=soc, precision_mode=mode, **others)


def planned(model: onnx.ModelProto, chosen: CompileOptions) -> dict[str, DType]:
    """The plan by node name."""
    graph = view(model)
    return {node.name: dtype for node, dtype in zip(graph.nodes, plan(graph, chosen), strict=True)}


def emulate(model: onnx.ModelProto, mode: str | None = None, soc: str = "Ascend310P3", **inputs: Any) -> NDArray[Any]:
    """The first output of the lowered model."""
    session = Session(serialized(lower(model, options(mode, soc))))
    return session.run(inputs)[session.outputs[0]]


def fp16(values: Any) -> NDArray[np.float32]:
    """FP32 values that numpy rounded to FP16."""
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float32).astype(np.float16).astype(np.float32)


def bits(values: NDArray[Any]) -> NDArray[Any]:
    """The raw bits of FP32 values: equality that tells zeros and NaN apart."""
    return np.asarray(values, np.float32).view(np.int32)


def floats(shape: tuple[int, ...], seed: int = 0, scale: float = 1.0) -> NDArray[np.float32]:
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def f32(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


def f16(values: Any) -> NDArray[np.float16]:
    return np.asarray(values, np.float16)


def i64(values: Any) -> NDArray[np.int64]:
    return np.asarray(values, np.int64)
