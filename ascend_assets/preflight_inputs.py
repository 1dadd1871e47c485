"""What a file without a project is fed: its inputs' shapes, and the tensors that its layers are compared on.

Here belongs settling what a file leaves open from the options, the given arrays and, for the batch alone, an
assumption. Not here: what is done with the tensors (`preflight.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ascend_assets import evaluation
from resources import npz, onnx_files
from resources.onnx_files import roles
from resources.onnx_files.shapes import fixed_inputs
from resources.onnx_files.signature import TensorType
from resources.onnx_files.structure import shown

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    Tensors = Mapping[str, NDArray[Any]]

_KINDS = "biuf"
_BFLOAT16 = "bfloat16"
"""A float like others, for which numpy has no kind of its own."""
_IMAGE, _SEQUENCE = 224, 128
"""Sizes that an example of --input-shape shows: images are mostly square, sequences mostly that long."""


class NotUsable(Exception):
    """What was given cannot be judged. The message says what to do."""


class Unsettled(NotUsable):
    """The inputs' shapes do not go with the model; other shapes might. `inputs`: those that leave sizes open."""

    def __init__(self, message: str, inputs: tuple[str, ...] = ()) -> None:
        self.inputs = inputs
        super().__init__(message)


@dataclass(frozen=True)
class Asked:
    """What a person said about the inputs. `arrays` comes from `source`, a file that error messages name."""

    shapes: Mapping[str, Sequence[int]]
    batch: int | None = None
    arrays: "Tensors | None" = None
    source: Path | None = None

    @property
    def kind(self) -> Literal["evaluation", "random"]:
        """What layers are compared on."""
        return "random" if self.arrays is None else "evaluation"


@dataclass(frozen=True)
class Settled:
    """Every input's shape, and which of them got a batch of 1 that nobody asked for."""

    shapes: dict[str, tuple[int, ...]]
    assumed: tuple[str, ...]


def load(path: Path) -> "onnx.ModelProto":
    """The model in a file that nobody vouches for. Raises `NotUsable` for one without nodes, `OnnxFileError`."""
    model = onnx_files.load(path)
    if not model.graph.node:
        raise NotUsable(f"{path}: holds no node: export the model again")
    return model


def read_arrays(path: Path) -> "Tensors":
    """The arrays of an `.npz`. Raises `NotUsable`."""
    try:
        return npz.read(path)
    except npz.BadNpz as error:
        raise NotUsable(str(error)) from error


def settle(path: Path, model: "onnx.ModelProto", asked: Asked) -> Settled:
    """Fix every dimension that the file leaves open.

    In this order: the given shape; `batch` for the first dimension; the given array's size for any other; 1 for a first
    dimension that nobody named. Raises `NotUsable` for an input that cannot be fed, and `Unsettled` for a shape that
    does not fit and any other open dimension, with the option that would settle it.
    """
    declared = onnx_files.signature(model).inputs
    for tensor in declared:
        _check_type(path, tensor)
    unknown = sorted(set(asked.shapes) - {tensor.name for tensor in declared})
    if unknown:
        names = ", ".join(shown(tensor.name) for tensor in declared) or "none"
        raise Unsettled(f"{path}: has no input {shown(unknown[0])!r}, which --input-shape names; it has: {names}")
    shapes = {name: tuple(dims) for name, dims in asked.shapes.items()}
    assumed = []
    for tensor in declared:
        if tensor.name in shapes or tensor.shape is None:
            continue
        dims = list(tensor.shape)
        if dims and dims[0] < 0:
            assumed += [tensor.name] if asked.batch is None else []
            dims[0] = asked.batch or 1
        shapes[tensor.name] = tuple(_from_array(dims, (asked.arrays or {}).get(tensor.name)))
    settled = {tensor.name: shapes.get(tensor.name, (-1,)) for tensor in declared}
    _check_settled(path, declared, settled)
    try:
        shapes = fixed_inputs(model, shapes, asked.batch)
    except onnx_files.ShapeError as error:
        raise Unsettled(f"{path}: {error}") from error
    return Settled(shapes, tuple(assumed))


