"""Which inputs and outputs of an operator hold its data, by ONNX's schema.

Here belongs the reading of type parameters: a Resize computes on its first input, and its sizes are int64 whatever it
computes on. Not here: casting (`insert_cast.py`, `narrow_integers.py`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.opset_moves.generic import schema
from resources.onnx_files.edits.surgery import DEFAULT_DOMAINS
from resources.onnx_files.structure import dtype_name

if TYPE_CHECKING:
    from onnx import NodeProto
    from onnx.defs import OpSchema


@dataclass(frozen=True)
class Data:
    """Places of the inputs and outputs that have the operator's type of data."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def _formal(count: int, index: int) -> int:
    """The place of a formal parameter; the last of a variadic operator stands for all that follow."""
    return min(index, count - 1)


def data_of(node: "NodeProto", opset: int, dtype: int) -> Data:
    """The places of a node's data, which may have the type `dtype` there.

    That is the type of the first output where an input shares it (Where: not the condition), else of the first input.
    Raises `EditError` for an operator without schema, without inputs, or that does not take `dtype`.
    """
    found = schema(node.op_type, opset) if node.domain in DEFAULT_DOMAINS else None
    if found is None or not found.inputs or not found.outputs:
        raise EditError("its operator has no data of a type that could be another")
    own = {entry.type_str for entry in found.inputs}
    first = found.outputs[0].type_str
    kind = first if first in own else found.inputs[0].type_str
    if not allows(found, kind, dtype):
        raise EditError(f"its operator takes no {dtype_name(dtype)}")
    inputs = tuple(
        i for i, name in enumerate(node.input) if name and found.inputs[_formal(len(found.inputs), i)].type_str == kind
    )
    outputs = tuple(
        i
        for i, name in enumerate(node.output)
        if name and found.outputs[_formal(len(found.outputs), i)].type_str == kind
    )
    return Data(inputs, outputs)


def allows(found: "OpSchema", kind: str, dtype: int) -> bool:
    """Whether a type parameter of an operator takes ONNX's type `dtype`."""
    name = f"tensor({(dtype_name(dtype) or '').lower()})"
    return any(entry.type_param_str == kind and name in entry.allowed_type_strs for entry in found.type_constraints)
