"""Blocks whose single values leave FP16's range, above or below, before something brings them back.

Here belong factories of blocks that work on any tensor of rank 2 to 4. Not here: sums, norms and guards
(`faults_numbers.py`), or masks and fills (`faults_constants.py`).
"""

import numpy as np

from benchmarks.repair.builder import Net
from benchmarks.repair.faults_numbers import on_rows, scaled
from benchmarks.repair.style import Block


def far_softplus(gain: float) -> Block:
    """A smooth rectifier sharpened by a factor: x times gain, Softplus, divided again."""

    def inner(net: Net, x: str) -> str:
        sharp = net.op("Softplus", net.op("Mul", x, net.const(gain)))
        return net.op("Mul", sharp, net.const(1 / gain))

    return on_rows(inner)


def clipped_exponent(gain: float, most: float) -> Block:
    """Box sizes as exponentials that are clipped only afterwards."""

    def inner(net: Net, x: str) -> str:
        size = net.op("Clip", net.op("Exp", scaled(net, x, gain)), net.const(0.0), net.const(most))
        return net.op("Add", x, net.op("Div", size, net.const(most)))

    return on_rows(inner)


def clipped_inverse(least: float) -> Block:
    """A reciprocal of what may be nearly zero, clipped only afterwards."""

    def inner(net: Net, x: str) -> str:
        low = net.op("Max", net.op("Relu", x), net.const(least))
        inverse = net.op("Min", net.op("Reciprocal", low), net.const(50.0))
        return net.op("Add", x, net.op("Mul", inverse, net.const(0.02)))

    return on_rows(inner)


def squared_distances(gain: float) -> Block:
    """Distances of all rows to all rows, through squares of coordinates in millimetres."""

    def inner(net: Net, x: str) -> str:
        y = scaled(net, x, gain)
        square = net.reduce("ReduceSum", net.op("Mul", y, y), -1)
        cross = net.op("MatMul", y, net.op("Transpose", y, perm=[0, 2, 1]))
        both = net.op("Add", square, net.op("Transpose", square, perm=[0, 2, 1]))
        distance = net.op("Relu", net.op("Sub", both, net.op("Mul", cross, net.const(2.0))))
        near = net.op("Softmax", net.op("Mul", net.op("Sqrt", distance), net.const(-1 / gain)), axis=-1)
        return net.op("Add", x, net.op("MatMul", near, x))

    return on_rows(inner)


def large_angle(steps: float) -> Block:
    """A sinusoidal embedding of a step that the network computes, whose angles FP16 rounds away."""

    def inner(net: Net, x: str) -> str:
        width = net.shape(x)[-1]
        step = net.op("Add", net.reduce("ReduceMean", x, 1, 2), net.const(steps))
        rates = net.array((0.9 ** np.arange(width)).reshape(1, 1, -1).astype(np.float32))
        return net.op("Add", net.op("Mul", x, net.const(0.2)), net.op("Sin", net.op("Mul", step, rates)))

    return on_rows(inner)


def quiet_detour(scale: float) -> Block:
    """Values carried below FP16's normal numbers and scaled up again."""

    def inner(net: Net, x: str) -> str:
        low = net.op("Mul", net.op("Tanh", x), net.const(scale))
        return net.op("Mul", low, net.const(1 / scale))

    return on_rows(inner)


def written_softplus(gain: float) -> Block:
    """A smooth rectifier written out as log(1 + exp(x)), of values whose exponentials pass 65504."""

    def inner(net: Net, x: str) -> str:
        y = scaled(net, net.op("Tanh", x), gain)
        return net.op("Mul", net.op("Log", net.op("Add", net.op("Exp", y), net.const(1.0))), net.const(1 / gain))

    return on_rows(inner)


def layer_scale(gain: float) -> Block:
    """A trained gain per feature, so small that FP16 hardly holds it, undone by what follows."""

    def inner(net: Net, x: str) -> str:
        low = scaled(net, net.op("Tanh", x), gain)
        length = net.op("Sqrt", net.reduce("ReduceMean", net.op("Mul", low, low), -1))
        return net.op("Div", low, net.op("Add", length, net.const(gain * 1e-2)))

    return on_rows(inner)


def huge_weights(gain: float) -> Block:
    """A trained matrix beyond FP16's range behind small activations: nothing but the weights can be changed."""

    def inner(net: Net, x: str) -> str:
        width = net.shape(x)[-1]
        low = net.op("Mul", net.op("Tanh", x), net.const(1e-2))
        return net.op("Mul", net.op("MatMul", low, net.weight((width, width), width, gain)), net.const(100 / gain))

    return on_rows(inner)
