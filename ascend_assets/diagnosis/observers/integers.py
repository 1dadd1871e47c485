"""Integers and doubles that the device's narrow types cannot hold.

Here belong int64 values beyond int32, arithmetic in int64 or FP64 (which runs on the AI CPU), and integers that become
FP16, which counts exactly to 2048 and ends at 65504. Not here: types that the compiler refuses (`dtypes.py`).
"""

from collections.abc import Iterator

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.faults import STATED, Faults
from ascend_assets.diagnosis.observers.reading import MOVERS, Reading, told
from ascend_assets.diagnosis.offers import offer
from ascend_assets.diagnosis.telling import plain
from ascend_assets.remedies.kinds import KeepDtype, NarrowIntegers, WidenFloats
from resources.onnx_files.graph import Node

MAKES = {
    "beyond_int32": Kind(("value", "tensor", "node", "op"), ()),
    "int64_arithmetic": Kind(("ops", "number"), ("narrow_integers",)),
    "float64_arithmetic": Kind(("ops", "number"), ("widen_floats",)),
    "integers_as_floats": Kind((*STATED, "node", "op", "reader"), ("keep_dtype",)),
}

INT32_LARGEST = 2**31 - 1
_INT64, _DOUBLE = 7, 11
_INTEGERS = frozenset({2, 3, 4, 5, 6, 7, 12, 13})
_ARITHMETIC = frozenset(
    {"Abs", "Add", "ArgMax", "ArgMin", "Clip", "CumSum", "Div", "Equal", "Exp", "Greater", "Less", "MatMul", "Max"}
    | {"Min", "Mod", "Mul", "Neg", "Pow", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "Sign"}
    | {"Sqrt", "Sub", "Sum"}
)


def observe(case: Case) -> Iterator[Observation]:
    """What is computed in 64 bits on the device, and integers that are computed with as narrow floats."""
    reading = Reading(case)
    live = _computed(reading)
    yield from _beyond(reading, live)
    yield from _wide(reading, live)
    yield from _as_floats(Faults(reading), live)


def _computed(reading: Reading) -> tuple[Node, ...]:
    """Nodes that something fed to the model reaches: what depends on constants or shapes alone is folded."""
    known = {name for name, tensor in reading.graph.tensors.items() if tensor.constant}
    live = []
    for node in reading.nodes:
        random = node.op.startswith("Random")
        if node.op in {"Constant", "Shape", "Size"} or (not random and all(n in known for n in node.inputs if n)):
            known.update(node.outputs)
        else:
            live.append(node)
    return tuple(live)


def _type(reading: Reading, tensor: str) -> int:
    known = reading.graph.tensors.get(tensor)
    return known.dtype if known else 0


def _beyond(reading: Reading, live: tuple[Node, ...]) -> Iterator[Observation]:
    """Constants of 64 bits whose values int32 does not hold. Slice's end of `2**63 - 1` means the end of an axis."""
    told_of: set[str] = set()
    for node in live:
        for name in node.inputs:
            if node.op == "Slice" or not name or _type(reading, name) != _INT64 or reading.root(name) in told_of:
                continue
            values = reading.small(name)
            if values is None or not values.size or abs(values).max() <= INT32_LARGEST:
                continue
            told_of.add(reading.root(name))
            value = int(values[abs(values).argmax()])
            yield Observation(
                kind="beyond_int32",
                says=f"constant {plain(reading.root(name))} holds {value}, read by {told([node])}",
                nodes=(node.name,),
                values={"value": value, "tensor": reading.root(name), "node": node.name, "op": node.op},
            )


def _wide(reading: Reading, live: tuple[Node, ...]) -> Iterator[Observation]:
    for dtype, kind in ((_INT64, "int64_arithmetic"), (_DOUBLE, "float64_arithmetic")):
        nodes = [node for node in live if node.op in _ARITHMETIC and _computes_in(reading, node, dtype)]
        if not nodes:
            continue
        remedies = (
            offer(NarrowIntegers, nodes=[node.name for node in nodes])
            if dtype == _INT64
            else {"widen_floats": WidenFloats(of="float64")}
        )
        values: dict[str, Value] = {"ops": ", ".join(dict.fromkeys(n.op for n in nodes)), "number": len(nodes)}
        yield Observation(
            kind=kind,
            says=f"{len(nodes)} nodes compute in {'int64' if dtype == _INT64 else 'float64'}: {told(nodes)}",
            nodes=tuple(node.name for node in nodes),
            values=values,
            remedies=remedies,
        )


def _computes_in(reading: Reading, node: Node, dtype: int) -> bool:
    if node.op in {"ArgMax", "ArgMin"}:
        return dtype == _INT64
    return bool(node.inputs) and _type(reading, node.inputs[0]) == dtype


def _as_floats(faults: Faults, live: tuple[Node, ...]) -> Iterator[Observation]:
    """Integers that are cast to floats and then read by a node in a narrow type."""
    reading = faults.reading
    for node in live:
        if (
            node.op != "Cast"
            or _type(reading, node.inputs[0]) not in _INTEGERS
            or not reading.is_float(node.outputs[0])
        ):
            continue
        narrow = [reader for _, reader in reading.after(node) if reading.narrow(reader) and reader.op not in MOVERS]
        if not narrow or _counts(reading, node):
            continue
        wide = faults.chain(narrow)
        kept = offer(KeepDtype, nodes=[link.name for link in wide if reading.narrow(link)])
        values: dict[str, Value] = {"node": node.name, "op": narrow[0].op, "reader": narrow[0].name}
        says = f"integers of {told([node])} are computed with as narrow floats by {told(narrow)}"
        yield faults.fact("integers_as_floats", says, [node, *narrow], values, kept)


def _counts(reading: Reading, node: Node) -> bool:
    """Whether integers are zeros and ones, made from truths: any float holds these."""
    made = reading.before(node.inputs[0])
    return made is not None and bool(made.inputs) and _type(reading, made.inputs[0]) == 9  # noqa: PLR2004 - BOOL
