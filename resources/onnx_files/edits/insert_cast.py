"""Nodes that compute in another type: their data cast to it, what they make cast back.

Source: Huawei's forum and case library (a uint8 Resize, or a Concat of two types, is refused until a Cast stands before
it). Here belong single nodes. Not here: a type that leaves the whole model (`widen_floats.py`).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from resources.onnx_files.edits import EditError, facts
from resources.onnx_files.edits.named import Names
from resources.onnx_files.edits.site import Site, understood
from resources.onnx_files.edits.surgery import chosen, closed, opened, opset_of, refused, replace
from resources.onnx_files.edits.typed_inputs import data_of
from resources.onnx_files.edits.writer import Writer
from resources.onnx_files.structure import shown

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

To = Literal["float32", "float16", "int32"]
_NUMBERS: dict[To, int] = {"float32": 1, "float16": 10, "int32": 6}


def insert_cast(model: "ModelProto", nodes: Iterable[str], to: To) -> "ModelProto":
    """The model with the named nodes computing in `to`, their outputs cast back to the type that they had.

    Only what has the operator's type of data is cast: not the sizes of a Resize or the condition of a Where. Where a
    float goes back to whole numbers it loses its fraction, as Cast does, and as ONNX Runtime's operators on whole
    numbers do. Inputs of unlike types, which ONNX forbids, all become `to`. Raises `EditError` for a node that does not
    take `to`, or computes in it already.
    """
    bones = opened(model)
    known, names, opset, number = facts.of_main(bones), Names(bones), opset_of(bones), _NUMBERS[to]
    new: dict[int, list[NodeProto]] = {}
    weights: list[TensorProto] = []
    reasons: list[str] = []
    made: set[str] = set()
    for index, node in chosen(bones.graph, nodes).items():
        site = Site(node, known, Writer(names, opset, node.name))
        try:
            with understood():
                cast(site, number, opset)
        except EditError as error:
            reasons.append(f"{shown(node.name)} ({shown(node.op_type)}): {error}")
            continue
        new[index] = site.write.nodes
        made.update(node.output)
    if reasons:
        raise refused(reasons, f"nodes cannot compute in {to}")
    replace(bones.graph, new, weights)
    return closed(bones, model, stale=made)


def cast(site: Site, number: int, opset: int) -> None:
    """Write the node with its data cast to ONNX's type `number` and back."""
    data = data_of(site.node, opset, number)
    inputs, outputs = list(site.node.input), list(site.node.output)
    kinds = {site.facts.dtype(inputs[place]) for place in data.inputs}
    if kinds <= {number}:
        raise EditError("it computes in that type already")
    for place in data.inputs:
        if site.facts.dtype(inputs[place]) != number:
            inputs[place] = site.write.op("Cast", inputs[place], to=number)
    back = {place: _kind(site, place, kinds) for place in data.outputs}
    for place, kind in back.items():
        if kind != number:
            outputs[place] = site.write.name(outputs[place])
    site.write.keep(site.node, inputs, outputs, site.node.attribute)
    for place, kind in back.items():
        if kind != number:
            site.write.op("Cast", outputs[place], out=site.node.output[place], to=kind)


def _kind(site: Site, place: int, kinds: set[int]) -> int:
    """The type that an output had: as stated, or that of the inputs where they agree."""
    known = site.facts.dtype(site.node.output[place]) or (min(kinds) if len(kinds) == 1 else 0)
    if not known:
        # Inputs of unlike types: the widest float, which is what the sum of them was meant to be.
        known = next((number for number in (11, 1, 16, 10) if number in kinds), 0)
    if not known:
        raise EditError("the type of its output is not known")
    return known
