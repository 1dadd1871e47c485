"""Constants that keep a root, a logarithm or a divisor away from zero, and that FP16 loses.

Here belong the epsilon of a normalisation, and constants that are added, or bound from below, before a dangerous
operator. Below FP16's smallest normal number (6.1e-5) a constant loses digits, below 6e-8 it is zero; a bound just
below one (1 - 1e-7) becomes one. Not here: constants that are too large (`constants.py`), or the shape of the
normalisation around them (`patterns.py`).
"""

from collections.abc import Iterator, Sequence

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.faults import STATED, Faults
from ascend_assets.diagnosis.observers.reading import Reading
from ascend_assets.diagnosis.offers import offer
from ascend_assets.diagnosis.telling import plain
from ascend_assets.remedies.kinds import KeepDtype, RaiseEpsilon, Remedy, SetOpPrecision
from resources.ascend.emulator.op_names import ge_types
from resources.ascend.emulator.rounding import EPSILON_DEFAULTS, held_value
from resources.ascend.metrics import SMALLEST_NORMAL
from resources.onnx_files.graph import Node

_VALUES = (*STATED, "value", "held", "zero", "op", "node")
MAKES = {
    "small_epsilon": Kind(_VALUES, ("keep_dtype", "raise_epsilon", "set_op_precision")),
    "small_guard": Kind((*_VALUES, "guarded"), ("keep_dtype", "raise_epsilon")),
    "near_one": Kind((*_VALUES, "guarded"), ("keep_dtype",)),
}

_GUARDS = frozenset({"Add", "Clip", "Max", "Min", "Sub", "Sum", "Where"})
_RAISED = (6.2e-5, 1e-4)
"""What an epsilon is raised to: just above FP16's smallest normal number 2**-14, and the usual round figure."""
_PASSED = frozenset({"Abs", "Add", "Mul", "Neg", "Sub"})
"""Operators between a guard and what it guards, besides those that only move values."""
_FAR = 4


def observe(case: Case) -> Iterator[Observation]:
    """Every such constant in a node that the device computes in a narrow type."""
    reading = Reading(case)
    faults = Faults(reading)
    for node in reading.nodes:
        if not reading.narrow(node):
            continue
        if node.op in EPSILON_DEFAULTS:
            yield from _attribute(faults, node)
        elif node.op in _GUARDS:
            yield from _guard(reading, faults, node)


def _attribute(faults: Faults, node: Node) -> Iterator[Observation]:
    kind = faults.reading.kind(node)
    value = float(node.attributes.get("epsilon", EPSILON_DEFAULTS[node.op]))
    if not 0 < value < SMALLEST_NORMAL[kind]:
        return
    says = f"epsilon {value:.3g} of {plain(node.name)} ({plain(node.op)})"
    by_type = {ge_types(node.op)[0]: "high_precision"}
    remedies = {
        **offer(KeepDtype, nodes=[kept.name for kept in faults.chain([node])]),
        **_raised(node, value),
        **offer(SetOpPrecision, modes={"by_type": by_type}),
    }
    yield faults.fact(
        "small_epsilon", says, [node], _values(faults.reading, node, value), remedies, hurts=_hurts(faults, [node])
    )


def _hurts(faults: Faults, nodes: Sequence[Node]) -> int:
    """Whether a loss near zero shows: what overflowed before the first of the nodes is another fault."""
    makers = [made for name in nodes[0].inputs if (made := faults.reading.maker.get(name)) is not None]
    if faults.overflow(makers) or (len(nodes) > 1 and faults.overflow(nodes[:1])):
        return 0
    return faults.hurts(nodes)


def _raised(node: Node, value: float) -> dict[str, Remedy]:
    offers: dict[str, Remedy] = {}
    for to in _RAISED:
        if value < to:
            offers |= offer(RaiseEpsilon, as_=f"{to:g}".replace(".", "_"), nodes=[node.name], to=to)
    return offers


def _values(reading: Reading, node: Node, value: float) -> dict[str, Value]:
    held = _held(reading, node, value)
    return {"value": value, "held": held, "zero": int(held == 0), "op": node.op, "node": node.name}


def _held(reading: Reading, node: Node, value: float) -> float:
    return held_value(value, "bfloat16" if reading.kind(node) == "bfloat16" else "float16")


def _guard(reading: Reading, faults: Faults, node: Node) -> Iterator[Observation]:
    constants = [value for _, name in reading.read_on_device(node) if (value := reading.scalar(name)) is not None]
    smallest = SMALLEST_NORMAL[reading.kind(node)]
    small = [value for value in constants if 0 < abs(value) < smallest]
    ones = [value for value in constants if value != 1 and _held(reading, node, value) == 1]
    if not small and not ones:
        return
    way = guarded(reading, node)
    if not way:
        return
    nodes = [node, *way]
    wide = [*nodes, *_dividing(reading, way[-1])]
    chain = offer(KeepDtype, nodes=[kept.name for kept in faults.chain(wide)])
    for kind, values in (("small_guard", small), ("near_one", ones)):
        for value in values:
            stated = {**_values(reading, node, value), "guarded": way[-1].op}
            says = (
                f"constant {value:.8g} of {plain(node.name)} ({plain(node.op)}), held as {stated['held']:.3g}, before "
                f"{plain(way[-1].name)} ({plain(way[-1].op)})"
            )
            raised = _raised(node, abs(value)) if kind == "small_guard" else {}
            remedies = {**chain, **raised}
            yield faults.fact(kind, says, nodes, stated, remedies, hurts=_hurts(faults, wide))


def _dividing(reading: Reading, root: Node) -> list[Node]:
    """What divides by a root: half the digits of a tiny number are as many zeros as FP16 has."""
    if root.op not in {"Pow", "Sqrt"}:
        return []
    return [
        reader
        for tensor, reader in reading.after(root)
        if reader.op == "Reciprocal" or (reader.op == "Div" and tensor in reader.inputs[1:])
    ]


def guarded(reading: Reading, guard: Node) -> tuple[Node, ...]:
    """The way from a guard to the first operator behind it that zero is dangerous to; empty where there is none."""
    pending: list[tuple[Node, tuple[Node, ...]]] = [(guard, ())]
    seen = {guard.index}
    while pending:
        current, way = pending.pop(0)
        for tensor, reader in reading.after(current):
            if reader.index in seen:
                continue
            seen.add(reader.index)
            if _dangerous(reading, reader, tensor):
                return (*way, reader)
            if reader.op in _PASSED and len(way) < _FAR:
                pending.append((reader, (*way, reader)))
    return ()


def _dangerous(reading: Reading, node: Node, tensor: str) -> bool:
    if node.op in {"Log", "Reciprocal", "Rsqrt", "Sqrt"}:
        return True
    if node.op == "Div":
        return len(node.inputs) > 1 and node.inputs[1] == tensor
    if node.op == "Pow" and node.inputs[0] == tensor and len(node.inputs) > 1:
        power = reading.scalar(node.inputs[1])
        return power is None or power < 1
    return False
