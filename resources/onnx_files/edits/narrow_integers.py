"""int64 as int32 for nodes that devices compute slowly, or not at all, in 64 bits.

Here belong the nodes' data and the Casts around them. Not here: sizes and axes, which ONNX wants in int64 and a
compiler folds.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from resources.onnx_files.edits import EditError, facts
from resources.onnx_files.edits.named import Names
from resources.onnx_files.edits.opset_moves.generic import schema
from resources.onnx_files.edits.site import Site, understood
from resources.onnx_files.edits.surgery import DEFAULT_DOMAINS, chosen, closed, opened, opset_of, refused, replace
from resources.onnx_files.edits.typed_inputs import allows
from resources.onnx_files.edits.writer import Writer
from resources.onnx_files.structure import shown

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import AttributeProto, ModelProto, NodeProto, TensorProto

_INT32, _INT64 = 6, 7
_LOWEST, _HIGHEST = -(2**31), 2**31 - 1


def narrow_integers(model: "ModelProto", nodes: Iterable[str]) -> "ModelProto":
    """The model with int64 tensors of the named nodes in int32, and back where others read or make them.

    Constants become int32 themselves; between two named nodes no Cast is left. Raises `EditError` for a constant that
    does not fit, or a node with nothing to narrow. That what is computed fits as well, the comparison has to show.
    """
    bones = opened(model)
    known, names, opset = facts.of_main(bones), Names(bones), opset_of(bones)
    new: dict[int, list[NodeProto]] = {}
    weights: list[TensorProto] = []
    reasons: list[str] = []
    for index, node in chosen(bones.graph, nodes).items():
        site = Site(node, known, Writer(names, opset, node.name))
        try:
            with understood():
                _narrowed(site, opset)
        except EditError as error:
            reasons.append(f"{shown(node.name)} ({shown(node.op_type)}): {error}")
            continue
        new[index] = site.write.nodes
        weights.extend(site.write.weights)
    if reasons:
        raise refused(reasons, "nodes cannot compute in 32 bits")
    written = {made.name for parts in new.values() for made in parts}
    replace(bones.graph, new, weights)
    _without_detours(bones, written)
    return closed(bones, model, stale=None)


def _narrowed(site: Site, opset: int) -> None:
    node = site.node
    found = schema(node.op_type, opset) if node.domain in DEFAULT_DOMAINS else None
    if found is None:
        raise EditError("its operator is not ONNX's own")
    inputs, outputs, changed = list(node.input), list(node.output), False
    for place, name in enumerate(inputs):
        formal = found.inputs[min(place, len(found.inputs) - 1)]
        if name and site.facts.dtype(name) == _INT64 and allows(found, formal.type_str, _INT32):
            inputs[place], changed = _narrow(site, name), True
    attributes = [_attribute(entry) for entry in node.attribute]
    changed |= [a.SerializeToString() for a in attributes] != [a.SerializeToString() for a in node.attribute]
    if not changed:
        raise EditError("nothing of it is an int64 that could be an int32")
    data = {found.inputs[min(i, len(found.inputs) - 1)].type_str for i, n in enumerate(inputs) if n != node.input[i]}
    back = []
    for place, name in enumerate(outputs):
        formal = found.outputs[min(place, len(found.outputs) - 1)]
        follows = formal.type_str in data or node.op_type in _BY_ATTRIBUTE
        if name and site.facts.dtype(name) == _INT64 and follows and allows(found, formal.type_str, _INT32):
            outputs[place] = site.write.name(name)
            back.append((outputs[place], name))
    site.write.keep(node, inputs, outputs, attributes)
    for narrow, name in back:
        site.write.op("Cast", narrow, out=name, to=_INT64)


_BY_ATTRIBUTE = frozenset({"Cast", "Constant", "ConstantOfShape", "EyeLike", "RandomUniform", "Multinomial"})
"""Operators whose attribute says what type they make."""


def _attribute(entry: "AttributeProto") -> "AttributeProto":
    """An attribute that asks for int64, or holds it, in int32."""
    from onnx import numpy_helper

    copy = type(entry)()
    copy.CopyFrom(entry)
    if entry.name in {"to", "dtype"} and entry.i == _INT64:
        copy.i = _INT32
    elif entry.name == "value" and entry.t.data_type == _INT64:
        copy.t.CopyFrom(_fitting(numpy_helper.to_array(entry.t), entry.t.name))
    return copy


def _narrow(site: Site, name: str) -> str:
    value = site.facts.value(name)
    if value is None:
        return site.write.op("Cast", name, to=_INT32)
    tensor = _fitting(value, site.write.name(name))
    site.write.weights.append(tensor)
    return str(tensor.name)


def _fitting(value: "NDArray[Any]", name: str) -> "TensorProto":
    import numpy as np
    from onnx import numpy_helper

    if value.size and not (value.min() >= _LOWEST and value.max() <= _HIGHEST):
        raise EditError("a constant of it does not fit 32 bits")
    return numpy_helper.from_array(np.asarray(value.astype(np.int32)), name)


def _without_detours(bones: "ModelProto", written: set[str]) -> None:
    """Read an int32 where it is made, instead of its way to int64 and back, in place. Only what was just written."""
    graph = bones.graph
    wide = {n.output[0]: n.input[0] for n in graph.node if n.name in written and _casts(n, _INT64)}
    narrow = {n.output[0]: n for n in graph.node if n.name in written and _casts(n, _INT32)}
    direct = {out: wide[node.input[0]] for out, node in narrow.items() if node.input[0] in wide}
    gone: dict[int, list[NodeProto]] = {}
    for index, node in enumerate(graph.node):
        if node.output and node.output[0] in direct:
            gone[index] = []
        else:
            node.input[:] = [direct.get(name, name) for name in node.input]
    replace(graph, gone)


def _casts(node: "NodeProto", to: int) -> bool:
    return bool(node.op_type == "Cast" and node.attribute and node.attribute[0].i == to)
