"""The same mathematics in an order that does not leave FP16's range.

Three patterns, each with a module of its own: exponentials (`reformulate_exponentials.py`), sums of squares
(`reformulate_squares.py`) and factors (`reformulate_factors.py`). FP32 results change by rounding alone. Here belongs
applying one of them to several places. Not here: operators that replace a whole formula on a device
(`fuse_normalization.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from resources.onnx_files.edits import (
    EditError,
    facts,
    reformulate_exponentials,
    reformulate_factors,
    reformulate_squares,
)
from resources.onnx_files.edits.facts import Facts
from resources.onnx_files.edits.links import Links
from resources.onnx_files.edits.named import Names
from resources.onnx_files.edits.rewriting import Rewriting
from resources.onnx_files.edits.surgery import closed, opened, opset_of, replace

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

Pattern = Callable[[Rewriting, "NodeProto"], None]

_PATTERNS: Mapping[str, Pattern] = {
    "softmax": reformulate_exponentials.rewrite,
    "sum_of_squares": reformulate_squares.rewrite,
    "scale_first": reformulate_factors.rewrite,
}


def reformulate(model: "ModelProto", nodes: Sequence[str], pattern: str) -> "ModelProto":
    """The model with the formulas that begin at `nodes` in another order.

    `pattern`: `softmax`, `sum_of_squares` or `scale_first`. Raises `EditError` for a node where no such formula is, and
    for one whose inner results are used otherwise.
    """
    if pattern not in _PATTERNS:
        raise EditError(f"there is no pattern {pattern[:40]!r}: {', '.join(_PATTERNS)}")
    bones = opened(model)
    weights = {weight.name for weight in model.graph.initializer} - {value.name for value in model.graph.input}
    known, names = facts.of_main(bones), Names(bones)
    for name in dict.fromkeys(nodes):
        found = _rewritten(bones, known, names, weights, name, _PATTERNS[pattern])
        if isinstance(found, EditError):
            # What is known was found before the places ahead of this one changed.
            known = facts.of_main(bones)
            found = _rewritten(bones, known, names, weights, name, _PATTERNS[pattern])
        if isinstance(found, EditError):
            raise found
        replace(bones.graph, found.new, found.weights)
    return closed(bones, model, stale=())


def _rewritten(
    bones: "ModelProto", known: Facts, names: Names, weights: set[str], name: str, pattern: Pattern
) -> Rewriting | EditError:
    links = Links(bones.graph, known, weights)
    work = Rewriting(links, names, opset_of(bones))
    try:
        pattern(work, links.node(name))
    except EditError as error:
        return error
    return work
