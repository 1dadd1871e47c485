"""Results that leave the range of the device's narrow type, at either end.

Here belongs each place where overflow begins, told apart by what the operator does (it sums, multiplies, or something
else), with the nodes that have to be wide until the values are small again; and results that vanish. Not here:
constants that are too large themselves (`constants.py`), or formulas (`patterns.py`).
"""

from collections.abc import Iterator

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.observers import Kind, constants
from ascend_assets.diagnosis.observers.faults import STATED, Faults
from ascend_assets.diagnosis.observers.motifs import PRODUCTS, factor_of
from ascend_assets.diagnosis.observers.reading import Reading, told
from ascend_assets.diagnosis.offers import offer
from ascend_assets.remedies.kinds import KeepDtype, Reformulate, Remedy, ScaleWeights
from resources.ascend.emulator.op_names import CUBE
from resources.ascend.emulator.precision import family_of
from resources.onnx_files.graph import Node

_VALUES = (*STATED, "op", "elements", "length", "adds")
MAKES = {
    "sum_overflow": Kind(_VALUES, ("reformulate", "keep_dtype")),
    "product_overflow": Kind((*_VALUES, "narrow_cube"), ("reformulate", "keep_dtype", "scale_weights")),
    "product_input_overflow": Kind((*_VALUES, "narrow_cube"), ("keep_dtype", "scale_weights")),
    "value_overflow": Kind(_VALUES, ("keep_dtype",)),
    "value_underflow": Kind((*STATED, "op", "elements", "length"), ("keep_dtype",)),
}

SUMS = frozenset(
    {"Add", "AveragePool", "CumSum", "GlobalAveragePool", "LpPool", "Mean", "ReduceL1", "ReduceL2", "ReduceLogSum"}
    | {"ReduceMean", "ReduceSum", "ReduceSumSquare", "Sub", "Sum"}
)
"""Operators that add up."""
_FP16_CUBES = frozenset({"Ascend310", "Ascend310P", "Ascend910"})
"""Families whose cube multiplies FP16 alone: a kept MatMul sums in FP32 and still reads FP16."""
_POWERS = (4, 8)
"""Powers of two by which weights are divided, in the order in which they are tried."""
_WEIGHT = 1


def observe(case: Case) -> Iterator[Observation]:
    """Every place where overflow begins; nothing where nothing was compared."""
    reading = Reading(case)
    faults = Faults(reading)
    # What reads a constant that is too large is told of with the constant.
    users = [user for large in constants.found(reading) for user in large.users]
    begun = {link.index for link in faults.chain(users)}
    for node in faults.overflowing():
        if node.index not in begun:
            chain = faults.chain([node])
            begun.update(link.index for link in chain)
            yield _fact(faults, node, chain)
    for node in faults.overflowing():
        if node.op in CUBE and _fed_by_overflow(faults, node):
            yield _input(faults, node)
    yield from _vanishing(faults)


def _vanishing(faults: Faults) -> Iterator[Observation]:
    """Where results are lost below the smallest normal number, and not by a small constant."""
    told_of: set[int] = set()
    lost = (layer for layer in faults.own if layer.underflow and not layer.overflow)
    for node in faults.nodes(layer for layer in lost if layer.op not in SUMS):
        if node.index not in told_of:
            chain = faults.chain([node])
            told_of.update(link.index for link in chain)
            values: dict[str, Value] = {
                "op": node.op,
                "elements": faults.layers[node.name].underflow,
                "length": len(chain),
            }
            kept = offer(KeepDtype, nodes=[link.name for link in chain if faults.reading.narrow(link)])
            says = f"results of {told([node])} vanish, {values['elements']} elements"
            yield faults.fact("value_underflow", says, [node], values, kept)


def _fact(faults: Faults, node: Node, chain: tuple[Node, ...]) -> Observation:
    elements = faults.overflow([node])
    values: dict[str, Value] = {
        "op": node.op,
        "elements": elements,
        "length": len(chain),
        "adds": sum(link.op in {"Add", "Sum"} for link in chain),
    }
    says = f"overflow begins at {told([node])} and lasts for {len(chain)} nodes"
    kept = offer(KeepDtype, nodes=[link.name for link in chain if faults.reading.narrow(link)])
    if node.op in CUBE:
        values["narrow_cube"] = _narrow_cube(faults.case)
        remedies = {**_scaled_first(faults.reading, node), **kept, **_scaled(faults.reading, node)}
        return faults.fact("product_overflow", says, [node], values, remedies)
    if node.op in SUMS:
        return faults.fact("sum_overflow", says, [node], values, {**_scaled_first(faults.reading, node), **kept})
    return faults.fact("value_overflow", says, [node], values, kept)


def _input(faults: Faults, node: Node) -> Observation:
    """A product that reads what has overflowed already: on an FP16 cube no type that it is kept in helps."""
    makers = [made for name in node.inputs if (made := faults.reading.before(name)) is not None]
    before = [made for made in makers if made.name in faults.names and faults.overflow([made])]
    kept = offer(KeepDtype, nodes=[link.name for link in faults.chain([*before, node])])
    scaled = [remedy for made in before for remedy in _scaled(faults.reading, made).items()]
    values: dict[str, Value] = {
        "op": node.op,
        "elements": faults.overflow([node]),
        "length": len(before),
        "adds": 0,
        "narrow_cube": _narrow_cube(faults.case),
    }
    says = f"{told([node])} reads values beyond FP16's range from {told(before)}"
    return faults.fact("product_input_overflow", says, [node], values, {**kept, **dict(scaled)})


def _fed_by_overflow(faults: Faults, node: Node) -> bool:
    makers = (faults.reading.before(name) for name in node.inputs if name)
    return any(made is not None and made.name in faults.names and faults.overflow([made]) for made in makers)


def _narrow_cube(case: Case) -> int:
    try:
        return int(family_of(case.options.soc_version) in _FP16_CUBES)
    except ValueError:
        return 0


def _scaled_first(reading: Reading, node: Node) -> dict[str, Remedy]:
    """The scaling that stands behind a product or sum, applied before: where there is one that makes it smaller."""
    for tensor, reader in reading.after(node) if node.op in PRODUCTS else ():
        factor = factor_of(reading, reader, tensor)
        if factor is not None and abs(factor) < 1:
            return offer(Reformulate, nodes=[node.name], pattern="scale_first")
    return {}


def _scaled(reading: Reading, node: Node) -> dict[str, Remedy]:
    """Trained weights divided: only where a node has some, and for a person to decide."""
    if node.op not in CUBE or len(node.inputs) <= _WEIGHT or reading.array(node.inputs[_WEIGHT]) is None:
        return {}
    found: dict[str, Remedy] = {}
    for power in _POWERS:
        found |= offer(ScaleWeights, as_=str(power), nodes=[node.name], power=power)
    return found
