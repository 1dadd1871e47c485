"""Small ONNX models for the tests of `resources/onnx_*`: one good one, and ways to spoil it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from resources import onnx_files
from resources.onnx_files import OnnxFileError, OnnxLimits

FLOAT = TensorProto.FLOAT


def value(name: str, shape: Sequence[int | str | None] | None, dtype: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def weight(name: str, *shape: int, seed: int = 0) -> onnx.TensorProto:
    return numpy_helper.from_array(np.random.default_rng(seed).standard_normal(shape).astype(np.float32), name)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    weights: Sequence[onnx.TensorProto] = (),
    **given: Any,
) -> onnx.ModelProto:
    graph = helper.make_graph(list(nodes), "sample", list(inputs), list(outputs), list(weights))
    given.setdefault("opset_imports", [helper.make_opsetid("", 13)])
    return helper.make_model(graph, ir_version=8, **given)


def classifier(batch: int | str = 1) -> onnx.ModelProto:
    """Conv, Relu, pooling, Gemm: x [batch,3,8,8] -> y [batch,5]."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("GlobalAveragePool", ["r"], ["p"], name="pool"),
        helper.make_node("Flatten", ["p"], ["f"], name="flatten"),
        helper.make_node("Gemm", ["f", "g"], ["y"], name="gemm"),
    ]
    weights = [weight("w", 64, 3, 3, 3), weight("g", 64, 5, seed=1)]
    return model(nodes, [value("x", [batch, 3, 8, 8])], [value("y", [batch, 5])], weights)


def relu_chain(*edges: tuple[str, str]) -> onnx.ModelProto:
    """One Relu per edge, as given: in any order, with any loop."""
    nodes = [helper.make_node("Relu", [a], [b], name=f"{a}-{b}") for a, b in edges]
    return model(nodes, [value("x", [1])], [value(edges[-1][1], [1])])


def nested(depth: int) -> onnx.ModelProto:
    """`depth` If nodes inside each other."""
    inner = [helper.make_node("Relu", ["x"], ["v0"])]
    for level in range(depth):
        branch = helper.make_graph(inner, f"g{level}", [], [value(f"v{level}", None)])
        inner = [helper.make_node("If", ["c"], [f"v{level + 1}"], then_branch=branch, else_branch=branch)]
        if level > 4:
            # The branches double the file at each level; one is enough to be deep.
            del inner[0].attribute[1:]
    return model(inner, [value("x", [1]), value("c", [], TensorProto.BOOL)], [value(f"v{depth}", [1])])


def unfolding(levels: int) -> onnx.ModelProto:
    """Local functions that call the next one twice: 2**levels nodes in a few hundred bytes."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    functions = []
    for level in range(levels):
        last = level == levels - 1
        name, domain = ("Relu", "") if last else (f"F{level + 1}", "local")
        body = [
            helper.make_node(name, ["a"], ["t"], domain=domain),
            helper.make_node(name, ["t"], ["b"], domain=domain),
        ]
        functions.append(helper.make_function("local", f"F{level}", ["a"], ["b"], body, opsets))
    call = [helper.make_node("F0", ["x"], ["y"], domain="local")]
    return model(call, [value("x", [1])], [value("y", [1])], opset_imports=opsets, functions=functions)


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, payload: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def save(folder: Path, content: onnx.ModelProto | bytes, name: str = "m.onnx") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    return path


def refusal(path: Path, expected: type[OnnxFileError], limits: OnnxLimits = onnx_files.DEFAULT) -> str:
    """The message of the refusal, which is one line and names the file."""
    with pytest.raises(OnnxFileError) as caught:
        onnx_files.load(path, limits=limits)
    assert type(caught.value) is expected
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert len(message) < 600
    return message
