"""A model that imports no more operator domains than its nodes need: ATC takes one.

Here belongs the list of imports. Not here: operators of another domain (`expand_operators.py`).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.surgery import DEFAULT_DOMAINS, closed, opened, rename_domain
from resources.onnx_files.structure import shown
from resources.onnx_files.walk import label, nodes

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto


def drop_domains(model: "ModelProto", domains: Iterable[str]) -> "ModelProto":
    """The model without the entries of `opset_import` for `domains`, and without local functions that nothing calls.

    `ai.onnx` is the default domain's other name: both become one entry. A domain that is not imported is gone already.
    Raises `EditError` for a domain that a node needs.
    """
    from onnx import helper

    given = set(domains)
    bones = opened(model)
    entries = [(entry.domain, entry.version) for entry in bones.opset_import]
    rename_domain(bones)
    _drop_uncalled(bones)
    _unneeded(bones, given)
    versions: dict[str, int] = {}
    for domain, version in entries:
        known = "" if domain in DEFAULT_DOMAINS else domain
        if domain not in given or known in {"" for name in given if name in DEFAULT_DOMAINS}:
            versions[known] = max(version, versions.get(known, 0))
    del bones.opset_import[:]
    bones.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in versions.items())
    return closed(bones, model, stale=())


def _unneeded(bones: "ModelProto", given: set[str]) -> None:
    """Raise `EditError` for a node whose domain would be gone."""
    doubled = len([entry for entry in bones.opset_import if not entry.domain]) > 1
    for node in nodes(bones):
        if node.domain in given and node.domain:
            raise EditError(f"node {shown(label(node))} ({shown(node.op_type)}) needs the domain {shown(node.domain)}")
        if not node.domain and given & DEFAULT_DOMAINS and not doubled:
            raise EditError(f"node {shown(label(node))} ({shown(node.op_type)}) needs ONNX's own domain")


def _drop_uncalled(bones: "ModelProto") -> None:
    functions = {(f.domain, f.name): f for f in bones.functions}
    called: set[tuple[str, str]] = set()
    pending = [_of(node) for node in nodes_of_graphs(bones)]
    while pending:
        key = pending.pop()
        if key in functions and key not in called:
            called.add(key)
            pending.extend(_of(node) for node in functions[key].node)
    kept = [f for key, f in functions.items() if key in called]
    if len(kept) < len(functions):
        copies = [type(f).FromString(f.SerializeToString()) for f in kept]
        del bones.functions[:]
        bones.functions.extend(copies)


def _of(node: "NodeProto") -> tuple[str, str]:
    return node.domain, node.op_type


def nodes_of_graphs(bones: "ModelProto") -> "Iterable[NodeProto]":
    """Every node but those of functions."""
    from resources.onnx_files.walk import scopes

    for scope in scopes(bones):
        yield from scope.graph.node
