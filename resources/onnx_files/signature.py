"""What a model takes and gives: names, types, shapes. Two models of one signature can replace each other.

Here belongs the type and how it is read. Not here: what a change of it means for a version.
"""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from onnx import ModelProto, TypeProto, ValueInfoProto


class TensorType(BaseModel):
    """One input or output. `dtype` as numpy spells it; a dimension of -1 is dynamic, a shape of None unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    dtype: str
    shape: tuple[int, ...] | None


class Signature(BaseModel):
    """Inputs and outputs in the file's order. Weights that are listed as inputs are left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]


def _dtype(kind: "TypeProto") -> str:
    """Numpy's name of the element type; ONNX's own where numpy has none, and the container's for what is no tensor."""
    import onnx

    which = kind.WhichOneof("value")
    if which != "tensor_type":
        return str(which or "unknown").removesuffix("_type")
    element = kind.tensor_type.elem_type
    if element == onnx.TensorProto.STRING:
        return "string"
    try:
        return onnx.helper.tensor_dtype_to_np_dtype(element).name
    except KeyError:
        return "unknown"


def _tensor_type(value: "ValueInfoProto") -> TensorType:
    kind = value.type.tensor_type
    shape = None
    if kind.HasField("shape"):
        shape = tuple(dim.dim_value if dim.HasField("dim_value") else -1 for dim in kind.shape.dim)
    return TensorType(name=value.name, dtype=_dtype(value.type), shape=shape)


def signature(model: "ModelProto") -> Signature:
    """The signature of a loaded model. Symbolic dimensions are all -1: their names are not part of it."""
    weights = {weight.name for weight in model.graph.initializer}
    return Signature(
        inputs=tuple(_tensor_type(value) for value in model.graph.input if value.name not in weights),
        outputs=tuple(_tensor_type(value) for value in model.graph.output),
    )
