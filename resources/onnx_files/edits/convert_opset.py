"""A model of one opset of ONNX in another.

onnx's own converter has no way back for most operators, and names nodes anew. This one goes opset by opset and changes
an operator only where its schema changed, so that every node keeps its name. Here belongs the walk. Not here: how a
single operator changes (`opset_moves`), or what replaces one that the other opset has not (`bodies`).
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Literal

from resources.onnx_files.edits import EditError, facts
from resources.onnx_files.edits.bodies.expanding import expanded
from resources.onnx_files.edits.expand_operators import without_functions
from resources.onnx_files.edits.facts import Facts
from resources.onnx_files.edits.named import Names
from resources.onnx_files.edits.opset_moves import generic, inputs, meaning, negative_axes, shaping
from resources.onnx_files.edits.site import Body, Site, understood
from resources.onnx_files.edits.surgery import (
    DEFAULT_DOMAINS,
    closed,
    opened,
    opset_of,
    refused,
    rename_domain,
    replace,
)
from resources.onnx_files.edits.writer import Writer
from resources.onnx_files.structure import shown
from resources.onnx_files.walk import label, nodes

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto
    from onnx.defs import OpSchema

    Made = tuple[list[NodeProto], list[TensorProto]]
    Written = Callable[[NodeProto, Facts, Names], Made | None]

Way = Literal["down", "up"]
_ROUNDS = 4
OLDEST = 7
"""Before opset 7 operators broadcast by attributes, which no exporter in use writes."""
_ALWAYS_EXPANDED = frozenset({("GroupNormalization", 21)})
"""Operators whose two forms cannot be said in each other's words."""


@cache
def _moves(way: Way) -> Mapping[tuple[str, int], Body]:
    tables = (inputs, meaning, shaping)
    return {key: body for t in tables for key, body in (t.DOWN if way == "down" else t.UP).items()}


def convert_opset(model: "ModelProto", to: int) -> "ModelProto":
    """The model in opset `to` of the default domain; nodes that exist there keep their names.

    An operator that opset `to` has not is written out in simpler ones. Raises `EditError` that lists the nodes which
    cannot be converted, each with its operator and the reason.
    """
    bones = opened(model)
    if bones.functions:
        bones = without_functions(bones)
    rename_domain(bones)
    start = opset_of(bones)
    if start == to:
        raise EditError(f"the model has opset {to} already")
    if min(start, to) < OLDEST:
        raise EditError(f"opsets below {OLDEST} are not converted: export the model again")
    _known_opset(start)
    added = facts.remember(bones)
    for opset in range(start, to, -1):
        _cross(bones, opset, "down")
    for opset in range(start + 1, to + 1):
        _cross(bones, opset, "up")
    _restate(bones, start, to)
    return closed(bones, model, stale=added)


def _known_opset(opset: int) -> None:
    from onnx import defs

    if opset > defs.onnx_opset_version():
        raise EditError(f"opset {opset} is newer than what is known here: export the model again")


def _restate(bones: "ModelProto", start: int, to: int) -> None:
    """The imports, and an IR version that may hold the opset."""
    from onnx import helper

    versions = {entry.domain: entry.version for entry in bones.opset_import if entry.domain not in DEFAULT_DOMAINS}
    del bones.opset_import[:]
    bones.opset_import.append(helper.make_opsetid("", to))
    bones.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in versions.items())
    if to > start:
        bones.ir_version = max(bones.ir_version, helper.find_min_ir_version_for([helper.make_opsetid("", to)]))


def _stamp(bones: "ModelProto", opset: int) -> None:
    for entry in bones.opset_import:
        if entry.domain in DEFAULT_DOMAINS:
            entry.version = opset


def _changes(node: "NodeProto", opset: int) -> bool:
    """Whether the operator is another in `opset` than in the one before."""
    if node.domain not in DEFAULT_DOMAINS:
        return False
    now, before = generic.schema(node.op_type, opset), generic.schema(node.op_type, opset - 1)
    return (now and now.since_version) != (before and before.since_version)


def _cross(bones: "ModelProto", opset: int, way: Way) -> None:
    """Between `opset - 1` and `opset`, in place."""
    here = opset if way == "down" else opset - 1
    for _ in range(_ROUNDS):
        if not _apply(bones, opset, lambda node, known, names: _spelled_out(node, known, names, opset, here)):
            break
    _apply(bones, opset, lambda node, known, names: _moved(node, known, names, opset, way))
    _stamp(bones, opset - 1 if way == "down" else opset)


def _apply(bones: "ModelProto", opset: int, written: "Written") -> bool:
    """Replace what `written` writes anew among the nodes that change in `opset`; whether there were any."""
    if not any(_changes(node, opset) for node in nodes(bones)):
        return False
    names, known, reasons, changed = Names(bones), facts.of_all(bones), list[str](), False
    for graph, here in reversed(list(zip(facts.graphs(bones), known, strict=True))):
        new: dict[int, list[NodeProto]] = {}
        weights: list[TensorProto] = []
        for index, node in enumerate(graph.node):
            try:
                with understood():
                    made = written(node, here, names) if _changes(node, opset) else None
            except EditError as error:
                reasons.append(f"{shown(label(node))} ({shown(node.op_type)}): {error}")
                continue
            if made is not None:
                new[index] = made[0]
                weights.extend(made[1])
        if new:
            changed = True
            replace(graph, new, weights)
    if reasons:
        raise refused(reasons, f"it cannot pass between opsets {opset - 1} and {opset}")
    return changed


def _spelled_out(node: "NodeProto", known: Facts, names: Names, opset: int, here: int) -> "Made | None":
    """A node that the other opset has not, or not with that meaning, in simpler operators of the opset `here`."""
    there = opset - 1 if here == opset else opset
    before, after = generic.schema(node.op_type, here), generic.schema(node.op_type, there)
    if before is None:
        return None
    if (node.op_type, opset) not in _ALWAYS_EXPANDED:
        if (node.op_type, opset) in _moves("down" if here == opset else "up"):
            return None
        if after is not None and not _stands_against(Site(node, known, Writer(names, there, "")), before, after, opset):
            return None
    try:
        return expanded(node, known, names, here)
    except EditError as error:
        if after is not None and (node.op_type, opset) not in _ALWAYS_EXPANDED:
            return None  # `_moved` says what stands against the node as it is
        raise EditError(f"opset {there} has no operator that does the same, and {error}") from error


def _stands_against(site: Site, before: "OpSchema", after: "OpSchema", opset: int) -> bool:
    """Whether the other opset's schema does not take the node as it is."""
    try:
        generic.restamp(site, before, after, opset)
    except EditError:
        return True
    return False


def _moved(node: "NodeProto", known: Facts, names: Names, opset: int, way: Way) -> "Made | None":
    """A node as it is written on the other side of the change."""
    source, target = (opset, opset - 1) if way == "down" else (opset - 1, opset)
    before, after = generic.schema(node.op_type, source), generic.schema(node.op_type, target)
    if way == "down" and opset == negative_axes.SINCE:
        node = negative_axes.counted(node, known)
    site = Site(node, known, Writer(names, target, node.name or node.op_type))
    move = _moves(way).get((node.op_type, opset))
    if move is not None:
        move(site)
    elif before is not None and after is not None:
        generic.restamp(site, before, after, opset)
    else:
        return None
    return site.write.finish(node), site.write.weights
