"""Shapes that are not known when the model is compiled, and the operators that make them.

Facts: Ascend310 takes no dynamic shape at all (`Dynamic shape is not supported on this chip!`); NonZero and its like
make shapes out of data (ONNX's operator definitions). Not here: inputs whose sizes nobody stated (`inputs.py`).
"""

from collections.abc import Iterator

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.said import errors, fact
from ascend_assets.diagnosis.observers.shapes_only import from_shapes, to_fix
from ascend_assets.diagnosis.offers import offer
from ascend_assets.remedies.kinds import Simplify
from resources.ascend.families import family

MAKES = {
    "shape_dynamic_refused": Kind(("makers", "foldable", "open"), ("fix_shapes", "simplify")),
    "shape_from_data": Kind(("makers", "foldable", "open"), ("fix_shapes", "simplify")),
}

MAKERS = frozenset({"NonZero", "NonMaxSuppression", "Compress", "Unique"})
"""Operators whose output's shape depends on their input's values."""
_REFUSED = "ynamic shape is not supported"
_NO_DYNAMIC = frozenset({"310"})


def observe(case: Case) -> Iterator[Observation]:
    """Refusals of dynamic shapes with what makes them, and what would make them on a SoC that has none."""
    makers = tuple(node for node in case.graph.nodes if node.op in MAKERS) if case.graph else ()
    settled = from_shapes(case)
    foldable = all(name in settled for node in makers for name in node.inputs if name)
    values: dict[str, Value] = {
        "makers": ", ".join(sorted({node.op for node in makers})) or "none",
        "foldable": int(foldable),
        "open": int(_is_open(case)),
    }
    remedies = {**to_fix(case), **offer(Simplify)}
    named = tuple(node.name for node in makers)
    messages = [item for item in errors(case) if _REFUSED in item.message]
    for item in messages:
        nodes = tuple(dict.fromkeys((*named, *item.nodes)))
        yield fact("shape_dynamic_refused", item, nodes=nodes, values=values, remedies=remedies)
    if makers and not messages and family(case.options.soc_version) in _NO_DYNAMIC:
        says = f"{values['makers']} makes shapes out of data, which {case.options.soc_version} does not take"
        yield Observation("shape_from_data", says, named, values, remedies)


def _is_open(case: Case) -> bool:
    """Whether an input's size is open."""
    if case.graph is None:
        return False
    return any(case.graph.tensors[name].elements is None for name in case.graph.inputs)
