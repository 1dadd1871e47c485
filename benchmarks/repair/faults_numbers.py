"""Blocks that are right in FP32 and go wrong in FP16: sums, squares, exponentials and guards out of range.

Here belong the ones that normalise or reduce along rows. Each is a factory of blocks that work on any tensor of rank 2
to 4 (`on_rows`). Not here: single values out of range (`faults_range.py`), or masks and fills
(`faults_constants.py`).
"""

from collections.abc import Callable

import numpy as np

from benchmarks.repair import blocks
from benchmarks.repair.builder import Net
from benchmarks.repair.style import Block

Rows = Callable[[Net, str], str]
_IMAGE, _FLAT = 4, 2
_LAYER_NORM = 17
"""Opset that brought LayerNormalization."""


def on_rows(inner: Rows) -> Block:
    """A block from one that takes N x rows x features: an image is its channels, a vector is cut in groups of 4."""

    def block(net: Net, x: str) -> str:
        shape = net.shape(x)
        if len(shape) == _IMAGE:
            x = net.op("Reshape", x, net.ints(*shape[:2], -1))
        elif len(shape) == _FLAT:
            x = net.op("Reshape", x, net.ints(shape[0], -1, 4))
        y = inner(net, x)
        return net.op("Reshape", y, net.ints(*shape)) if len(shape) in {_IMAGE, _FLAT} else y

    return block


def scaled(net: Net, x: str, gain: float) -> str:
    """Activations as large as a badly conditioned layer makes them, through a trained gain per feature."""
    return net.op("Mul", x, net.near_one((net.shape(x)[-1],), gain))


def without_rows(net: Net, x: str) -> str:
    """Every third row zero: padding, dead channels, isolated nodes."""
    keep = np.ones((1, net.shape(x)[1], 1), np.float32)
    keep[:, 1::3] = 0
    return net.op("Mul", x, net.array(keep))


def large_layer_norm(gain: float, *, by_pow: bool = True) -> Block:
    """A layer normalisation that is written out, of activations whose squares pass 65504."""
    return on_rows(lambda net, x: blocks.standardised(net, scaled(net, x, gain), 1e-5, by_pow=by_pow))


def large_rms_norm(gain: float) -> Block:
    """A normalisation by the root mean square, of activations whose squares pass 65504."""

    def inner(net: Net, x: str) -> str:
        y = scaled(net, x, gain)
        square = net.reduce("ReduceMean", net.op("Mul", y, y), -1)
        return net.op("Div", y, net.op("Sqrt", net.op("Add", square, net.const(1e-6))))

    return on_rows(inner)


def large_l2_norm(gain: float, form: str = "ReduceL2") -> Block:
    """A Euclidean normalisation whose sum of squares passes 65504."""

    def inner(net: Net, x: str) -> str:
        y = scaled(net, x, gain)
        return net.op("Div", y, net.op("Add", _length(net, y, form), net.const(1e-3)))

    return on_rows(inner)


def _length(net: Net, x: str, form: str) -> str:
    if form == "ReduceL2":
        return net.reduce("ReduceL2", x, -1)
    if form == "ReduceSumSquare":
        return net.op("Sqrt", net.reduce("ReduceSumSquare", x, -1))
    return net.op("Sqrt", net.reduce("ReduceSum", net.op("Pow", x, net.const(2.0)), -1))


def dead_l2_norm(epsilon: float, guard: str = "Max") -> Block:
    """A Euclidean normalisation of rows that may be zero, guarded by an epsilon that FP16 holds as zero."""

    def inner(net: Net, x: str) -> str:
        y = without_rows(net, x)
        length = net.reduce("ReduceL2", y, -1)
        floor = net.op("Clip", length, net.const(epsilon)) if guard == "Clip" else None
        return net.op("Div", y, floor or net.op(guard, length, net.const(epsilon)))

    return on_rows(inner)


def dead_layer_norm(epsilon: float, form: str = "fused") -> Block:
    """A normalisation of rows that may be constant, with an epsilon that FP16 holds as zero."""

    def inner(net: Net, x: str) -> str:
        y = without_rows(net, x)
        rows, width = net.shape(y)[1:]
        if form == "fused":
            gain = net.near_one((width,))
            return net.op("LayerNormalization", y, gain, net.weight((width,)), axis=-1, epsilon=epsilon)
        if form == "instance":
            gain = net.near_one((rows,))
            return net.op("InstanceNormalization", y, gain, net.weight((rows,)), epsilon=epsilon)
        return blocks.standardised(net, y, epsilon, by_pow=form == "pow")

    return on_rows(inner)


def quiet_layer_norm(scale: float, epsilon: float) -> Block:
    """A normalisation, written out, of values so small that their squares vanish in FP16."""
    return on_rows(lambda net, x: blocks.standardised(net, scaled(net, x, scale), epsilon))


def log_guard(epsilon: float) -> Block:
    """A logarithm of probabilities that may be zero, guarded by an epsilon that FP16 holds as zero."""

    def inner(net: Net, x: str) -> str:
        shares = net.op("Relu", x)
        logs = net.op("Log", net.op("Add", shares, net.const(epsilon)))
        return net.op("Add", x, net.op("Mul", logs, net.const(0.05)))

    return on_rows(inner)


