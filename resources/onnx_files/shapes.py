"""Shapes of an ONNX model: given for its inputs, inferred for everything inside.

Here belong ATC's `--input_shape` grammar, the fixing of inputs and the inference. Not here: reading the file
(`onnx_files`), or which shapes a target wants (`defs.yaml`).
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from resources.onnx_files.folding import fold
from resources.onnx_files.limits import DEFAULT, ShapeError
from resources.onnx_files.structure import claimed_bytes, shown

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto, ValueInfoProto

    Dims = Sequence[int]

_KEPT_BYTES = 4096
"""Weights up to this size stay in a skeleton: shape inference reads the targets of Reshape, Slice and Resize."""
_ROUNDS = 100
"""Turns of inference and folding; a network needs one for each Reshape that depends on the one before."""

_DIM = re.compile(r"-1|[1-9]\d{0,9}")
_RANGE = re.compile(r"\d+~\d+")


def parse_input_shape(text: str) -> dict[str, tuple[int, ...]]:
    """ATC's grammar: `"x:1,3,224,224;y:1,10"`, a scalar as `"name:"`, -1 for an axis whose values are gears.

    A name may hold colons. Raises `ShapeError` for anything else; ranges (`1~10`) are refused, for what they allow has
    no end.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        name, colon, dims = (part.strip() for part in entry.rpartition(":"))
        if not colon or not name:
            raise ShapeError(f'{shown(entry)!r} is no input shape: write "name:1,3,224,224", inputs parted by ";"')
        if name in shapes:
            raise ShapeError(f"input {shown(name)} has two shapes: give one")
        shapes[name] = tuple(_dim(name, dim.strip()) for dim in dims.split(",")) if dims else ()
    if not shapes:
        raise ShapeError('no input shape given: write "name:1,3,224,224", inputs parted by ";"')
    return shapes


def _dim(name: str, text: str) -> int:
    if _RANGE.fullmatch(text):
        raise ShapeError(f"input {shown(name)}: the range {shown(text)} is open; write -1 and list its gears")
    if not _DIM.fullmatch(text):
        raise ShapeError(f"input {shown(name)}: {shown(text)!r} is no dimension; write a whole number above 0, or -1")
    return int(text)


def inputs(model: "ModelProto") -> "tuple[ValueInfoProto, ...]":
    """The inputs that a caller feeds: those that are not weights."""
    weights = {weight.name for weight in model.graph.initializer}
    return tuple(value for value in model.graph.input if value.name not in weights)


def declared(value: "ValueInfoProto") -> tuple[int | None, ...] | None:
    """A value's shape as the file states it: None for a dynamic dimension, None altogether for an unknown rank."""
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        return None
    return tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim)


def undeclared_dynamic(
    model: "ModelProto", declared_axes: Mapping[str, Collection[int]]
) -> tuple[tuple[str, int, str], ...]:
    """Dynamic dimensions of inputs that nobody declared: (input, axis, symbol).

    `declared_axes`: input -> axes that may be dynamic. An input of unknown rank is listed with the axis -1; a
    dimension without a name has the symbol `?`.
    """
    found: list[tuple[str, int, str]] = []
    for value in inputs(model):
        dims = declared(value)
        if dims is None:
            found.append((value.name, -1, "?"))
            continue
        names = [dim.dim_param or "?" for dim in value.type.tensor_type.shape.dim]
        allowed = declared_axes.get(value.name, ())
        found.extend(
            (value.name, axis, names[axis]) for axis, dim in enumerate(dims) if dim is None and axis not in allowed
        )
    return tuple(found)


def _advice(name: str, dims: Sequence[int | None] | None) -> str:
    if dims is None:
        return f'give its shape, for example --input-shape "{shown(name)}:1,3,224,224"'
    return f'give --input-shape "{shown(name)}:{",".join(str(dim or 1) for dim in dims)}" with the sizes you want'


