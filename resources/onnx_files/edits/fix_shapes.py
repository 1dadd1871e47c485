"""Input sizes written into a model, and what follows from them inside.

Here belongs writing them. Not here: which sizes (`repair`), or the inference (`resources/onnx_files/shapes.py`).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.named import write_names
from resources.onnx_files.edits.surgery import checked
from resources.onnx_files.limits import ShapeError
from resources.onnx_files.shapes import declared, inputs, with_shapes

if TYPE_CHECKING:
    from onnx import ModelProto


def fix_shapes(model: "ModelProto", shapes: Mapping[str, Sequence[int]]) -> "ModelProto":
    """The model with its inputs fixed to `shapes`, and every inner shape inferred that follows from them.

    Inputs that are not named stay as they are. Raises `EditError` for an input that the model has not, a size that
    contradicts a fixed one, or shapes that contradict each other inside.
    """
    whole = {value.name: tuple(-1 if d is None else d for d in declared(value) or ()) for value in inputs(model)}
    given = {name: tuple(dims) for name, dims in shapes.items()}
    ranked = {name: dims for name, dims in whole.items() if declared_rank(model, name)}
    if all(whole.get(name) == dims for name, dims in given.items()):
        raise EditError("the model's inputs have these shapes already")
    try:
        fixed = with_shapes(model, {**ranked, **given}, None)
    except ShapeError as error:
        raise EditError(str(error)) from error
    write_names(fixed)
    _open_outputs(fixed, model)
    return checked(fixed, model)


def _open_outputs(fixed: "ModelProto", model: "ModelProto") -> None:
    """Outputs whose shape nothing could infer keep their number of dimensions, each of them open."""
    for value, before in zip(fixed.graph.output, model.graph.output, strict=True):
        dims = declared(before)
        if declared(value) is None and dims is not None:
            for _ in dims:
                value.type.tensor_type.shape.dim.add()
            value.type.tensor_type.shape.SetInParent()


def declared_rank(model: "ModelProto", name: str) -> bool:
    """Whether the model states how many dimensions an input has."""
    return any(value.name == name and declared(value) is not None for value in inputs(model))