def cosine_guard(epsilon: float) -> Block:
    """Cosine similarities to learnt prototypes, guarded by an epsilon that FP16 holds as zero."""

    def inner(net: Net, x: str) -> str:
        y = without_rows(net, x)
        width = net.shape(x)[-1]
        prototypes = net.weight((width, width), width)
        lengths = net.op("Mul", net.reduce("ReduceL2", y, -1), net.array(np.full((1, 1, width), 1.0, np.float32)))
        return net.op("Div", net.op("MatMul", y, prototypes), net.op("Add", lengths, net.const(epsilon)))

    return on_rows(inner)


def written_softmax(gain: float) -> Block:
    """A softmax written out without taking the largest value off, of capped logits whose exponentials pass 65504."""

    def inner(net: Net, x: str) -> str:
        powers = net.op("Exp", scaled(net, net.op("Tanh", x), gain))
        weights = net.op("Div", powers, net.reduce("ReduceSum", powers, -1))
        return net.op("Add", x, weights)

    return on_rows(inner)


def written_log_sum_exp(gain: float) -> Block:
    """A log-sum-exp written out."""

    def inner(net: Net, x: str) -> str:
        y = scaled(net, x, gain)
        total = net.op("Log", net.reduce("ReduceSum", net.op("Exp", y), -1))
        return net.op("Mul", net.op("Sub", y, total), net.const(1 / gain))

    return on_rows(inner)


def moments(offset: float) -> Block:
    """A variance as E[x^2] - E[x]^2 of values far from zero: FP16 keeps nothing of the difference."""

    def inner(net: Net, x: str) -> str:
        y = net.op("Add", x, net.const(offset))
        mean = net.reduce("ReduceMean", y, -1)
        square = net.reduce("ReduceMean", net.op("Mul", y, y), -1)
        variance = net.op("Relu", net.op("Sub", square, net.op("Mul", mean, mean)))
        return net.op("Div", net.op("Sub", y, mean), net.op("Sqrt", net.op("Add", variance, net.const(1e-3))))

    return on_rows(inner)


def power_mean(power: float, gain: float) -> Block:
    """A generalised mean: powers of clipped activations, their mean, the root."""

    def inner(net: Net, x: str) -> str:
        y = net.op("Clip", scaled(net, x, gain), net.const(1e-3))
        mean = net.reduce("ReduceMean", net.op("Pow", y, net.const(power)), -1)
        root = net.op("Pow", mean, net.const(1 / power))
        return net.op("Div", y, net.op("Add", root, net.const(1.0)))

    return on_rows(inner)


def cubic_gelu(gain: float) -> Block:
    """GELU by its polynomial, of activations whose cubes pass 65504."""
    return on_rows(lambda net, x: net.op("Mul", blocks.gelu_tanh(net, scaled(net, x, gain)), net.const(1 / gain)))


def long_sum(gain: float) -> Block:
    """A mean as a sum that passes 65504, divided afterwards."""

    def inner(net: Net, x: str) -> str:
        size = scaled(net, net.op("Abs", x), gain)
        total = net.reduce("ReduceSum", size, -1)
        mean = net.op("Div", total, net.const(float(net.shape(x)[-1])))
        return net.op("Div", scaled(net, x, gain), net.op("Add", mean, net.const(1.0)))

    return on_rows(inner)


def long_cumsum(gain: float) -> Block:
    """A cumulative sum that passes 65504, divided afterwards."""

    def inner(net: Net, x: str) -> str:
        total = net.op("CumSum", scaled(net, net.op("Abs", x), gain), net.const(2, np.int64))
        return net.op("Mul", total, net.const(1 / (gain * net.shape(x)[-1])))

    return on_rows(inner)


def growing_residual(peak: float, *, fused: bool) -> Block:
    """A residual stream that grows past 65504 before a normalisation brings it back."""

    def inner(net: Net, x: str) -> str:
        for _ in range(4):
            branch = net.op("Tanh", x)
            x = net.op("Add", net.op("Mul", x, net.const((peak / 2) ** 0.25)), branch)
        width = net.shape(x)[-1]
        if fused and net.style.opset >= _LAYER_NORM:
            return net.op("LayerNormalization", x, net.near_one((width,)), net.weight((width,)), axis=-1)
        mean = net.reduce("ReduceMean", x, -1)
        spread = net.reduce("ReduceMean", net.op("Abs", net.op("Sub", x, mean)), -1)
        return net.op("Div", net.op("Sub", x, mean), net.op("Add", spread, net.const(1e-2)))

    return on_rows(inner)


def late_scale(gain: float) -> Block:
    """Attention scores that pass 65504 before they are divided."""

    def inner(net: Net, x: str) -> str:
        y = scaled(net, x, gain)
        scores = net.op("MatMul", y, net.op("Transpose", y, perm=[0, 2, 1]))
        scores = net.op("Mul", scores, net.const(1 / (gain**2 * net.shape(x)[-1] ** 0.5)))
        return net.op("Add", x, net.op("MatMul", net.op("Softmax", scores, axis=-1), x))

    return on_rows(inner)
