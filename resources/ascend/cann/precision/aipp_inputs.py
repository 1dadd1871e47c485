"""What an ONNX model sees of images that AIPP prepares on the device.

The reference of a model compiled with AIPP starts from what its AIPP operators made on the device, as msprobe's does:
so an error of the preparation itself is not seen here (the task metric sees it, whose reference has the model's own
inputs). GE calls the operator before input `x` `x_0_aipp`; operators of other names are told apart by the order in
which they ran, taken for that of their inputs. One that left nothing, because the device computes it in one operator
with the first convolution, is computed here. Here belongs finding these tensors in the dump. Not here: AIPP's options
(`resources/ascend/aipp.py`), or what they compute (`aipp_arithmetic.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from resources.ascend import gears
from resources.ascend.aipp import StaticAipp
from resources.ascend.cann.errors import BadOutput
from resources.ascend.cann.precision import aipp_arithmetic
from resources.ascend.cann.precision.golden import spelled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from resources.ascend.aipp import Aipp
    from resources.ascend.cann.precision.device_tensors import DeviceTensors
    from resources.ascend.options import CompileOptions
    from resources.onnx_files.signature import Signature

    Tensors = Mapping[str, NDArray[Any]]

OPERATOR = "Aipp"


@dataclass(frozen=True, eq=False)
class Prepared:
    """The ONNX model's inputs. `computed`: those that the device did not keep, so that they were computed here."""

    inputs: "Mapping[str, NDArray[Any]]"
    computed: tuple[str, ...] = ()


def prepared(
    options: "CompileOptions", signature: "Signature", images: "Tensors", tensors: "DeviceTensors"
) -> Prepared:
    """AIPP's results for the inputs that it prepares, `images` for the others.

    `signature`: the ONNX model's; what it leaves open is as compiled, or of the images' gear. Raises `ValueError` for
    an operator of no input and for an input whose shape stays open, `BadOutput` for a result that is neither in the
    dump nor can be computed.
    """
    import numpy as np

    given = {tensor.name: tensor for tensor in signature.inputs}
    before = {op.stands_before(tuple(given)): op for op in options.aipp}
    kept = _dumped([name for name in given if name in before], tensors)
    inputs = {name: images[name] for name in given if name not in before and name in images}
    for name, op in before.items():
        shape = _compiled(options, name, op, images) or _shape(name, given[name].shape, images)
        if name in kept:
            found = tensors.load(kept[name], "output", 0, shape)
            if isinstance(found, str):
                raise BadOutput(f"what AIPP made of the input {name!r} cannot be read: {found}")
            inputs[name] = found.astype(np.float32 if found.dtype == np.float16 else found.dtype)
        else:
            inputs[name] = _computed(name, op, images, shape)
    return Prepared(inputs, tuple(name for name in before if name not in kept))


def _dumped(names: Sequence[str], tensors: "DeviceTensors") -> dict[str, str]:
    """Input -> the operator that prepared it, for those that are in the dump."""
    ran = sorted((stamp, operator) for operator, (kind, stamp) in tensors.operators.items() if kind == OPERATOR)
    operators = [operator for _, operator in ran]
    found = {name: own for name in names if (own := spelled(f"{name}_0_aipp")) in operators}
    if len(found) < len(names) == len(operators):
        return dict(zip(names, operators, strict=True))
    return found


def _computed(name: str, op: "Aipp", images: "Tensors", shape: tuple[int, ...]) -> "NDArray[Any]":
    lacking = f"the device dumped nothing that AIPP made of the input {name!r}"
    if not isinstance(op, StaticAipp) or name not in images:
        raise BadOutput(f"{lacking}, and its parameters are not known: compile with static AIPP")
    try:
        return aipp_arithmetic.prepared(op, images[name], shape)
    except ValueError as error:
        raise BadOutput(
            f"{lacking}, and it cannot be computed here: {error}. Compile without the fusion of AIPP with the first "
            "convolution: leave enable_small_channel out, or switch TbeAippConvReluMaxpoolingFusion off in "
            "fusion_switches"
        ) from error


def _compiled(options: "CompileOptions", name: str, op: "Aipp", images: "Tensors") -> tuple[int, ...] | None:
    """The shape behind AIPP for which the model was compiled, of gears that of these images; None if it is not told."""
    for shapes in gears.shapes(options) or (options.input_shape,):
        shape = shapes.get(name, ())
        if len(shape) != len("NCHW") or min(shape) < 0:
            continue
        size = shape[0] * prod(op.image(*shape[2:])) if isinstance(op, StaticAipp) else 0
        if name in images and images[name].size == size:
            return shape
    return None


def _shape(name: str, stated: tuple[int, ...] | None, images: "Tensors") -> tuple[int, ...]:
    """The shape that the ONNX file states, its open first dimension as the images have it."""
    if stated and stated[0] < 0 and name in images:
        stated = (*images[name].shape[:1], *stated[1:])
    if stated is None or min(stated, default=0) < 0:
        raise ValueError(f"input {name!r} has an open shape behind AIPP: compare a target whose image size is fixed")
    return stated
