"""Tensors that need no input's values: constants, sizes of tensors, and what is made of them alone.

GE folds these once the shapes are fixed. Here belongs finding them, and the inputs' shapes where they are. Not here:
folding (`resources/onnx_files`).
"""

from ascend_assets.diagnosis.case import Case
from ascend_assets.diagnosis.offers import offer
from ascend_assets.remedies.kinds import FixShapes, Remedy
from resources.onnx_files.shapes import declared, inputs

_OF_SHAPE = frozenset({"Shape", "Size"})
_RANDOM = frozenset({"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial"})


def from_shapes(case: Case) -> frozenset[str]:
    """The main graph's tensors that are constant once every input has a fixed shape."""
    if case.graph is None:
        return frozenset()
    known = {name for name, tensor in case.graph.tensors.items() if tensor.constant} | {""}
    for node in case.graph.nodes:
        if node.op in _OF_SHAPE or (node.op not in _RANDOM and all(name in known for name in node.inputs)):
            known.update(node.outputs)
    return frozenset(known - {""})


def literal(case: Case) -> frozenset[str]:
    """Tensors that stand in the file as constants."""
    if case.graph is None:
        return frozenset()
    made = (name for node in case.graph.nodes if node.op == "Constant" for name in node.outputs)
    return frozenset({*(name for name, tensor in case.graph.tensors.items() if tensor.constant), *made})


def fixed_inputs(case: Case) -> dict[str, tuple[int, ...]] | None:
    """Every input's shape, if none is open; None otherwise."""
    if case.graph is None:
        return None
    shapes = {name: case.graph.tensors[name].shape for name in case.graph.inputs}
    fixed = {name: shape for name, shape in shapes.items() if shape is not None and min(shape, default=1) > 0}
    return fixed if len(fixed) == len(shapes) else None


def to_fix(case: Case) -> dict[str, Remedy]:
    """The remedy that writes the inputs' shapes into the file, where they are known and the file leaves one open."""
    shapes = fixed_inputs(case)
    if not shapes or case.model is None:
        return {}
    stated = (declared(value) for value in inputs(case.model))
    return offer(FixShapes, shapes=shapes) if any(dims is None or None in dims for dims in stated) else {}
