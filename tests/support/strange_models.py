"""ONNX files as people really have them, and as nobody should: what `ascend preflight` is shown in tests."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from benchmarks.two_layers import two_layers

FLOAT, FLOAT16, INT64 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT64
_RNG = np.random.default_rng(3)


def value(name: str, shape: Sequence[int | str | None] | None, dtype: int = FLOAT) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def weight(name: str, *shape: int, dtype: Any = np.float32) -> TensorProto:
    return numpy_helper.from_array((np.random.default_rng(3).standard_normal(shape) / 4).astype(dtype), name)


def model(
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[ValueInfoProto],
    weights: Sequence[TensorProto] = (),
    opset: int = 15,
) -> onnx.ModelProto:
    graph = helper.make_graph(list(nodes), "strange", list(inputs), list(outputs), list(weights))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def half() -> onnx.ModelProto:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")]
    return model(
        nodes, [value("x", [2, 8], FLOAT16)], [value("y", [2, 4], FLOAT16)], [weight("w", 8, 4, dtype=np.float16)]
    )


def tokens(sequence: int | str = 6) -> onnx.ModelProto:
    """Ids and a mask, as a text encoder takes them."""
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["embedded"], name="embedding"),
        helper.make_node("Cast", ["mask"], ["kept"], name="kept", to=FLOAT),
        helper.make_node("Unsqueeze", ["kept", "last"], ["column"], name="column"),
        helper.make_node("Mul", ["embedded", "column"], ["masked"], name="masked"),
        helper.make_node("MatMul", ["masked", "w"], ["y"], name="head"),
    ]
    weights = [weight("table", 32, 8), weight("w", 8, 4), numpy_helper.from_array(np.array([2], np.int64), "last")]
    inputs = [value("ids", ["batch", sequence], INT64), value("mask", ["batch", sequence], INT64)]
    return model(nodes, inputs, [value("y", ["batch", sequence, 4])], weights)


def scalar() -> onnx.ModelProto:
    nodes = [helper.make_node("ReduceMean", ["x"], ["y"], name="mean", keepdims=0)]
    return model(nodes, [value("x", [2, 8])], [value("y", [])])


def volume() -> onnx.ModelProto:
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], name="conv3d", pads=[1] * 6)]
    return model(nodes, [value("x", [1, 2, 4, 4, 4])], [value("y", [1, 3, 4, 4, 4])], [weight("w", 3, 2, 3, 3, 3)])


def recurrent() -> onnx.ModelProto:
    nodes = [helper.make_node("LSTM", ["x", "w", "r"], ["y", "h"], name="lstm", hidden_size=4)]
    weights = [weight("w", 1, 16, 3), weight("r", 1, 16, 4)]
    return model(nodes, [value("x", [5, 1, 3])], [value("y", [5, 1, 1, 4]), value("h", [1, 1, 4])], weights)


def branching() -> onnx.ModelProto:
    branches = {
        f"{name}_branch": helper.make_graph([helper.make_node(op, ["x"], [name])], name, [], [value(name, [2])])
        for name, op in (("then", "Relu"), ("else", "Neg"))
    }
    nodes = [helper.make_node("If", ["c"], ["y"], name="either", **branches)]
    return model(nodes, [value("x", [2]), value("c", [], TensorProto.BOOL)], [value("y", [2])])


def named(name: str) -> onnx.ModelProto:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["hidden"], name=name),
        helper.make_node("Relu", ["hidden"], [f"{name}_out"], name=f"{name}2"),
    ]
    return model(nodes, [value("x", [2, 8])], [value(f"{name}_out", [2, 4])], [weight("w", 8, 4)])


def data_dependent() -> onnx.ModelProto:
    nodes = [helper.make_node("NonZero", ["x"], ["y"], name="where")]
    return model(nodes, [value("x", [2, 8])], [value("y", [2, "found"], INT64)])


def inputless() -> onnx.ModelProto:
    nodes = [helper.make_node("Relu", ["w"], ["y"], name="relu")]
    return model(nodes, [], [value("y", [4])], [weight("w", 4)])


def text_input() -> onnx.ModelProto:
    nodes = [helper.make_node("Identity", ["x"], ["y"], name="same")]
    return model(nodes, [value("x", [2], TensorProto.STRING)], [value("y", [2], TensorProto.STRING)])


def sequence_input() -> onnx.ModelProto:
    inside = helper.make_tensor_sequence_value_info("x", FLOAT, [2, 2])
    nodes = [helper.make_node("ConcatFromSequence", ["x"], ["y"], name="join", axis=0)]
    return model(nodes, [inside], [value("y", None)])


def unnamed() -> onnx.ModelProto:
    nodes = [helper.make_node("Relu", ["x"], ["h"]), helper.make_node("Relu", ["h"], ["y"])]
    return model(nodes, [value("x", [2])], [value("y", [2])])


def unknown_rank() -> onnx.ModelProto:
    return model([helper.make_node("Relu", ["x"], ["y"], name="relu")], [value("x", None)], [value("y", None)])


def without_nodes() -> onnx.ModelProto:
    return model([], [value("x", [2])], [value("x", [2])])


def not_numbers() -> onnx.ModelProto:
    made = named("product")
    made.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.full((8, 4), np.nan, np.float32), "w"))
    return made


def cyclic() -> onnx.ModelProto:
    nodes = [helper.make_node("Relu", ["b"], ["a"], name="one"), helper.make_node("Relu", ["a"], ["b"], name="two")]
    return model(nodes, [value("x", [2])], [value("b", [2])])


def foreign() -> onnx.ModelProto:
    nodes = [helper.make_node("Swish", ["x"], ["y"], name="swish", domain="com.example")]
    made = model(nodes, [value("x", [2])], [value("y", [2])])
    made.opset_import.append(helper.make_opsetid("com.example", 1))
    return made


def escaping(location: str = "../secret") -> onnx.ModelProto:
    made = named("product")
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return made


def greedy() -> onnx.ModelProto:
    """Eighty bytes that claim terabytes."""
    made = named("product")
    made.graph.initializer[0].dims[:] = [2**20, 2**20]
    return made


def greedy_inside() -> onnx.ModelProto:
    """Small inputs, small weights, and an Expand to petabytes in between."""
    nodes = [
        helper.make_node("Expand", ["x", "size"], ["large"], name="expand"),
        helper.make_node("ReduceMean", ["large"], ["y"], name="mean"),
    ]
    size = numpy_helper.from_array(np.array([2**25, 2**25], np.int64), "size")
    return model(nodes, [value("x", [1, 1])], [value("y", [1, 1])], [size])


def dynamic_without_name() -> onnx.ModelProto:
    return model(
        [helper.make_node("Relu", ["x"], ["y"], name="relu")], [value("x", [None, 4])], [value("y", [None, 4])]
    )


def zero_dimension() -> onnx.ModelProto:
    return model([helper.make_node("Relu", ["x"], ["y"], name="relu")], [value("x", [0, 4])], [value("y", [0, 4])])


GOOD: dict[str, Callable[[], onnx.ModelProto]] = {
    "half": half,
    "tokens": tokens,
    "scalar": scalar,
    "volume": volume,
    "recurrent": recurrent,
    "branching": branching,
    "data_dependent": data_dependent,
    "inputless": inputless,
    "text_input": text_input,
    "sequence_input": sequence_input,
    "unnamed": unnamed,
    "dynamic_without_name": dynamic_without_name,
}
"""Models that are legal ONNX, each unlike the usual."""

BAD: dict[str, Callable[[], onnx.ModelProto]] = {
    "unknown_rank": unknown_rank,
    "without_nodes": without_nodes,
    "not_numbers": not_numbers,
    "cyclic": cyclic,
    "foreign": foreign,
    "escaping": escaping,
    "escaping_absolute": lambda: escaping("/etc/hostname"),
    "greedy": greedy,
    "greedy_inside": greedy_inside,
    "zero_dimension": zero_dimension,
    "huge_name": lambda: named("n" * 100_000),
    "opset_20": lambda: two_layers(opset=20),
    "overflowing": lambda: two_layers(scale=1e6),
}
"""Models that cannot be used, or must be refused."""


def write_bytes(folder: Path) -> dict[str, Path]:
    """Files that hold no model at all, and things that are no file."""
    whole = two_layers().SerializeToString()
    flipped = bytearray(whole)
    for at in range(40, len(whole), 97):
        flipped[at] ^= 0x10
    files = {
        "empty": b"",
        "truncated": whole[: len(whole) // 2],
        "flipped": bytes(flipped),
        "text": "\u8fd9\u4e0d\u662f\u6a21\u578b\n".encode(),
        "claims_gigabytes": b"\x08\x08\x3a\xff\xff\xff\xff\x07" + b"\0" * 64,
        "pickle": b"\x80\x04\x95" + b"\0" * 64,
        "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    }
    paths = {}
    for name, data in files.items():
        paths[name] = folder / f"{name}.onnx"
        paths[name].write_bytes(data)
    paths["folder"] = folder / "folder.onnx"
    paths["folder"].mkdir()
    paths["pipe"] = folder / "pipe.onnx"
    os.mkfifo(paths["pipe"])
    paths["missing"] = folder / "missing.onnx"
    paths["device"] = Path("/dev/zero")
    paths["line_break"] = folder / "two\nlines\x1b[2J.onnx"
    return paths
