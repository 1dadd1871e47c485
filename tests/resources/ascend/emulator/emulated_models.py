"""Small ONNX models for the tests of the emulator's compile side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from resources.ascend.options import CompileOptions


def value(name: str, shape: Sequence[int | str | None] | None, dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def constant(name: str, numbers: Sequence[float], dtype: int = TensorProto.INT64) -> onnx.TensorProto:
    return helper.make_tensor(name, dtype, [len(numbers)], numbers)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    weights: Sequence[onnx.TensorProto] = (),
    opset: int = 13,
    domains: Mapping[str, int] | None = None,
) -> onnx.ModelProto:
    graph = helper.make_graph(list(nodes), "sample", list(inputs), list(outputs), list(weights))
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(*pair) for pair in (domains or {}).items())]
    return helper.make_model(graph, ir_version=8, opset_imports=opsets)


def chain(
    *ops: str, opset: int = 13, shape: Sequence[int | str] = (1, 3, 4, 4), domains: Mapping[str, int] | None = None
) -> onnx.ModelProto:
    """Operators of one input and one output in a row, from x to y; named <op>_<index>."""
    names = ["x", *(f"t{index}" for index in range(1, len(ops))), "y"]
    nodes = [
        helper.make_node(op, [names[index]], [names[index + 1]], name=f"{op}_{index}") for index, op in enumerate(ops)
    ]
    return model(nodes, [value("x", shape)], [value("y", None)], (), opset, domains)


def classifier(batch: int | str = 1) -> onnx.ModelProto:
    """Conv, Relu, pooling, Gemm: x [batch,3,8,8] -> y [batch,5]."""
    random = np.random.default_rng(0)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("GlobalAveragePool", ["r"], ["p"], name="pool"),
        helper.make_node("Flatten", ["p"], ["f"], name="flatten"),
        helper.make_node("Gemm", ["f", "g"], ["y"], name="gemm"),
    ]
    weights = [
        numpy_helper.from_array(random.standard_normal((64, 3, 3, 3)).astype(np.float32), "w"),
        numpy_helper.from_array(random.standard_normal((64, 5)).astype(np.float32), "g"),
    ]
    return model(nodes, [value("x", [batch, 3, 8, 8])], [value("y", [batch, 5])], weights)


def save(path: Path, content: onnx.ModelProto) -> Path:
    path.write_bytes(content.SerializeToString(deterministic=True))
    return path


def options(**given: Any) -> CompileOptions:
    return CompileOptions(**{"soc_version": "Ascend310P3", **given})