def _fixed(value: "ValueInfoProto", given: "Dims | None", batch: int | None) -> tuple[int, ...]:
    """The shape of one input. Raises `ShapeError` where the file, the given shape and the batch do not make one."""
    name, dims = value.name, declared(value)
    if given is None and dims and dims[0] is None and batch is not None:
        dims = (batch, *dims[1:])
    if given is None:
        if dims is None or None in dims:
            what = "unknown rank" if dims is None else f"dynamic shape {['?' if d is None else d for d in dims]}"
            raise ShapeError(
                f"input {shown(name)} has an {what}: {_advice(name, dims)}".replace("an dynamic", "a dynamic")
            )
        return tuple(dim for dim in dims if dim is not None)
    if dims is not None and len(given) != len(dims):
        raise ShapeError(
            f"input {shown(name)} has {len(dims)} dimensions, {len(given)} were given: {_advice(name, dims)}"
        )
    for axis, (stated, wanted) in enumerate(zip(dims or given, given, strict=True)):
        if stated is not None and stated != wanted:
            fixed = f"input {shown(name)} is fixed to {stated} at axis {axis}, {wanted} was given"
            raise ShapeError(f"{fixed}: export the model with that axis dynamic, or {_advice(name, dims)}")
    return tuple(given)


def fixed_inputs(
    model: "ModelProto", input_shape: Mapping[str, "Dims"] | None, batch: int | None
) -> dict[str, tuple[int, ...]]:
    """Every input's shape, -1 only where `input_shape` says -1.

    `batch` becomes the first dimension of inputs that leave it open. Raises `ShapeError` naming the input and what to
    give.
    """
    given = dict(input_shape or {})
    fed = inputs(model)
    unknown = sorted(set(given) - {value.name for value in fed})
    if unknown:
        names = ", ".join(shown(value.name) for value in fed)
        raise ShapeError(f"the model has no input {shown(unknown[0])}: its inputs are {names or 'none'}")
    shapes = {value.name: _fixed(value, given.get(value.name), batch) for value in fed}
    if batch is not None and fed and not any(shape[:1] == (batch,) for shape in shapes.values()):
        first = f"{shown(fed[0].name)} is {list(shapes[fed[0].name])}"
        raise ShapeError(f"no input takes a batch of {batch}: {first}; export the model with a dynamic batch")
    return shapes


def _bare(model: "ModelProto") -> "ModelProto":
    """A copy of everything but weights."""
    import onnx

    copy = onnx.ModelProto(ir_version=model.ir_version, producer_name=model.producer_name)
    copy.opset_import.extend(model.opset_import)
    copy.functions.extend(model.functions)
    graph = copy.graph
    graph.name = model.graph.name
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    graph.value_info.extend(model.graph.value_info)
    graph.sparse_initializer.extend(model.graph.sparse_initializer)
    return copy


def _large(weight: "TensorProto") -> bool:
    return claimed_bytes(weight.data_type, weight.dims) > _KEPT_BYTES


def skeleton(model: "ModelProto") -> "ModelProto":
    """A copy of what shape inference and `onnx.checker` look at: large weights become inputs of their type and shape.

    100 MB of ResNet-50 become 30 KB, so that both take milliseconds.
    """
    import onnx

    copy = _bare(model)
    listed = {value.name for value in model.graph.input}
    for weight in model.graph.initializer:
        if not _large(weight):
            copy.graph.initializer.append(weight)
        elif weight.name not in listed:
            value = onnx.helper.make_tensor_value_info(weight.name, weight.data_type, list(weight.dims))
            copy.graph.input.append(value)
    return copy


def without_weights(model: "ModelProto") -> "ModelProto":
    """A copy whose large weights state their type and shape and hold no data: for counting, not for running."""
    import onnx

    copy = _bare(model)
    for weight in model.graph.initializer:
        bare = onnx.TensorProto(name=weight.name, data_type=weight.data_type, dims=weight.dims)
        copy.graph.initializer.append(bare if _large(weight) else weight)
    return copy


