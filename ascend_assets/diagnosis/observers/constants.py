"""Constants that the device's narrow type cannot hold, told apart by what they are used for.

Here belong values beyond FP16's (or BF16's) range in whatever node reads them: masks, fills, factors, bounds, weights.
A constant that is only compared is harmless and not told of; so is infinity, which FP32 has as well. Not here: values
that are computed (`overflow.py`), or constants that are too small (`epsilon.py`).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.faults import STATED, Faults
from ascend_assets.diagnosis.observers.reading import MOVERS, OVERFLOWS, Reading, told
from ascend_assets.diagnosis.offers import offer
from ascend_assets.diagnosis.telling import plain
from ascend_assets.remedies.kinds import ClampConstants, ClampWeights, KeepDtype, Remedy, ScaleWeights
from resources.onnx_files.graph import Node

_VALUES = (*STATED, "value", "tensor", "op", "role")
_CONSTANT = Kind(_VALUES, ("clamp_constants", "keep_dtype"))
MAKES = {
    "large_mask": _CONSTANT,
    "large_fill": _CONSTANT,
    "large_factor": Kind((*_VALUES, "masks"), ("clamp_constants", "keep_dtype")),
    "large_bound": _CONSTANT,
    "large_operand": _CONSTANT,
    "large_weight": Kind(_VALUES, ("scale_weights", "clamp_weights", "keep_dtype")),
}

MASKED = 1e4
"""A mask's magnitude: exp(-1e4) is zero in FP32 too, and six such masks can be added before FP16 ends."""
FILLED = 6e4
"""A fill's magnitude: beyond what a layer in FP16 gives, with room for a small addend."""
_LARGEST = 65504.0
_MOST_POWER = 32

_BOUNDS = {
    "mask": (MASKED, FILLED),
    "factor": (MASKED, FILLED),
    "fill": (FILLED, MASKED),
    "operand": (FILLED, MASKED),
    "bound": (_LARGEST,),
}
"""Magnitudes worth a try, by role: whether one leaves FP32's results as they are is checked after each edit."""

_COMPARED = frozenset({"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"})
_LIMITING = frozenset({"Clip", "Max", "Min"})
_PLACING = frozenset({"Concat", "Pad", "ScatterElements", "ScatterND", "Where"})
_FACTORS = frozenset({"Div", "Mul"})
_SOFTMAX = frozenset({"Exp", "LogSoftmax", "Softmax"})
_TOWARDS = frozenset({"Add", "Concat", "Div", "Gather", "Max", "Min", "Mul", "Pad", "Slice", "Sub", "Sum", "Where"})
"""Operators between a mask and the softmax that it is for."""
_NEAR = 200
"""Nodes that are looked at on the way to a softmax."""

_NORMALIZING = ("BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization")
_MULTIPLYING = ("Conv", "ConvTranspose", "DeformConv", "GRU", "Gemm", "LSTM", "MatMul", "PRelu", "RNN")
_TRAINED: dict[str, int] = dict.fromkeys((*_NORMALIZING, *_MULTIPLYING), 1) | {"Gather": 0, "Einsum": 0}
"""Operators with trained inputs, and the position of the first one."""
_FEW = 64
"""Distinct values of a constant that somebody wrote; what was trained has more."""


@dataclass(frozen=True)
class Large:
    """One constant with a finite value that its readers cannot hold. `value`: the one of the largest magnitude."""

    tensor: str
    value: float
    distinct: int
    users: tuple[Node, ...]


def observe(case: Case) -> Iterator[Observation]:
    """Every such constant once, with all nodes that read it in a narrow type."""
    reading = Reading(case)
    faults = Faults(reading)
    for large in found(reading):
        role = "weight" if _trained(large) else _role(reading, large)
        yield _fact(faults, large, role, int(role == "factor" and _any_masks(reading, large)))


