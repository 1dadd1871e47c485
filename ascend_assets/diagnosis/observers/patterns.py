"""Formulas written out in single operators, each of which rounds: where they leave FP16's range or lose its digits.

Here belong stating each formula (`motifs.py` recognises them), whether a node of it fails by itself, and the edits that
compute the same in a safer order. Not here: constants in them (`epsilon.py`, `constants.py`), or faults that belong to
no formula (`overflow.py`, `layers.py`).
"""

from collections.abc import Iterator

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.faults import STATED, Faults
from ascend_assets.diagnosis.observers.motifs import Motif, motifs
from ascend_assets.diagnosis.observers.reading import Reading, told
from ascend_assets.diagnosis.offers import offer
from ascend_assets.remedies.kinds import FuseNormalization, KeepDtype, Reformulate, Remedy
from resources.onnx_files.graph import Node

_VALUES = (*STATED, "begin", "detail", "length")
_KEEP = ("keep_dtype",)
_REFORMULATE = ("reformulate", *_KEEP)
MAKES = {
    "layer_norm": Kind(_VALUES, ("fuse_normalization", *_REFORMULATE)),
    "rms_norm": Kind(_VALUES, _REFORMULATE),
    "l2_norm": Kind(_VALUES, _REFORMULATE),
    "square_sum": Kind(_VALUES, _REFORMULATE),
    "variance": Kind(_VALUES, _REFORMULATE),
    "variance_difference": Kind(_VALUES, _KEEP),
    "softmax": Kind(_VALUES, _REFORMULATE),
    "log_sum_exp": Kind(_VALUES, _REFORMULATE),
    "logistic": Kind(_VALUES, _REFORMULATE),
    "power": Kind(_VALUES, _KEEP),
    "scaled_after": Kind(_VALUES, _REFORMULATE),
    "scaled_around": Kind(_VALUES, _REFORMULATE),
    "exponential": Kind(_VALUES, _KEEP),
    "cancellation": Kind(_VALUES, _KEEP),
    "division": Kind(_VALUES, _KEEP),
    "periodic": Kind(_VALUES, _KEEP),
}

_SQUARES = frozenset({"layer_norm", "rms_norm", "l2_norm", "square_sum", "variance"})
_GROWING = frozenset({"Cosh", "Exp", "Sinh", "Softplus"})
_DIVIDING = frozenset({"Div", "Reciprocal"})
_PERIODIC = frozenset({"Cos", "Sin", "Tan"})
_MINUS = frozenset({"Add", "Sub", "Sum"})


def observe(case: Case) -> Iterator[Observation]:
    """Every formula that the device computes in a narrow type, then single operators that fail on their own."""
    reading = Reading(case)
    faults = Faults(reading)
    told_of: set[int] = set()
    for motif in motifs(reading):
        if not any(reading.narrow(node) for node in motif.nodes):
            continue
        told_of.update(node.index for node in motif.nodes)
        yield _formula(faults, motif)
    for node in faults.nodes(faults.own):
        if node.index not in told_of:
            # What follows in the same chain is kept with its first node, and seen again once that is repaired.
            for wide, fact in _single(faults, node):
                told_of.update(link.index for link in wide)
                yield fact


def _formula(faults: Faults, motif: Motif) -> Observation:
    says = f"{motif.name} written out ({motif.detail}): {told(motif.nodes)}"
    values: dict[str, Value] = {"begin": motif.begin.name, "detail": motif.detail, "length": len(motif.nodes)}
    # A difference of large numbers keeps nothing of what was rounded before it.
    wide = faults.fed(motif.nodes) if motif.name == "variance_difference" else motif.nodes
    kept = offer(KeepDtype, nodes=[node.name for node in faults.chain(wide) if faults.reading.narrow(node)])
    return faults.fact(motif.name, says, motif.nodes, values, {**_edits(motif), **kept}, hurts=_hurts(faults, motif))


def _hurts(faults: Faults, motif: Motif) -> int:
    """Whether the formula is to blame; a scaling is where what it begins with fails, too late by overflow alone."""
    if motif.name == "scaled_after":
        return int(faults.overflow([motif.begin]) > 0 and faults.hurts([motif.begin]))
    return faults.hurts([motif.begin] if motif.name == "scaled_around" else motif.nodes)


def _edits(motif: Motif) -> dict[str, Remedy]:
    nodes = [motif.begin.name]
    if motif.name == "layer_norm":
        square = next(node for node in motif.nodes if node.op in {"Mul", "Pow"})
        return {
            **offer(FuseNormalization, nodes=nodes),
            **offer(Reformulate, nodes=[square.name], pattern="sum_of_squares"),
        }
    if motif.name in _SQUARES:
        begin = next((node for node in motif.nodes if node.op in {"Mul", "Pow"}), motif.begin)
        return offer(Reformulate, nodes=[begin.name], pattern="sum_of_squares")
    if motif.name in {"logistic", "log_sum_exp", "softmax"}:
        return offer(Reformulate, nodes=nodes, pattern="softmax")
    if motif.name in {"scaled_after", "scaled_around"}:
        return offer(Reformulate, nodes=nodes, pattern="scale_first")
    return {}


def _single(faults: Faults, node: Node) -> Iterator[tuple[tuple[Node, ...], Observation]]:
    """What one operator that fails by itself is an example of, with the nodes to keep."""
    overflow = faults.overflow([node])
    makers = [made for name in node.inputs if (made := faults.reading.maker.get(name)) is not None]
    if node.op in _GROWING and overflow:
        kind, wide = "exponential", faults.chain([node])
    elif node.op in _DIVIDING and not faults.overflow(makers):
        kind, wide = "division", faults.chain(faults.fed([node]))
    elif node.op in _MINUS and not overflow:
        kind, wide = "cancellation", faults.chain(faults.fed([node]))
    elif node.op in _PERIODIC and not overflow:
        kind, wide = "periodic", faults.chain(faults.fed([node]))
    else:
        return
    kept = offer(KeepDtype, nodes=[n.name for n in wide if faults.reading.narrow(n)])
    values: dict[str, Value] = {"begin": node.name, "detail": node.op, "length": len(wide)}
    yield wide, faults.fact(kind, f"{node.op} fails by itself: {told([node])}", [node], values, kept)
