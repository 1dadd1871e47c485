"""Constants and weights that are infinite or no number, where the gate on a model's safety refuses.

Here belongs finding them in the main graph. Not here: finite values beyond FP16's range (`constants.py`).
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.offers import offer
from ascend_assets.diagnosis.telling import plain
from ascend_assets.remedies.kinds import ClampConstants, ClampWeights

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

_VALUES = ("tensor", "verdict")
MAKES = {
    "constant_infinite": Kind(_VALUES, ("clamp_constants",)),
    "weight_infinite": Kind(_VALUES, ("clamp_weights",)),
    "constant_nan": Kind(_VALUES),
}

_CRITERION = "model_safety"
_MOST = 1 << 22
"""Elements of a tensor that is looked at."""
_FEW = 3
"""Distinct finite values of a mask or a fill value: what is trained has more."""
_MASKED = 1e4
"""exp(-1e4) is 0 in FP32 and in FP16 (as for masks in `constants.py`)."""
_LARGEST = 65504.0


def observe(case: Case) -> Iterator[Observation]:
    """Tensors that are not finite; nothing where the gate does not mind."""
    refused = next((verdict for verdict in case.refused if verdict.criterion == _CRITERION), None)
    if refused is None or case.model is None:
        return
    for name, tensor in _constants(case.model):
        kind = _kind(tensor)
        if kind:
            values: dict[str, Value] = {"tensor": plain(name), "verdict": plain(refused.why)}
            remedies = {
                "constant_infinite": offer(ClampConstants, tensors=(name,), bound=_MASKED),
                "weight_infinite": offer(ClampWeights, tensors=(name,), bound=_LARGEST),
            }
            readers = tuple(node.name for node in case.graph.nodes if name in node.inputs) if case.graph else ()
            says = f"{plain(name)} holds values that are {'no number' if kind == 'constant_nan' else 'infinite'}"
            yield Observation(kind, says, readers, values, remedies.get(kind, {}), "verdicts")


def _constants(model: "ModelProto") -> "Iterator[tuple[str, TensorProto]]":
    for weight in model.graph.initializer:
        yield weight.name, weight
    for node in model.graph.node:
        if node.op_type == "Constant" and node.output:
            yield from ((node.output[0], entry.t) for entry in node.attribute if entry.name == "value")


def _kind(tensor: "TensorProto") -> str:
    """Which kind of observation a tensor makes; empty for one that is finite, or no tensor of floats."""
    import numpy as np
    from onnx import TensorProto, numpy_helper

    floats = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE}
    if tensor.data_type not in floats or not 0 < math.prod(tensor.dims) <= _MOST or tensor.external_data:
        return ""
    array = numpy_helper.to_array(tensor).astype(np.float64)
    if np.isfinite(array).all():
        return ""
    if np.isnan(array).any():
        return "constant_nan"
    return "constant_infinite" if np.unique(array[np.isfinite(array)]).size <= _FEW else "weight_infinite"
