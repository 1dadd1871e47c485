"""What CANN knows, read from its tables: parsers per opset, kernels per SoC family, legal SoC names.

`onnx_opset_registration.csv`: which `domain::opset::OpType` a parser is registered for (the 8.0.RC1 map of msit, beside
the operator repositories of August 2026). `op_kernels_by_soc.csv`: AI Core operator information of CANN 8.1.RC1.
`soc_platform.csv`: the platform configuration's names. Not here: what follows from them (`refusals`).
"""

import csv
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

NEWEST_OPSET = 18
"""The last opset that CANN registers its standard operators for."""

_STABLE, _LATEST = "opsets_msit_8.0.RC1_opmap", "opsets_hicann_ops_repos_2026-08"
_UNREGISTERED_BUT_HANDLED = frozenset({"Constant", "Input"})
"""Operators that the parser turns into GE's own without looking them up (`kOnnxOpMap` in onnx_parser.cc)."""

_ALIASES = {"Ascend910": "Ascend910A"}
"""Names that CANN replaces without a word (platform_utils.cc)."""

_BF16_FAMILIES = frozenset({"Ascend910B", "Ascend910_93", "Ascend310B", "Ascend910_95", "Ascend910_55"})
"""ATC's documentation: bf16 only on A2, A3, 310B and 950."""


def _rows(table: str) -> Iterator[dict[str, str]]:
    with (files("resources.ascend") / "tables" / table).open(encoding="utf-8") as stream:
        yield from csv.DictReader(stream)


def _opsets(text: str) -> frozenset[int]:
    """`"1 8-18"` -> {1, 8, 9, ..., 18}."""
    opsets: set[int] = set()
    for part in text.split():
        first, _, last = part.partition("-")
        opsets.update(range(int(first), int(last or first) + 1))
    return frozenset(opsets)


@cache
def _parsers(column: str) -> dict[tuple[str, str], frozenset[int]]:
    return {(row["domain"], row["onnx_op"]): _opsets(row[column]) for row in _rows("onnx_opset_registration.csv")}


@cache
def _kernels() -> dict[tuple[str, str], dict[str, str]]:
    return {(row["ascend_op"], row["soc_family"]): row for row in _rows("op_kernels_by_soc.csv")}


@cache
def socs() -> dict[str, str]:
    """Legal SoC version -> its family (`Short_SoC_version`), in the platform configuration's spelling."""
    return {row["soc_version"]: row["Short_SoC_version"] for row in _rows("soc_platform.csv")}


def canonical_soc(name: str) -> str:
    """The name that CANN takes `name` for: `Ascend910` is `Ascend910A`; any other stands for itself."""
    return _ALIASES.get(name, name)


def has_bf16(soc_version: str) -> bool:
    """Whether bf16 modes and tensors exist on this SoC."""
    return socs().get(canonical_soc(soc_version)) in _BF16_FAMILIES


def is_registered(domain: str, opset: int, op: str) -> bool:
    """Whether a parser is registered for exactly `domain::opset::op`; there is no fallback to a nearby opset."""
    return op in _UNREGISTERED_BUT_HANDLED or opset in _parsers(_STABLE).get((domain, op), frozenset())


def registered_opsets(domain: str, op: str) -> tuple[int, ...]:
    """Opsets for which `op` is registered, ascending; empty for an unknown operator."""
    return tuple(sorted(_parsers(_STABLE).get((domain, op), frozenset())))


def registered_later(domain: str, opset: int, op: str) -> bool:
    """Whether newer operator packages (2026) register what the older ones do not."""
    return opset in _parsers(_LATEST).get((domain, op), frozenset())


def on_ai_core(ge_type: str, soc_version: str) -> bool | None:
    """Whether a GE operator has an AI Core kernel on this SoC; None where the table does not know.

    The table holds six families; absence from AI Core is no absence from the SoC, which also has AI CPUs.
    """
    family = socs().get(canonical_soc(soc_version), "").lower()
    row = _kernels().get((ge_type, family))
    return None if row is None else row["present_in_aicore_opinfo"] == "1"


def elsewhere_on_ai_core(ge_type: str) -> bool:
    """Whether any SoC family has an AI Core kernel for a GE operator."""
    return any(row["present_in_aicore_opinfo"] == "1" for (op, _), row in _kernels().items() if op == ge_type)
