"""Nearest-neighbour Resize whose rounding a device does in its own way.

CANN's Resize rounds halves up (`round_prefer_ceil`) whatever the node says, except for the form that PyTorch exports
(asymmetric, floor), which TensorFlow's nearest Resize computes and CANN with it. Here belongs counting the positions
that move by that, from the formulas of ONNX's operator specification. Not here: scales that are no constants
(`resize.py`).
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.faults import STATED, Faults
from ascend_assets.diagnosis.observers.reading import Reading, told
from ascend_assets.diagnosis.offers import offer
from ascend_assets.remedies.kinds import RewriteResize
from resources.onnx_files.graph import Node

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Positions = NDArray[np.int64]

_VALUES = (*STATED, "moved", "positions", "rounding", "coordinates", "whole")
MAKES = {"nearest_rounding": Kind(_VALUES, ("rewrite_resize",))}

DEVICE = "round_prefer_ceil"
"""What CANN's nearest Resize does (its operator list, from 8.3 on)."""
_LONGEST = 65536
"""Positions along one axis that are worked out."""
_SCALES, _OLD_SCALES = 2, 1


def observe(case: Case) -> Iterator[Observation]:
    """Every Resize of which a device would take other pixels."""
    reading = Reading(case)
    faults = Faults(reading)
    for node in reading.nodes:
        if node.op != "Resize" or _text(node, "mode", "nearest") != "nearest" or _as_tensorflow(node):
            continue
        axes = list(_axes(reading, node))
        moved = sum(int((onnx != device).sum()) for onnx, device, _ in axes)
        if moved:
            yield _fact(faults, node, axes, moved)


def _fact(faults: Faults, node: Node, axes: "list[tuple[Positions, Positions, bool]]", moved: int) -> Observation:
    whole = all(repeats for _, _, repeats in axes)
    rounding = _text(node, "nearest_mode", "round_prefer_floor")
    coordinates = _text(node, "coordinate_transformation_mode", "half_pixel")
    positions = sum(len(onnx) for onnx, _, _ in axes)
    values: dict[str, Value] = {
        "moved": moved,
        "positions": positions,
        "rounding": rounding,
        "coordinates": coordinates,
        "whole": int(whole),
    }
    says = f"{told([node])} rounds {rounding} ({coordinates}): {moved} of {positions} positions differ on a device"
    remedies = offer(RewriteResize, nodes=[node.name], how="repeat") if whole else {}
    return faults.fact("nearest_rounding", says, [node], values, remedies)


def _as_tensorflow(node: Node) -> bool:
    asymmetric = _text(node, "coordinate_transformation_mode", "half_pixel") == "asymmetric"
    return asymmetric and _text(node, "nearest_mode", "round_prefer_floor") == "floor"


def _text(node: Node, name: str, default: str) -> str:
    value = node.attributes.get(name, default)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _axes(reading: Reading, node: Node) -> "Iterator[tuple[Positions, Positions, bool]]":
    """Per axis that changes: the source positions by ONNX and on the device, and whether ONNX repeats each pixel."""
    before = reading.graph.tensors.get(node.inputs[0])
    after = reading.graph.tensors.get(node.outputs[0])
    if before is None or after is None or before.elements is None or after.elements is None:
        return
    old, new = before.shape or (), after.shape or ()
    if len(old) != len(new):
        return
    scales = _scales(reading, node, len(old))
    for axis, (size, resized) in enumerate(zip(old, new, strict=True)):
        if size == resized or not 0 < resized <= _LONGEST or size < 1:
            continue
        scale = scales[axis] if scales else resized / size
        where = _coordinates(node, size, resized, scale)
        if where is None:
            continue
        onnx = _rounded(where, _text(node, "nearest_mode", "round_prefer_floor"), size)
        yield onnx, _rounded(where, DEVICE, size), _repeats(onnx, size, resized)


def _scales(reading: Reading, node: Node, rank: int) -> list[float] | None:
    """The scales that a node states per axis; None where it states sizes."""
    at = _SCALES if len(node.inputs) > _SCALES else _OLD_SCALES
    if at >= len(node.inputs) or not node.inputs[at]:
        return None
    array = reading.array(node.inputs[at])
    if array is None or array.dtype.kind != "f" or array.size != rank:
        return None
    scales = [float(scale) for scale in array.ravel()]
    return scales if all(math.isfinite(scale) and scale > 0 for scale in scales) else None


def _coordinates(node: Node, size: int, resized: int, scale: float) -> "NDArray[np.float32] | None":
    """Where each new position lies in the old axis, by the operator's specification; None for a mode with a crop.

    In single precision and in the order in which ONNX Runtime computes it, which decides what is a half:
    0.5 / (1 / 7) - 0.5 is below 3.
    """
    import numpy as np

    at, half = np.arange(resized, dtype=np.float32), np.float32(0.5)
    mode = _text(node, "coordinate_transformation_mode", "half_pixel")
    if mode == "asymmetric":
        return at * np.float32(1 / scale)
    if mode == "align_corners":
        return at * np.float32(size - 1) / np.float32(max(1, resized - 1))
    if mode == "half_pixel" or (mode == "pytorch_half_pixel" and resized > 1):
        return (at + half) / np.float32(scale) - half
    if mode == "pytorch_half_pixel":
        return np.zeros(1, np.float32)
    return None


def _rounded(where: "NDArray[np.float32]", mode: str, size: int) -> "Positions":
    import numpy as np

    rounded = {
        "floor": np.floor(where),
        "ceil": np.ceil(where),
        "round_prefer_floor": np.ceil(where - 0.5),
        "round_prefer_ceil": np.floor(where + 0.5),
    }.get(mode, np.floor(where))
    found: Positions = np.clip(rounded, 0, size - 1).astype(np.int64)
    return found


def _repeats(onnx: "Positions", size: int, resized: int) -> bool:
    """Whether every pixel is repeated the same number of times, in order."""
    import numpy as np

    return resized % size == 0 and bool((onnx == np.arange(resized) // (resized // size)).all())