def _check_type(path: Path, tensor: TensorType) -> None:
    import numpy as np

    try:
        usable = tensor.dtype == _BFLOAT16 or np.dtype(tensor.dtype).kind in _KINDS
    except TypeError:
        usable = False
    if not usable:
        raise NotUsable(
            f"{path}: input {shown(tensor.name)} is of type {tensor.dtype}: only tensors of numbers and "
            "booleans can be fed to an NPU; export the model without what makes them"
        )
    if 0 in (tensor.shape or ()):
        raise NotUsable(
            f"{path}: input {shown(tensor.name)} has the shape {list(tensor.shape or ())} and holds "
            "nothing: export the model with every dimension 1 or more, or open"
        )


def _from_array(dims: "list[int]", array: "NDArray[Any] | None") -> list[int]:
    if array is None or array.ndim != len(dims):
        return dims
    return [array.shape[axis] if dim < 0 else dim for axis, dim in enumerate(dims)]


def _check_settled(path: Path, declared: Sequence[TensorType], shapes: Mapping[str, Sequence[int]]) -> None:
    """Refuse what is still open: dimensions of the file, or gears, of which a comparison would need one."""
    open_inputs = [tensor for tensor in declared if any(dim < 1 for dim in shapes[tensor.name])]
    if not open_inputs:
        return
    names = ", ".join(f"{shown(t.name)} {_written(t.shape)}" for t in open_inputs)
    example = ";".join(f"{shown(t.name)}:{_example(t.shape)}" for t in open_inputs)
    raise Unsettled(
        f"{path}: leaves sizes open: {names}; give those that you serve, for example "
        f'--input-shape "{example}"' + (", or --inputs" if all(t.shape for t in open_inputs) else ""),
        tuple(tensor.name for tensor in open_inputs),
    )


def _written(shape: Sequence[int] | None) -> str:
    return "of unknown rank" if shape is None else f"[{', '.join('?' if dim < 0 else str(dim) for dim in shape)}]"


def _example(shape: Sequence[int] | None) -> str:
    dims = list(shape) if shape else [-1, 3, -1, -1]
    size = _IMAGE if len(dims) > 3 else _SEQUENCE  # noqa: PLR2004 - an image has a batch, channels, height and width
    return ",".join(str(dim) if dim > 0 else str(1 if axis == 0 else size) for axis, dim in enumerate(dims))


def tensors(model: "onnx.ModelProto", settled: Settled, asked: Asked, seed: int) -> "dict[str, NDArray[Any]]":
    """One batch to compare layers on: the first samples of the given arrays, else random. Raises `NotUsable`."""
    declared = onnx_files.signature(model).inputs
    if asked.arrays is None:
        return evaluation.samples_for_comparison(None, declared, settled.shapes, seed=seed, bounds=roles.bounds(model))
    return {tensor.name: _given(tensor, settled.shapes[tensor.name], asked) for tensor in declared}


def _given(tensor: TensorType, wanted: tuple[int, ...], asked: Asked) -> "NDArray[Any]":
    name, arrays = shown(tensor.name), asked.arrays or {}
    if tensor.name not in arrays:
        held = ", ".join(map(shown, arrays)) or "none"
        raise NotUsable(f"{asked.source}: has no array {name!r}, an input of the model; its arrays are: {held}")
    array = arrays[tensor.name]
    if array.dtype.name != tensor.dtype:
        raise NotUsable(
            f"{asked.source}: array {name!r} is {array.dtype.name}, the model takes {tensor.dtype}: "
            f"save it with .astype({tensor.dtype!r})"
        )
    if array.ndim != len(wanted) or array.shape[1:] != wanted[1:] or array.shape[:1] < wanted[:1]:
        raise NotUsable(
            f"{asked.source}: array {name!r} is {list(array.shape)}, the model takes {list(wanted)}: "
            "save it so (more along the first axis is fine), or give --input-shape or --batch"
        )
    return array[: wanted[0]] if wanted else array
