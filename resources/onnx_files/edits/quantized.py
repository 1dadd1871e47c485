"""Weights that a file stores as whole numbers with a scale, as the floats that they stand for.

Here belongs DequantizeLinear on constants, which is storage and no arithmetic. Not here: activations that are rounded
on the way (QuantizeLinear on what depends on an input): without the rounding a model computes something else.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.named import Names
from resources.onnx_files.edits.site import understood
from resources.onnx_files.edits.surgery import DEFAULT_DOMAINS, replace
from resources.onnx_files.structure import shown
from resources.onnx_files.walk import label

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto, TensorProto

_OPERATORS = frozenset({"DequantizeLinear", "QuantizeLinear"})


def dequantized(bones: "ModelProto", wanted: Collection[tuple[str, str]], model: "ModelProto") -> None:
    """Replace DequantizeLinear on constants by their values, in place, where `wanted` has it.

    `model`: that `bones` were opened from, with all of its weights. Raises `EditError` for a node that rounds what
    depends on an input.
    """
    from onnx import numpy_helper

    asked = {op for domain, op in wanted if not domain and op in _OPERATORS}
    if not asked:
        return
    graph, names = bones.graph, Names(bones)
    fed = {value.name for value in model.graph.input}
    known = {weight.name: weight for weight in model.graph.initializer if weight.name not in fed}
    new: dict[int, list[NodeProto]] = {}
    made: list[TensorProto] = []
    for index, node in enumerate(graph.node):
        if node.op_type not in asked or node.domain not in DEFAULT_DOMAINS:
            continue
        parts = [known.get(name) for name in node.input if name]
        if node.op_type != "DequantizeLinear" or any(part is None for part in parts):
            rounds = "it rounds what depends on the model's input; without it the model computes something else"
            raise EditError(f"{shown(label(node))} ({node.op_type}): {rounds}: give the floating-point model")
        with understood():
            floats = _floats(node, [numpy_helper.to_array(part) for part in parts if part is not None])
        handed_out = node.output[0] in {value.name for value in graph.output}
        name = names.tensor(f"{node.name}/floats") if handed_out else node.output[0]
        made.append(numpy_helper.from_array(floats, name))
        identity = type(node)(op_type="Identity", name=node.name, input=[name], output=list(node.output))
        new[index] = [identity] if handed_out else []
    replace(graph, new, made)


def _floats(node: "NodeProto", parts: "list[NDArray[Any]]") -> "NDArray[Any]":
    import numpy as np

    stated = {entry.name: entry.i for entry in node.attribute}
    stored, scale = parts[0], parts[1]
    zero = parts[2] if len(parts) > 2 else np.zeros(1, np.float32)  # noqa: PLR2004 (values, scale, zero point)
    if scale.dtype not in {np.dtype(np.float32), np.dtype(np.float16)} or stated.get("block_size"):
        raise EditError(f"{shown(label(node))}: its scales are in blocks or no plain floats")
    if scale.size > 1:
        shape = [1] * stored.ndim
        shape[int(stated.get("axis", 1)) % stored.ndim] = scale.size
        scale, zero = scale.reshape(shape), zero.reshape(shape) if zero.size > 1 else zero.reshape(())
    else:
        scale, zero = scale.reshape(()), zero.reshape(())
    return np.asarray((stored.astype(np.float32) - zero.astype(np.float32)) * scale.astype(np.float32)).astype(
        scale.dtype
    )
