"""Trained weights, limited to what FP16 holds: what the model has learned changes, so a person decides.

Not here: constants that nobody trained (`clamp_constants.py`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from resources.onnx_files.edits.constant_tensors import clamped

if TYPE_CHECKING:
    from onnx import ModelProto


def clamp_weights(model: "ModelProto", tensors: Sequence[str], bound: float) -> "ModelProto":
    """The model with these weights within +-`bound`, in their own types. Others keep every bit.

    Raises `EditError` for a tensor that is no constant of floats in the main graph, or that holds a NaN.
    """
    return clamped(model, tensors, bound)
