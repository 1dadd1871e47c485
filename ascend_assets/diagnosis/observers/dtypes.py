"""Tensor types that an operator or a SoC does not take.

Facts: bf16 exists on A2, A3, 310B and 950 alone (ATC's documentation); no AI Core computes float64; kernels list the
types that they take, and a refusal names the first input that has another one. Not here: int64 paths that are merely
slow (`integers.py`).
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.said import SAID, errors, fact
from ascend_assets.diagnosis.offers import offer
from ascend_assets.diagnosis.telling import plain
from ascend_assets.remedies.kinds import InsertCast, NarrowIntegers, Remedy, WidenFloats
from resources.ascend.emulator.registration import has_bf16

if TYPE_CHECKING:
    from resources.ascend.toolchain import Diagnostic

_CASTS = ("insert_cast", "narrow_integers", "widen_floats")
MAKES = {
    "type_refused": Kind(("dtype", "input", "operator", "legal", *SAID), _CASTS),
    "type_mixed": Kind(SAID, ("insert_cast",)),
    "type_bfloat16": Kind(("dtype",), ("widen_floats",)),
    "type_float64": Kind(("dtype",), ("widen_floats",)),
}

_REFUSED = re.compile(
    r"data type (?:DT_)?(?P<dtype>[A-Za-z0-9_]{2,20}) of input \[?(?P<input>[^\]\s]{1,200})\]? is not supported"
)
_OPERATOR = re.compile(r"Optype \[?(?P<op>\w{1,200})")
_LEGAL = re.compile(r"Data Type: \{(?P<legal>[^}]{1,500})\}")
_MIXED = re.compile(
    r"d(?:ata ?)?type of inputs must be (?:the )?same|inputs? .{0,80}same d(?:ata ?)?type", re.IGNORECASE
)
_BF16 = frozenset({"BF16", "BFLOAT16"})
_DOUBLE = frozenset({"DOUBLE", "FLOAT64"})
_LONG = frozenset({"INT64", "UINT64"})
_BFLOAT16, _FLOAT64 = 16, 11


def observe(case: Case) -> Iterator[Observation]:
    """Types that a kernel refused, then those of the graph that this SoC does not compute."""
    for item in errors(case):
        found = _REFUSED.search(item.message)
        if found:
            yield _refused(item, found)
        elif _MIXED.search(item.message):
            yield fact("type_mixed", item, remedies=offer(InsertCast, nodes=item.nodes, to="float32"))
    if not has_bf16(case.options.soc_version):
        yield from _held(case, _BFLOAT16, "type_bfloat16", "bfloat16")
    yield from _held(case, _FLOAT64, "type_float64", "float64")


def _refused(item: "Diagnostic", found: re.Match[str]) -> Observation:
    dtype = found["dtype"].upper()
    operator, legal = _OPERATOR.search(item.message), _LEGAL.search(item.message)
    values: dict[str, Value] = {
        "dtype": dtype,
        "input": plain(found["input"]),
        "operator": operator["op"] if operator else "-",
        "legal": ", ".join(sorted({part.strip() for part in legal["legal"].split(",")})) if legal else "-",
    }
    return fact("type_refused", item, values=values, remedies=_remedies(dtype, item.nodes))


def _remedies(dtype: str, nodes: tuple[str, ...]) -> dict[str, Remedy]:
    if dtype in _BF16:
        return offer(WidenFloats, of="bfloat16")
    if dtype in _DOUBLE:
        return {**offer(WidenFloats, of="float64"), **offer(InsertCast, nodes=nodes, to="float32")}
    if dtype in _LONG:
        return {**offer(NarrowIntegers, nodes=nodes), **offer(InsertCast, nodes=nodes, to="int32")}
    return offer(InsertCast, nodes=nodes, to="float32")


def _held(case: Case, number: int, kind: str, name: str) -> Iterator[Observation]:
    if case.graph is None:
        return
    types = {tensor.name for tensor in case.graph.tensors.values() if tensor.dtype == number}
    nodes = tuple(node.name for node in case.graph.nodes if not types.isdisjoint((*node.inputs, *node.outputs)))
    if nodes or types:
        says = f"{len(types)} tensors are {name}"
        yield Observation(kind, says, nodes, {"dtype": name}, offer(WidenFloats, of=name))
