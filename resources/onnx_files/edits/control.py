"""Branches and loops that are decided before a model runs, written out.

Here belong If with a constant condition and Loop with a constant, small number of turns. Not here: what depends on an
input; there the graph has to be split.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from resources.onnx_files.edits import EditError, facts
from resources.onnx_files.edits.bodies.definitions import renamed
from resources.onnx_files.edits.facts import Facts
from resources.onnx_files.edits.named import Names
from resources.onnx_files.edits.site import understood
from resources.onnx_files.edits.surgery import DEFAULT_DOMAINS, opset_of, replace
from resources.onnx_files.edits.writer import Writer
from resources.onnx_files.limits import DEFAULT
from resources.onnx_files.structure import shown
from resources.onnx_files.walk import label

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

_MOST_TURNS = 256
_LEVELS = DEFAULT.depth + 1
_CONTROL = frozenset({"If", "Loop"})


class _Inlining:
    """A graph's nodes and weights, brought into the graph around it."""

    def __init__(self, names: Names, stem: str) -> None:
        self.names = names
        self.stem = stem
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []

    def once(self, graph: "GraphProto", inputs: Collection[str], outputs: "list[str]") -> list[str]:
        """Write the graph's nodes with these inputs; the names of its outputs, which are `outputs` where not empty."""
        actual = dict(zip((value.name for value in graph.input), inputs, strict=True))
        for weight in graph.initializer:
            actual[weight.name] = self.names.tensor(f"{self.stem}/{weight.name}")
            copy = type(weight).FromString(weight.SerializeToString())
            copy.name = actual[weight.name]
            self.weights.append(copy)
        made = {name for node in graph.node for name in node.output}
        for value, wanted in zip(graph.output, outputs, strict=True):
            if wanted and value.name in made and value.name not in actual:
                actual[value.name] = wanted
        self.nodes.extend(renamed(node, actual, self.names, self.stem, {}) for node in graph.node)
        return [
            self._as(actual.get(value.name, value.name), wanted)
            for value, wanted in zip(graph.output, outputs, strict=True)
        ]

    def _as(self, name: str, wanted: str) -> str:
        from onnx import helper

        if wanted and name != wanted:
            title = self.names.node(f"{self.stem}/Identity")
            self.nodes.append(helper.make_node("Identity", [name], [wanted], name=title))
        return wanted or name


def decided(bones: "ModelProto", wanted: Collection[tuple[str, str]]) -> None:
    """Replace If and Loop in the main graph, in place, where `wanted` has them.

    Raises `EditError` for one that depends on an input.
    """
    asked = {op for domain, op in wanted if not domain} & _CONTROL
    for _ in range(_LEVELS if asked else 0):
        found = {
            index: node
            for index, node in enumerate(bones.graph.node)
            if node.op_type in asked and node.domain in DEFAULT_DOMAINS
        }
        if not found:
            return
        known, names = facts.of_main(bones), Names(bones)
        new: dict[int, list[NodeProto]] = {}
        weights: list[TensorProto] = []
        for index, node in found.items():
            into = _Inlining(names, node.name)
            write = _branch if node.op_type == "If" else _turns
            try:
                with understood():
                    write(node, known, into, opset_of(bones))
            except EditError as error:
                raise EditError(f"{shown(label(node))} ({node.op_type}): {error}") from error
            new[index] = into.nodes
            weights.extend(into.weights)
        replace(bones.graph, new, weights)


def _inner(node: "NodeProto", name: str) -> "GraphProto":
    for entry in node.attribute:
        if entry.name == name:
            graph: GraphProto = entry.g
            return graph
    raise EditError(f"it has no {name}")


def _branch(node: "NodeProto", known: Facts, into: _Inlining, opset: int) -> None:  # noqa: ARG001 (as `_turns`)
    condition = known.value(node.input[0])
    if condition is None:
        raise EditError("its condition depends on the model's input")
    taken = "then_branch" if bool(condition.ravel()[0]) else "else_branch"
    into.once(_inner(node, taken), [], list(node.output))


def _goes_on(body: "GraphProto") -> bool:
    """Whether a loop's own condition never ends it: a constant true, or the one that it was given."""
    name = body.output[0].name
    for node in reversed(body.node):
        if name in node.output and node.op_type == "Identity":
            name = node.input[0]
    if name == body.input[1].name:
        return True
    from onnx import numpy_helper

    tensors = {weight.name: weight for weight in body.initializer}
    for node in body.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            tensors[node.output[0]] = node.attribute[0].t
    return name in tensors and bool(numpy_helper.to_array(tensors[name]).ravel()[0])


def _turns(node: "NodeProto", known: Facts, into: _Inlining, opset: int) -> None:
    """Each turn written out; what the turns collect is put together at the end."""
    body = _inner(node, "body")
    count = known.value(node.input[0]) if node.input[0] else None
    starts = known.value(node.input[1]) if len(node.input) > 1 and node.input[1] else None
    asks = len(node.input) > 1 and bool(node.input[1])
    if count is None or (asks and starts is None) or not _goes_on(body):
        raise EditError("how often it turns depends on the model's input")
    turns = int(count.ravel()[0]) if starts is None or bool(starts.ravel()[0]) else 0
    if not 1 <= turns <= _MOST_TURNS or turns * len(body.node) > DEFAULT.nodes:
        raise EditError(f"it turns {turns:,} times, and 1 to {_MOST_TURNS} are written out")
    write = Writer(into.names, opset, into.stem)
    carried, condition = list(node.input[2:]), write.scalar(1, 9)
    collected: list[list[str]] = [[] for _ in body.output[1 + len(carried) :]]
    for turn in range(turns):
        number = write.scalar(turn, 7)
        outputs = list(node.output[: len(carried)]) if turn == turns - 1 else [""] * len(carried)
        wanted = ["", *outputs, *[""] * len(collected)]
        made = into.once(body, [number, condition, *carried], wanted)
        carried = made[1 : 1 + len(carried)]
        for part, name in zip(collected, made[1 + len(carried) :], strict=True):
            part.append(name)
    for part, out in zip(collected, node.output[len(carried) :], strict=False):
        if out:
            write.op("Concat", *[write.unsqueeze(name, [0]) for name in part], out=out, axis=0)
    into.nodes.extend(write.nodes)
    into.weights.extend(write.weights)
