"""Axes counted from the end, which most operators take only since opset 11.

Here belongs counting them from the front. Not here: any other change of opset 11.
"""

from typing import TYPE_CHECKING

from resources.onnx_files.edits import EditError

if TYPE_CHECKING:
    from onnx import NodeProto

    from resources.onnx_files.edits.facts import Facts

SINCE = 11
_AXES = frozenset({"axis", "axes"})


def counted(node: "NodeProto", facts: "Facts") -> "NodeProto":
    """The node with axes that are not negative. Raises `EditError` where the number of dimensions is not known."""
    found = [entry for entry in node.attribute if entry.name in _AXES]
    if not any(entry.i < 0 or any(axis < 0 for axis in entry.ints) for entry in found):
        return node
    rank = facts.rank(node.input[0]) if node.input else None
    if rank is None:
        raise EditError("its axis counts from the end, and the number of dimensions of its input is not known")
    copy = type(node)()
    copy.CopyFrom(node)
    for entry in copy.attribute:
        if entry.name not in _AXES:
            continue
        # The axes of an Unsqueeze, and that of a OneHot, count the dimensions of the output.
        whole = rank + (len(entry.ints) if node.op_type == "Unsqueeze" else int(node.op_type == "OneHot"))
        entry.i = entry.i % whole if entry.i < 0 else entry.i
        entry.ints[:] = [axis % whole for axis in entry.ints]
    return copy
