"""What takes a card's memory, where a model does not fit.

Here belongs reading the memory verdict and how much of it is weights. Not here: how a model is divided between cards.
"""

from collections.abc import Iterator
from math import prod

from ascend_assets.diagnosis.case import Case, Observation
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.reading import FLOATS
from resources.onnx_files.structure import claimed_bytes

_VALUES = ("needed_mib", "available_mib", "weights_mib", "weights_share", "batch", "cards")
MAKES = {"memory_short": Kind(_VALUES)}

_MIB = 1024 * 1024
_USABLE = 0.9
"""Share of a card's memory that a model may take (the gate's limit)."""
_NARROW_BYTES = 2


def observe(case: Case) -> Iterator[Observation]:
    """The shortage, where the gate refuses the model for it."""
    profile = case.profile
    if profile is None or profile.memory_available_bytes <= 0:
        return
    if not any(verdict.criterion == "memory_fit" and verdict.judged for verdict in case.refused):
        return
    needed, available = profile.memory_bytes, profile.memory_available_bytes
    weights = min(_weights(case), needed)
    yield Observation(
        kind="memory_short",
        says=f"{needed / _MIB:,.0f} MiB needed, {available / _MIB:,.0f} MiB there, {weights / _MIB:,.0f} MiB weights",
        values={
            "needed_mib": round(needed / _MIB),
            "available_mib": round(available / _MIB),
            "weights_mib": round(weights / _MIB),
            "weights_share": round(weights / needed, 3),
            "batch": profile.batch,
            "cards": -(-needed // max(1, int(available * _USABLE))),
        },
        from_="verdicts",
    )


def _weights(case: Case) -> int:
    """Bytes of the weights on the device, floats of 32 bits as FP16 unless the mode keeps them."""
    tensors = case.graph.tensors.values() if case.graph else ()
    wide = case.options.mode in {"must_keep_origin_dtype", "force_fp32"}
    total = 0
    for tensor in tensors:
        if tensor.constant and tensor.shape is not None:
            narrows = tensor.dtype in FLOATS and not wide
            total += _NARROW_BYTES * prod(tensor.shape) if narrows else claimed_bytes(tensor.dtype, tensor.shape)
    return total