def _set_shape(value: "ValueInfoProto", shape: "Dims") -> bool:
    """Write a shape into a value; whether that changed it."""
    if declared(value) == tuple(None if dim < 0 else dim for dim in shape):
        return False
    kind = value.type.tensor_type
    names = [dim.dim_param for dim in kind.shape.dim]
    kind.ClearField("shape")
    kind.shape.SetInParent()
    for axis, dim in enumerate(shape):
        entry = kind.shape.dim.add()
        if dim >= 0:
            entry.dim_value = dim
        elif axis < len(names) and names[axis]:
            entry.dim_param = names[axis]
    return True


def _inferred(model: "ModelProto") -> "ModelProto":
    import onnx

    # Types are not checked and no data is propagated: onnx takes a one-element index for a zero (`folding.py`).
    errors = (onnx.shape_inference.InferenceError, onnx.checker.ValidationError, ValueError, RuntimeError, MemoryError)
    try:
        return onnx.shape_inference.infer_shapes(model, check_type=False, strict_mode=False, data_prop=False)
    except errors as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise ShapeError(f"the shapes inside the model contradict each other: {reason}; export it again") from error


def _known(model: "ModelProto") -> dict[str, tuple[int, ...]]:
    """Every value's dimensions, -1 for an unknown one; values of unknown rank are left out."""
    found: dict[str, tuple[int, ...]] = {}
    for value in (*model.graph.input, *model.graph.value_info, *model.graph.output):
        dims = declared(value)
        if dims is not None:
            found[value.name] = tuple(-1 if dim is None else dim for dim in dims)
    found.update({weight.name: tuple(weight.dims) for weight in model.graph.initializer})
    return found


def _settled(model: "ModelProto", shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether every value of the main graph has a static shape."""
    made = (name for node in model.graph.node for name in node.output if name)
    return all(name in shapes and min(shapes[name], default=0) >= 0 for name in made)


def _followed(bones: "ModelProto") -> "ModelProto":
    """Inference and folding in turns: a folded Reshape gives shapes that let the next one fold. Changes `bones`."""
    known = _inferred(bones)
    for _ in range(_ROUNDS):
        shapes = _known(known)
        if _settled(known, shapes) or not fold(bones, shapes):
            break
        known = _inferred(bones)
    return known


def _absurd(values: "Sequence[ValueInfoProto]") -> Iterator[str]:
    for value in values:
        dims = [dim or 1 for dim in declared(value) or ()]
        size = claimed_bytes(value.type.tensor_type.elem_type, dims)
        if size > DEFAULT.tensor_bytes:
            yield f"value {shown(value.name)} would take {size:,} bytes at these input shapes: give smaller ones"


def with_shapes(
    model: "ModelProto", input_shape: Mapping[str, "Dims"] | None, batch: int | None, *, in_place: bool = False
) -> "ModelProto":
    """The model with its inputs fixed and every inner value's type and shape inferred as far as ONNX can.

    `model`: from `onnx_files.load`. `input_shape`: input -> dimensions, -1 for a gear, which stays open. `batch`:
    the first dimension of inputs that leave it open. What was stated for inner values is dropped once an input changes,
    for it was true of other inputs. `in_place` saves the copy of the weights when the caller owns the model. Raises
    `ShapeError`, which names the input and says what to give.
    """
    import onnx

    shapes = fixed_inputs(model, input_shape, batch)
    bones = skeleton(model)
    changed = [_set_shape(value, shapes[value.name]) for value in bones.graph.input if value.name in shapes]
    if any(changed):
        del bones.graph.value_info[:]
        for value in bones.graph.output:
            value.type.tensor_type.ClearField("shape")
    known = _followed(bones)
    for problem in _absurd((*known.graph.value_info, *known.graph.output)):
        raise ShapeError(problem)
    result = model
    if not in_place:
        result = onnx.ModelProto()
        result.CopyFrom(model)
    for value in result.graph.input:
        if value.name in shapes:
            _set_shape(value, shapes[value.name])
    del result.graph.value_info[:]
    result.graph.value_info.extend(known.graph.value_info)
    del result.graph.output[:]
    result.graph.output.extend(known.graph.output)
    return result
