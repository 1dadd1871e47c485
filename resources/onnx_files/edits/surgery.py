"""How an edit begins and ends: a copy without large weights in, a model that holds together out.

Every edit works on a skeleton, where weights above a few kilobytes are inputs, and puts the original's weights back at
the end: so they are copied once, and never read by more than the edit needs. Here belong finding nodes, putting others
in their place, and the last check. Not here: any edit.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.named import write_names
from resources.onnx_files.shapes import skeleton
from resources.onnx_files.structure import shown
from resources.onnx_files.walk import reads

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

DEFAULT_DOMAINS = frozenset({"", "ai.onnx"})
_LISTED = 5


def opset_of(model: "ModelProto") -> int:
    """The opset of the default domain. Raises `EditError` where the model states none."""
    versions: list[int] = [entry.version for entry in model.opset_import if entry.domain in DEFAULT_DOMAINS]
    if not versions:
        raise EditError("the model states no opset of the default domain: export it again")
    return max(versions)


def opened(model: "ModelProto") -> "ModelProto":
    """A skeleton of `model` to be changed, every node of its main graph named."""
    bones = skeleton(model)
    write_names(bones)
    return bones


def chosen(graph: "GraphProto", names: Iterable[str], operators: Collection[str] = ()) -> "dict[int, NodeProto]":
    """The named nodes of a graph by their place. Raises `EditError` for a name or an operator that does not fit."""
    places = {node.name: index for index, node in enumerate(graph.node)}
    found: dict[int, NodeProto] = {}
    for name in names:
        if name not in places:
            raise EditError(f"the main graph has no node {shown(name)}")
        node = graph.node[places[name]]
        if operators and (node.op_type not in operators or node.domain not in DEFAULT_DOMAINS):
            wanted = " or ".join(sorted(operators))
            raise EditError(f"node {shown(name)} is {shown(node.op_type)}, where {wanted} is wanted")
        found[places[name]] = node
    return found


def replace(
    graph: "GraphProto", new: "Mapping[int, Sequence[NodeProto]]", weights: "Iterable[TensorProto]" = ()
) -> None:
    """Put nodes in the place of others, in place, with the constants that they read; then drop what fed only those."""
    before = {name for index in new for name in reads(graph.node[index])}
    kept: list[NodeProto] = []
    for index, node in enumerate(graph.node):
        kept.extend(new.get(index, (node,)))
    _set_nodes(graph, kept)
    graph.initializer.extend(weights)
    _drop_unread(graph, before)


def _set_nodes(graph: "GraphProto", kept: "Sequence[NodeProto]") -> None:
    copies = [type(node).FromString(node.SerializeToString()) for node in kept]
    del graph.node[:]
    graph.node.extend(copies)


def _drop_unread(graph: "GraphProto", suspects: Collection[str]) -> None:
    """Remove nodes and constants that made nothing but `suspects`, once nothing reads these any more."""
    outputs = {value.name for value in graph.output}
    pending = set(suspects)
    while pending:
        read = outputs.union(*(reads(node) for node in graph.node))
        dead = [node for node in graph.node if set(node.output) & pending and not read.intersection(node.output)]
        pending = {name for node in dead for name in reads(node)} | (pending - read if dead else set())
        if not dead:
            break
        gone = {node.output[0] for node in dead}
        kept = [node for node in graph.node if not (node.output and node.output[0] in gone)]
        _set_nodes(graph, kept)


def rename_domain(model: "ModelProto") -> None:
    """Write the default domain's other name, `ai.onnx`, as the empty one, in place, in nodes and imports."""
    from resources.onnx_files.walk import nodes

    for node in nodes(model):
        if node.domain == "ai.onnx":
            node.domain = ""
    for entry in model.opset_import:
        if entry.domain == "ai.onnx":
            entry.domain = ""


def closed(bones: "ModelProto", model: "ModelProto", *, stale: Collection[str] | None = None) -> "ModelProto":
    """The edited `bones` with the weights of `model`, from which they were opened; checked.

    `stale`: tensors whose stated type or shape is true no longer; None for all of them. Raises `EditError` where the
    result is no valid model.
    """
    import onnx

    whole = onnx.ModelProto()
    whole.CopyFrom(bones)
    graph = whole.graph
    del graph.input[:], graph.initializer[:]
    for field in ("doc_string", "producer_version", "domain", "model_version"):
        setattr(whole, field, getattr(model, field))
    whole.metadata_props.extend(model.metadata_props)
    graph.doc_string = model.graph.doc_string
    _weights(graph, bones.graph, model.graph)
    _values(graph, stale)
    return checked(whole, model)


def _weights(graph: "GraphProto", bones: "GraphProto", original: "GraphProto") -> None:
    """Weights that something reads or the original lists as inputs, and its inputs."""
    held = {weight.name for weight in bones.initializer}
    listed = {value.name for value in original.input}
    added = {weight.name for weight in original.initializer} - listed
    needed = listed.union({value.name for value in graph.output}, *(reads(node) for node in graph.node))
    graph.input.extend(value for value in bones.input if value.name not in added)
    outside = [weight for weight in original.initializer if weight.name not in held]
    carried = needed.intersection(value.name for value in bones.input)
    graph.initializer.extend(weight for weight in bones.initializer if weight.name in needed)
    graph.initializer.extend(weight for weight in outside if weight.name in carried)


def _values(graph: "GraphProto", stale: Collection[str] | None) -> None:
    """What is said of inner tensors, as far as it is still true."""
    import onnx

    made = {name for node in graph.node for name in node.output}
    kept = [v for v in graph.value_info if stale is not None and v.name in made and v.name not in stale]
    copies = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in kept]
    del graph.value_info[:]
    graph.value_info.extend(copies)


def _problem(model: "ModelProto") -> str:
    """What the checker, or strict inference of types and shapes, has against a model; empty if nothing."""
    import onnx

    from resources.onnx_files import checker_error

    wrong = checker_error(model)
    if wrong:
        return wrong
    try:
        onnx.shape_inference.infer_shapes(skeleton(model), check_type=True, strict_mode=True)
    except (onnx.shape_inference.InferenceError, ValueError, RuntimeError) as error:
        return " ".join(str(error).split())[:500] or type(error).__name__
    return ""


def checked(whole: "ModelProto", model: "ModelProto") -> "ModelProto":
    """`whole`, made from `model` by an edit. Raises `EditError` where it is no valid model of the same signature."""
    for field in ("input", "output"):
        before = [value.name for value in getattr(model.graph, field)]
        if [value.name for value in getattr(whole.graph, field)] != before:
            raise EditError(f"the edit would change the model's {field}s")
    problem = _problem(whole)
    # An original that strict inference does not follow either (contrib operators) is held to the checker alone.
    if problem and not _problem(model):
        raise EditError(f"the edited graph does not hold together: {shown_reason(problem)}")
    return whole


def shown_reason(text: str) -> str:
    """What a library said, on one line and bounded: it may quote names of the file."""
    return text.encode("unicode_escape").decode()[:300]


def refused(reasons: Sequence[str], what: str) -> EditError:
    """One error for several reasons."""
    more = f" and {len(reasons) - _LISTED} more" if len(reasons) > _LISTED else ""
    return EditError(f"{what}: {'; '.join(reasons[:_LISTED])}{more}")
