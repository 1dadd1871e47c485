"""What looks like a fault and is none: blocks for healthy models, which a repair must leave alone.

Here belong blocks that FP16 survives although a careless rule would fire on them. Not here: faults.
"""

import numpy as np
from onnx import TensorProto

from benchmarks.repair import blocks
from benchmarks.repair.builder import Net
from benchmarks.repair.faults_constants import masked_softmax
from benchmarks.repair.faults_numbers import on_rows
from benchmarks.repair.style import Block

FLOAT32_MAX = 3.4028234663852886e38


def wide_clip(net: Net, x: str) -> str:
    """A rectifier spelled as a Clip whose upper bound nothing reaches."""
    return net.op("Add", net.op("Clip", x, net.const(0.0), net.const(FLOAT32_MAX)), net.op("Mul", x, net.const(0.1)))


def open_slice(net: Net, x: str) -> str:
    """A slice to the end, as exporters write it: up to the largest int64."""
    y = net.op("Slice", x, net.ints(0), net.ints(9223372036854775807), net.ints(1), net.ints(1))
    return net.op("Add", x, net.op("Mul", y, net.const(0.5)))


def far_comparison(net: Net, x: str) -> str:
    """A comparison with a value that FP16 does not hold, and that nothing reaches."""
    beyond = net.op("Cast", net.op("Greater", x, net.const(1e9)), to=TensorProto.FLOAT)
    return net.op("Sub", x, beyond)


def modest_mask(value: float) -> Block:
    """A mask whose value FP16 holds."""
    return masked_softmax(value)


def harmless_epsilon(epsilon: float) -> Block:
    """A normalisation whose epsilon FP16 loses, and whose variances do not need it."""
    return on_rows(lambda net, x: blocks.standardised(net, net.op("Mul", x, net.const(3.0)), epsilon))


def safe_softmax(net: Net, x: str) -> str:
    """A softmax written out that takes the largest value off first."""

    def inner(net: Net, x: str) -> str:
        powers = net.op("Exp", net.op("Sub", x, net.reduce("ReduceMax", x, -1)))
        return net.op("Add", x, net.op("Div", powers, net.reduce("ReduceSum", powers, -1)))

    return on_rows(inner)(net, x)


def index_arithmetic(net: Net, x: str) -> str:
    """Positions counted in int64, as gathers of tokens use them."""
    rows = net.shape(x)[1]
    order = net.op("Sub", net.const(rows - 1, np.int64), net.array(np.arange(rows)))
    order = net.op("Mod", net.op("Add", order, net.const(rows, np.int64)), net.const(rows, np.int64))
    return net.op("Add", x, net.op("Mul", net.op("Gather", x, order, axis=1), net.const(0.3)))


def two_factor_einsum(net: Net, x: str) -> str:
    """An Einsum of two factors, which GE takes."""

    def inner(net: Net, x: str) -> str:
        width = net.shape(x)[-1]
        return net.op("Add", x, net.op("Einsum", x, net.weight((width, width), width), equation="nid,de->nie"))

    return on_rows(inner)(net, x)
