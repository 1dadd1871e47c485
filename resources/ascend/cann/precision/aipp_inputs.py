"""What an ONNX model sees of images that AIPP prepares on the device.

The reference of a model compiled with AIPP starts from what its AIPP operators made on the device, as msprobe's does:
so an error of the preparation itself is not seen. Several operators are told apart by the order in which they ran,
taken for that of their inputs; a wrong guess shows in the shapes, or as an error in the first layer. Here belongs
finding these tensors in the dump. Not here: AIPP's options (`resources/ascend/aipp.py`).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from resources.ascend.cann.errors import BadOutput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from resources.ascend.aipp import Aipp
    from resources.ascend.cann.precision.device_tensors import DeviceTensors
    from resources.onnx_files.signature import Signature

    Tensors = Mapping[str, NDArray[Any]]

OPERATOR = "Aipp"


def prepared(
    operators: "Sequence[Aipp]", signature: "Signature", images: "Tensors", tensors: "DeviceTensors"
) -> "dict[str, NDArray[Any]]":
    """The ONNX model's inputs: AIPP's results for those that it prepares, `images` for the others.

    `signature`: the ONNX model's, whose open first dimension is that of the images. Raises `ValueError` for an operator
    of no input and for an input whose shape is open elsewhere, `BadOutput` where the dump has no such result.
    """
    import numpy as np

    names = [given.name for given in signature.inputs]
    wanted = sorted(_input(operator, names) for operator in operators)
    dumped = sorted((stamp, name) for name, (kind, stamp) in tensors.operators.items() if kind == OPERATOR)
    if len(dumped) != len(wanted):
        raise BadOutput(f"the device dumped {len(dumped)} AIPP operators and {len(wanted)} are compiled in")
    inputs = {name: images[name] for i, name in enumerate(names) if i not in wanted and name in images}
    for rank, (_, operator) in zip(wanted, dumped, strict=True):
        given = signature.inputs[rank]
        batch = images[given.name].shape[:1] if given.name in images else ()
        shape = _shape(given.name, given.shape, batch)
        found = tensors.load(operator, "output", 0, shape)
        if isinstance(found, str):
            raise BadOutput(f"what AIPP made of the input {given.name!r} cannot be read: {found}")
        inputs[given.name] = found.astype(np.float32 if found.dtype == np.float16 else found.dtype)
    return inputs


def _input(operator: "Aipp", names: Sequence[str]) -> int:
    name, rank = operator.related_input_name, operator.related_input_rank or 0
    if name is not None and name in names:
        return names.index(name)
    if name is not None or rank >= len(names):
        raise ValueError(f"aipp stands before {name or f'input {rank}'}, which the model does not have: it has {names}")
    return rank


def _shape(name: str, stated: tuple[int, ...] | None, batch: tuple[int, ...]) -> tuple[int, ...]:
    if stated and stated[0] < 0 and batch:
        stated = (*batch, *stated[1:])
    if stated is None or min(stated, default=0) < 0:
        raise ValueError(f"input {name!r} has an open shape behind AIPP: compare a target whose image size is fixed")
    return stated
