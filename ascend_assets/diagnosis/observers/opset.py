"""The opset that a model states, held against those that parsers are registered for.

Facts: a parser is registered for exactly `domain::opset::operator`, without a fallback to a nearby opset; the standard
operators for opsets 8 to 18 (CANN's ONNX plugins), and for 9 to 13 in CANN 5 and 6 (CANN's documentation). Not here:
operators that have no parser in any opset (`operators.py`).
"""

from collections.abc import Iterator
from functools import lru_cache

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.said import fact
from ascend_assets.diagnosis.observers.unparsed import STANDARD, Unparsed, names, unparsed
from ascend_assets.diagnosis.offers import offer
from ascend_assets.remedies.kinds import ConvertOpset, Remedy
from resources.ascend.emulator.registration import NEWEST_OPSET, is_registered, registered_opsets

_VALUES = ("opset", "to", "operators")
MAKES = {
    "opset_above": Kind(_VALUES, ("convert_opset",)),
    "opset_below": Kind(_VALUES, ("convert_opset",)),
    "opset_older_cann": Kind(_VALUES, ("convert_opset",)),
    "opset_refused": Kind(_VALUES, ("convert_opset",)),
}

_OLDEST = 11
"""Below it the gates refuse a model, and the plugins of many operators begin here."""
_SAFE = 13
"""Conversions begin here: every CANN from 5 on knows it, and the newest operators' meanings are in it."""
_OLDER_CANN = (15, 13, 11)
_PROPOSALS = 5


def observe(case: Case) -> Iterator[Observation]:
    """The opset as a compiler or the tables have it, and as the gate on it has it."""
    found = [one for one in unparsed(case) if one.domain == STANDARD and registered_opsets(STANDARD, one.op)]
    known = _standard(case)
    for one in found:
        yield _unregistered(one, known)
    for verdict in case.refused:
        if verdict.criterion == "opset" and verdict.value is not None:
            opset, to = int(verdict.value), _candidates(int(verdict.value), known)
            values = _values(opset, to, "all")
            yield Observation("opset_refused", verdict.why, (), values, _offers(to), "verdicts")


def _standard(case: Case) -> frozenset[str]:
    """The model's standard operators that have a parser in some opset: those that a conversion has to keep taken."""
    if case.model is None:
        return frozenset()
    used = {op for _, domain, op in names(case.model) if domain in {"", STANDARD}}
    return frozenset(op for op in used if registered_opsets(STANDARD, op))


def _unregistered(one: Unparsed, known: frozenset[str]) -> Observation:
    opsets = registered_opsets(STANDARD, one.op)
    kind = "opset_above" if one.version > opsets[-1] else "opset_below"
    to = _candidates(one.version, known | {one.op})
    if one.version in opsets:
        # The tables are of CANN 8: this CANN is older.
        kind, to = "opset_older_cann", tuple(opset for opset in _OLDER_CANN if opset < one.version)
    values = _values(one.version, to, one.op)
    if one.message is not None:
        return fact(kind, one.message, nodes=one.nodes, values=values, remedies=_offers(to))
    says = f"CANN's parsers take {one.op} in opsets {opsets[0]} to {opsets[-1]}; the model states {one.version}"
    return Observation(kind, says, one.nodes, values, _offers(to))


def _values(opset: int, to: tuple[int, ...], operators: str) -> dict[str, Value]:
    return {"opset": opset, "to": to[0] if to else _SAFE, "operators": operators}


@lru_cache(maxsize=64)
def _candidates(opset: int, ops: frozenset[str]) -> tuple[int, ...]:
    """Opsets in which every operator has a parser: the nearest below a newer one first, the nearest above an older."""
    whole = [to for to in range(_OLDEST, NEWEST_OPSET + 1) if all(is_registered(STANDARD, to, op) for op in ops)]
    # Where no opset takes all, those that take the most are still a step.
    fitting = whole or [17, 18]
    above = [to for to in fitting if to > opset]
    below = [to for to in reversed(fitting) if to < opset]
    ordered = [*(to for to in above if to >= _SAFE), *(to for to in above if to < _SAFE)]
    return tuple((below or ordered) if opset > NEWEST_OPSET else (ordered or below))[:_PROPOSALS]


def _offers(to: tuple[int, ...]) -> dict[str, Remedy]:
    return {key: remedy for opset in to for key, remedy in offer(ConvertOpset, as_=str(opset), to=opset).items()}
