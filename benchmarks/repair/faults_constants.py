"""Large constants where FP16 ends at 65504: masks, fills and offsets.

Here belong blocks; the masks of attention are a matter of style (`Style.masked`, `Style.mask_value`). Not here: sums
and guards (`faults_numbers.py`).
"""

import numpy as np

from benchmarks.repair.builder import Net
from benchmarks.repair.faults_numbers import on_rows
from benchmarks.repair.style import Block


def _some(net: Net, rows: int) -> str:
    keep = np.arange(rows).reshape(1, rows, 1) % 3 != 1
    return net.array(keep)


def filled_maximum(value: float) -> Block:
    """The largest of the rows that count: the others are filled with a value that is out of range."""

    def inner(net: Net, x: str) -> str:
        filled = net.op("Where", _some(net, net.shape(x)[1]), x, net.const(value))
        return net.op("Sub", x, net.reduce("ReduceMax", filled, 1))

    return on_rows(inner)


def filled_minimum(value: float) -> Block:
    """The nearest of the rows that count: the others are put at a distance that is out of range."""

    def inner(net: Net, x: str) -> str:
        filled = net.op("Where", _some(net, net.shape(x)[1]), net.op("Abs", x), net.const(value))
        nearest = net.reduce("ReduceMin", filled, 1)
        return net.op("Div", x, net.op("Add", nearest, net.const(1.0)))

    return on_rows(inner)


def masked_softmax(value: float, form: str = "multiply") -> Block:
    """Attention pooling over rows of which some are absent; `form` as `Style.masked` has it."""

    def inner(net: Net, x: str) -> str:
        rows = net.shape(x)[1]
        scores = net.reduce("ReduceMean", x, -1)
        keep = (np.arange(rows).reshape(1, rows, 1) % 3 != 1).astype(np.float32)
        if form == "where":
            scores = net.op("Where", _some(net, rows), scores, net.const(value))
        elif form == "add":
            scores = net.op("Add", scores, net.array((1 - keep) * np.float32(value)))
        else:
            # A mask that depends on the input cannot be folded: rows whose mean is far below zero are absent.
            present = net.op("Cast", net.op("Greater", scores, net.const(-0.02)), to=1)
            absent = net.op("Sub", net.const(1.0), present)
            sign = -value if form == "subtract" else value
            scores = net.op("Sub" if form == "subtract" else "Add", scores, net.op("Mul", absent, net.const(sign)))
        pooled = net.reduce("ReduceSum", net.op("Mul", x, net.op("Softmax", scores, axis=1)), 1)
        return net.op("Add", x, pooled)

    return on_rows(inner)


def padded_pool(value: float) -> Block:
    """A maximum over neighbours, whose border is padded with a value that is out of range."""

    def inner(net: Net, x: str) -> str:
        padded = net.op("Pad", x, net.ints(0, 0, 1, 0, 0, 1), net.const(value))
        return net.op("MaxPool", padded, kernel_shape=[3], strides=[1])

    return on_rows(inner)


def class_offset(offset: float) -> Block:
    """Boxes moved apart by class before they are compared, as for suppression per class, and moved back."""

    def inner(net: Net, x: str) -> str:
        rows = net.shape(x)[1]
        apart = net.array((np.arange(rows) % 80).reshape(1, rows, 1).astype(np.float32))
        present = net.op("Cast", net.op("Greater", net.reduce("ReduceMax", x, -1), net.const(-9.0)), to=1)
        moved = net.op("Add", x, net.op("Mul", net.op("Mul", apart, present), net.const(offset)))
        return net.op("Sub", moved, net.op("Mul", net.op("Mul", apart, present), net.const(offset)))

    return on_rows(inner)
