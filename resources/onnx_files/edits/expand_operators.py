"""Operators written out in simpler ones, for a compiler that has no parser for them.

Here belongs the order: local functions, then branches and loops that are decided, weights that are stored quantised,
then single operators. Not here: what an operator is made of (`bodies`).
"""

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from resources.onnx_files.edits import EditError, facts
from resources.onnx_files.edits.bodies.expanding import expanded
from resources.onnx_files.edits.control import decided
from resources.onnx_files.edits.named import Names, write_names
from resources.onnx_files.edits.quantized import dequantized
from resources.onnx_files.edits.site import understood
from resources.onnx_files.edits.surgery import DEFAULT_DOMAINS, closed, opened, opset_of, refused, replace
from resources.onnx_files.limits import DEFAULT
from resources.onnx_files.structure import shown
from resources.onnx_files.walk import label, nodes

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

_ROUNDS = 64
"""Bodies may hold what is to be expanded in turn, three deep in ONNX's; and types may show only behind what was."""

Key = tuple[str, str]


def expand_operators(model: "ModelProto", operators: Collection[str]) -> "ModelProto":
    """The model with every node of `operators` (`<domain>::<operator>`, `ai.onnx` for the default) written out.

    A domain that no node needs any more is imported no more. One of the model's own functions brings all of them with
    it, for no compiler takes any. `ai.onnx::If` and `ai.onnx::Loop` are taken where a constant decides them,
    `ai.onnx::DequantizeLinear` where it only stores a constant in fewer bits. Raises `EditError` for what cannot be
    written out, with the nodes.
    """
    wanted = {_key(text) for text in operators}
    if not _of(nodes(model), wanted):
        raise EditError(f"no node is {' or '.join(shown(text) for text in sorted(operators)[:5])}")
    bones = opened(model)
    if wanted & {(function.domain, function.name) for function in model.functions}:
        bones = without_functions(bones)
    added = facts.remember(bones)
    decided(bones, wanted)
    dequantized(bones, wanted, model)
    for _ in range(_ROUNDS + 1):
        if not _of(nodes(bones), wanted):
            _drop_imports(bones, {domain for domain, _ in wanted})
            return closed(bones, model, stale=added)
        expand_once(bones, wanted)
        if sum(1 for _ in nodes(bones)) > DEFAULT.nodes:
            raise EditError(f"it would have more than {DEFAULT.nodes:,} nodes")
    left = next(iter(_of(nodes(bones), wanted)), None)
    what = f"node {shown(label(left))} ({shown(left.op_type)})" if left else "an operator"
    raise EditError(f"{what} expands into more of its kind, again and again")


def _drop_imports(bones: "ModelProto", domains: Collection[str]) -> None:
    """Forget the domains of what was written out, in place, where no other node needs them: ATC takes one."""
    used = {node.domain for node in nodes(bones)} | set(DEFAULT_DOMAINS)
    gone = {domain for domain in domains if domain not in used}
    kept = [(entry.domain, entry.version) for entry in bones.opset_import if entry.domain not in gone]
    del bones.opset_import[:]
    for domain, version in kept:
        bones.opset_import.add(domain=domain, version=version)


def _key(text: str) -> Key:
    domain, _, op = text.partition("::")
    return ("" if domain in DEFAULT_DOMAINS else domain, op)


def _of(found: "Iterable[NodeProto]", wanted: Collection[Key]) -> "list[NodeProto]":
    return [n for n in found if ("" if n.domain in DEFAULT_DOMAINS else n.domain, n.op_type) in wanted]


def without_functions(bones: "ModelProto") -> "ModelProto":
    """Every call of a local function replaced by its nodes."""
    import onnx
    import onnx.inliner

    domains = {function.domain for function in bones.functions}
    stated = list(bones.graph.value_info)
    try:
        flat: onnx.ModelProto = onnx.inliner.inline_local_functions(bones, convert_version=True)
    except (RuntimeError, ValueError, onnx.checker.ValidationError) as error:
        raise EditError(f"its local functions cannot be inlined: {' '.join(str(error).split())[:200]}") from error
    used = {node.domain for node in nodes(flat)}
    entries = [entry for entry in flat.opset_import if entry.domain in used or entry.domain not in domains]
    kept = {(entry.domain, entry.version) for entry in entries}
    del flat.opset_import[:]
    flat.opset_import.extend(onnx.helper.make_opsetid(domain, version) for domain, version in sorted(kept))
    if not flat.graph.value_info:
        flat.graph.value_info.extend(stated)
    write_names(flat)
    return flat


def expand_once(bones: "ModelProto", wanted: Collection[Key]) -> None:
    """Write out every node of `wanted` that can be, in place, once.

    Raises `EditError` that lists those which cannot be, unless others could: behind these more is known next time.
    """
    names, opset = Names(bones), opset_of(bones)
    all_facts = facts.of_all(bones)
    reasons: list[str] = []
    progress = False
    # Graphs inside nodes come after the graph around them, and are edited before it is written anew.
    for graph, known in reversed(list(zip(facts.graphs(bones), all_facts, strict=True))):
        new, weights = _graph(graph, wanted, known, names, opset, reasons)
        if new:
            progress = True
            replace(graph, new, weights)
    if reasons and not progress:
        raise refused(reasons, "not everything can be written out in simpler operators")


def _graph(
    graph: "GraphProto",
    wanted: Collection[Key],
    known: facts.Facts,
    names: Names,
    opset: int,
    reasons: list[str],
) -> "tuple[Mapping[int, list[NodeProto]], list[TensorProto]]":
    new: dict[int, list[NodeProto]] = {}
    weights: list[TensorProto] = []
    for index, node in enumerate(graph.node):
        if not _of([node], wanted):
            continue
        try:
            with understood():
                new[index], constants = expanded(node, known, names, opset)
        except EditError as error:
            reasons.append(f"{shown(label(node))} ({shown(node.op_type)}): {error}")
        else:
            weights.extend(constants)
    return new, weights
