"""Which float types an operator's AI Core kernels take, per SoC family, and on which mixed-precision list it stands.

Source: `op_kernels_by_soc.csv`, the AI Core operator information of CANN 8.1.RC1. Not here: what a precision mode
makes of it (`precision.py`).
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from resources.ascend.emulator.op_names import ge_types

Listed = Literal["white", "black", "grey"]

_FP16 = frozenset({"float16"})
_FP32 = frozenset({"float", "float32"})
_LISTS: dict[str, Listed] = {"true": "white", "false": "black", "": "grey"}


@dataclass(frozen=True)
class KernelSupport:
    """`fp16`, `fp32`: whether some kernel of the operator takes that type. `listed`: its list in mixed precision."""

    fp16: bool
    fp32: bool
    listed: Listed


@cache
def _table() -> dict[tuple[str, str], dict[str, str]]:
    with (files("resources.ascend") / "tables" / "op_kernels_by_soc.csv").open(encoding="utf-8") as stream:
        return {(row["ascend_op"], row["soc_family"]): row for row in csv.DictReader(stream)}


@cache
def support(onnx_op: str, family: str) -> KernelSupport:
    """What the likeliest AI Core kernel of `onnx_op` takes on SoC family `family` (`Ascend310P`).

    A kernel without listed types decides them while it is compiled, and an operator without an AI Core kernel runs on
    the AI CPU: both take FP16 and FP32. So do the operators of 610, 950 and nano, which the table does not cover.
    """
    keys = [(name, family.lower()) for name in ge_types(onnx_op)]
    rows = [_table()[key] for key in keys if key in _table() and _table()[key]["present_in_aicore_opinfo"] == "1"]
    if not rows:
        return KernelSupport(fp16=True, fp32=True, listed="grey")
    kinds = frozenset(rows[0]["input0_dtypes"].split("|"))
    undecided = not kinds & (_FP16 | _FP32)
    return KernelSupport(
        fp16=undecided or bool(kinds & _FP16),
        fp32=undecided or bool(kinds & _FP32),
        listed=_LISTS[rows[0]["precision_reduce"]],
    )
