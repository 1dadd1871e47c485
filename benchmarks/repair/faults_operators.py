"""Operators that ATC has no parser or no kernel for, and sizes that depend on data.

Here belong blocks and grafts whose repair is a rewrite, or that nobody can repair unattended. Not here: a file's header
and types (`faults_conversion.py`).
"""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from benchmarks.repair.builder import Net
from benchmarks.repair.faults import Sample
from benchmarks.repair.faults_conversion import IMAGE_RANK, copied
from benchmarks.repair.faults_numbers import on_rows
from benchmarks.repair.style import Block


def einsum(equation: str) -> Block:
    """A product of several factors by Einsum: the activations N x rows x features first, then square weights."""

    def inner(net: Net, x: str) -> str:
        width = net.shape(x)[-1]
        weights = [net.weight((width, width), width) for _ in range(equation.count(","))]
        return net.op("Add", x, net.op("Einsum", x, *weights, equation=equation))

    return on_rows(inner)


def bilinear(net: Net, x: str) -> str:
    """Attention scores as one Einsum of three factors: x W x^T."""

    def inner(net: Net, x: str) -> str:
        width = net.shape(x)[-1]
        scores = net.op("Einsum", x, net.weight((width, width), width), x, equation="nid,de,nje->nij")
        scores = net.op("Mul", scores, net.const(width**-0.5))
        return net.op("Add", x, net.op("MatMul", net.op("Softmax", scores, axis=-1), x))

    return on_rows(inner)(net, x)


def quick_gelu(net: Net, x: str) -> str:
    """CLIP's activation as ONNX Runtime's operator."""
    return net.foreign("com.microsoft", 1, "QuickGelu", x, alpha=1.702)


def mish(net: Net, x: str) -> str:
    """Mish as the one operator of opset 18."""
    return net.op("Mish", x)


def unpooled(net: Net, x: str) -> str:
    """SegNet's pooling, which hands its indices to the unpooling."""
    if len(net.shape(x)) != IMAGE_RANK:
        raise ValueError("a block for images")
    values, indices = net.ops("MaxPool", [x], 2, kernel_shape=[2, 2], strides=[2, 2])
    return net.op("MaxUnpool", values, indices, kernel_shape=[2, 2], strides=[2, 2])


def nonzero(net: Net, x: str) -> str:
    """Rows chosen by their values: the result's size is known only when it runs."""
    shape = net.shape(x)
    flat = net.op("Reshape", x, net.ints(-1))
    where = net.op("NonZero", net.op("Greater", flat, net.const(0.0)))
    chosen = net.op("Gather", flat, net.op("Squeeze", where, net.ints(0)), axis=0)
    mean = net.op("ReduceMean", net.sized(chosen, (8,)), keepdims=0)
    return net.op("Add", net.sized(net.op("Add", x, mean), shape), net.const(0.0))


def data_resize(net: Net, x: str) -> str:
    """A Resize whose scale the network computes from its input."""
    if len(net.shape(x)) != IMAGE_RANK:
        raise ValueError("a block for images")
    shape = net.shape(x)
    largest = net.op("Cast", net.op("Greater", net.op("ReduceMax", x, keepdims=0), net.const(-1e3)), to=1)
    scale = net.op("Reshape", net.op("Add", largest, net.const(1.0)), net.ints(1))
    scales = net.op("Concat", net.const([1.0, 1.0]), scale, scale, axis=0)
    y = net.op(
        "Resize", x, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    )
    n, c, h, w = shape
    y = net.sized(y, (n, c, 2 * h, 2 * w))
    return net.op("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])


def refined(sample: Sample) -> Sample:
    """A loop around the last tensor that runs until its values are small: how often, the data says."""
    model = copied(sample.model)
    last = model.graph.node[-1]
    name = last.output[0]
    last.output[0] = "before_loop"
    kind = model.graph.output[0].type.tensor_type
    shape = [d.dim_value for d in kind.shape.dim]
    state, tensor = helper.make_tensor_value_info, TensorProto
    body = helper.make_graph(
        [
            helper.make_node("Mul", ["v_in", "half"], ["v_out"]),
            helper.make_node("ReduceMax", ["v_out"], ["top"], keepdims=0),
            helper.make_node("Greater", ["top", "bound"], ["go"]),
        ],
        "body",
        [
            state("i", tensor.INT64, []),
            state("go_in", tensor.BOOL, []),
            state("v_in", tensor.FLOAT, shape),
        ],
        [state("go", tensor.BOOL, []), state("v_out", tensor.FLOAT, shape)],
        [numpy_helper.from_array(np.array(v, np.float32), n) for v, n in ((0.5, "half"), (0.1, "bound"))],
    )
    extra = [(np.array(20, np.int64), "trips"), (np.array(True), "start")]
    model.graph.initializer.extend(numpy_helper.from_array(v, n) for v, n in extra)
    model.graph.node.append(
        helper.make_node("Loop", ["trips", "start", "before_loop"], [name], name="refine", body=body)
    )
    return sample.edited(model)


def constant_branch(net: Net, x: str) -> str:
    """An If whose condition is a constant, as scripted modules leave it."""
    shape = net.shape(x)
    info = helper.make_tensor_value_info
    graphs = {}
    for name, op in (("then_branch", "Sigmoid"), ("else_branch", "Tanh")):
        made = f"{name}_out"
        graphs[name] = helper.make_graph(
            [helper.make_node(op, [x], [made])], name, [], [info(made, TensorProto.FLOAT, shape)]
        )
    return net.sized(net.op("If", net.const(True, np.bool_), **graphs), shape)


def fake_quantised(sample: Sample) -> Sample:
    """Activations rounded to int8 and back before each matrix product: a model prepared for another vendor."""
    model = copied(sample.model)
    graph, nodes = model.graph, []
    extra = [(np.array(0.05, np.float32), "act_scale"), (np.array(0, np.int8), "act_zero")]
    graph.initializer.extend(numpy_helper.from_array(np.asarray(v), n) for v, n in extra)
    for index, node in enumerate(graph.node):
        if node.op_type in {"Conv", "Gemm"}:
            names = [f"act_{index}_q", f"act_{index}_f"]
            nodes.append(helper.make_node("QuantizeLinear", [node.input[0], "act_scale", "act_zero"], names[:1]))
            nodes.append(helper.make_node("DequantizeLinear", [names[0], "act_scale", "act_zero"], names[1:]))
            node.input[0] = names[1]
        nodes.append(node)
    rest = list(nodes)
    del graph.node[:]
    graph.node.extend(rest)
    return sample.edited(model)