def found(reading: Reading) -> Iterator[Large]:
    """Constants with a finite value beyond what a narrow reader holds."""
    users: dict[str, dict[int, Node]] = {}
    for node in reading.nodes:
        if not reading.narrow(node) or node.op in _COMPARED:
            continue
        for _, name in reading.read_on_device(node):
            if reading.is_float(name) and reading.is_constant(name):
                users.setdefault(reading.root(name), {})[node.index] = node
    for tensor, found in users.items():
        least = min(OVERFLOWS[reading.kind(node)] for node in found.values())
        large = _large(reading, tensor, least, tuple(found.values()))
        if large is not None:
            yield large


def _large(reading: Reading, tensor: str, least: float, users: tuple[Node, ...]) -> Large | None:
    import numpy as np

    array = reading.array(tensor)
    if array is None or array.dtype.kind not in "fiu" or not array.size:
        return None
    values = array.ravel()
    if max(-float(values.min()), float(values.max())) < least:  # weights, nearly always: NaN and infinity are not below
        return None
    finite = values[np.isfinite(values)] if array.dtype.kind == "f" else values
    if not finite.size:
        return None
    low, high = float(finite.min()), float(finite.max())
    value = low if abs(low) >= abs(high) else high
    if abs(value) < least:
        return None
    return Large(tensor, value, int(np.unique(finite[: 1 << 16]).size), users)


def _trained(large: Large) -> bool:
    """Whether training made a constant: it stands where weights stand, or holds many different values."""
    if large.distinct > _FEW:
        return True
    return all(
        node.op in _TRAINED and large.tensor in node.inputs[_TRAINED[node.op] :] and large.distinct > 1
        for node in large.users
    )


def _role(reading: Reading, large: Large) -> str:
    """What a constant is for, by those of its readers that say most."""
    ops = {node.op for node in large.users}
    if ops & _FACTORS:
        return "factor"
    if _any_masks(reading, large):
        return "mask"
    if ops & _LIMITING:
        return "bound"
    return "fill" if ops & _PLACING else "operand"


def _any_masks(reading: Reading, large: Large) -> bool:
    return any(_masks(reading, node) for node in large.users)


def _masks(reading: Reading, node: Node) -> bool:
    """Whether a softmax lies behind a node, with nothing between that a mask does not pass."""
    pending, seen = [node], {node.index}
    while pending and len(seen) < _NEAR:
        current = pending.pop(0)
        if current.op in _SOFTMAX:
            return True
        if current.op not in _TOWARDS and current.op not in MOVERS:
            continue
        for _, reader in reading.after(current):
            if reader.index not in seen:
                seen.add(reader.index)
                pending.append(reader)
    return False


def _fact(faults: Faults, large: Large, role: str, masks: int) -> Observation:
    first = large.users[0]
    kept = offer(KeepDtype, nodes=[node.name for node in faults.chain(large.users)])
    says = f"constant {plain(large.tensor)} holds {large.value:.4g} ({role}), read by {told(large.users)}"
    values: dict[str, Value] = {"value": large.value, "tensor": large.tensor, "op": first.op, "role": role}
    if role == "factor":
        values["masks"] = masks
    return faults.fact(f"large_{role}", says, large.users, values, {**_clamps(large, role), **kept})


def _clamps(large: Large, role: str) -> dict[str, Remedy]:
    if role == "weight":
        # The smallest power of two that brings the weight into FP16's range.
        power = min(_MOST_POWER, max(1, math.ceil(math.log2(abs(large.value) / _LARGEST))))
        scaled = offer(ScaleWeights, nodes=[node.name for node in large.users], power=power)
        return scaled | offer(ClampWeights, tensors=[large.tensor], bound=_LARGEST)
    clamps: dict[str, Remedy] = {}
    for bound in _BOUNDS[role]:
        clamps |= offer(ClampConstants, as_=f"{bound:.0f}", tensors=[large.tensor], bound=bound)
    return clamps
