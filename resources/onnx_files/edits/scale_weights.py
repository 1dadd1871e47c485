"""Trained weights of a product, divided by a power of two, with the inverse behind: a person decides.

In FP32 nothing changes, for a power of two moves the exponent alone. In FP16 weights beyond 65504 become numbers, and
small ones may lose digits. Not here: limiting weights (`clamp_weights.py`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from resources.onnx_files.edits import EditError, facts
from resources.onnx_files.edits.links import Links, is_op
from resources.onnx_files.edits.named import Names
from resources.onnx_files.edits.rewriting import Rewriting
from resources.onnx_files.edits.surgery import closed, opened, opset_of, replace
from resources.onnx_files.structure import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto, TensorProto

_PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def scale_weights(model: "ModelProto", nodes: Sequence[str], power: int) -> "ModelProto":
    """The model with the weights and biases of these products divided by 2**power, and what they make multiplied.

    A weight that other nodes read as well is copied for this one. Raises `EditError` for a node that is no product with
    a weight.
    """
    bones = opened(model)
    links = Links(bones.graph, facts.of_main(bones))
    work = Rewriting(links, Names(bones), opset_of(bones))
    weights = {weight.name: weight for weight in model.graph.initializer}
    for name in dict.fromkeys(nodes):
        _scaled(work, links.node(name), weights, power)
    replace(bones.graph, work.new, work.weights)
    return closed(bones, model, stale=())


def _scaled(work: Rewriting, node: "NodeProto", weights: "Mapping[str, TensorProto]", power: int) -> None:
    if not is_op(node, *_PRODUCTS):
        raise EditError(f"node {shown(node.name)} is {shown(node.op_type)}, which has no weights to scale")
    write, held = work.at(node), [_value(work.links, weights, name) for name in node.input]
    factors = [place for place in (1, 0) if held[place] is not None]
    if not factors:
        raise EditError(f"node {shown(node.name)} ({shown(node.op_type)}) has no weight: both factors are computed")
    inputs, factor = list(node.input), 2.0**power
    inputs[factors[0]] = write.constant(_divided(held[factors[0]], factor))
    dtype = work.links.facts.dtype(inputs[0]) or weights[node.input[factors[0]]].data_type
    if len(node.input) > 2 and node.input[2]:  # noqa: PLR2004 - the summand is the third input
        summand = held[2]
        if summand is None:
            inputs[2] = write.op("Mul", node.input[2], write.scalar(1 / factor, dtype))
        else:
            inputs[2] = write.constant(_divided(summand, factor))
    made = work.again(node, inputs, work.tensor(f"{node.output[0]}/scaled"))
    write.op("Mul", made, write.scalar(factor, dtype), out=node.output[0])


def _value(links: Links, weights: "Mapping[str, TensorProto]", name: str) -> "NDArray[Any] | None":
    """A weight's values, however large; None for what is computed."""
    from onnx import numpy_helper

    root = links.root(name)
    if root in weights:
        return numpy_helper.to_array(weights[root])
    return links.facts.value(root)


def _divided(values: "NDArray[Any] | None", factor: float) -> "NDArray[Any]":
    import numpy as np

    array = np.asarray(values)
    return (array.astype(np.float64) / factor).astype(array.dtype)
