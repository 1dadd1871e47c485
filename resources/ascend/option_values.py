"""What ATC's options may be set to: legal words, names that survive ATC's splitting, and small composed values.

Here belong the types that `options.py` is built of, each checked by itself. Not here: which options exclude each other
(`options.py`), or how a value is written into a file for ATC (`cann/options/option_files.py`).
"""

import re
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

PrecisionMode = Literal[
    "force_fp16",
    "force_fp32",
    "cube_fp16in_fp32out",
    "allow_fp32_to_fp16",
    "must_keep_origin_dtype",
    "allow_mix_precision",
    "allow_mix_precision_fp16",
    "allow_mix_precision_bf16",
    "allow_fp32_to_bf16",
]
PrecisionModeV2 = Literal[
    "fp16", "origin", "cube_fp16in_fp32out", "mixed_float16", "mixed_bfloat16", "cube_hif8", "mixed_hif8"
]
OpPrecisionMode = Literal[
    "high_precision",
    "high_performance",
    "enable_float_32_execution",
    "enable_hi_float_32_execution",
    "support_out_of_bound_index",
    "keep_fp16",
    "super_performance",
]
ImplMode = Literal["high_precision", "high_performance", "high_precision_for_all", "high_performance_for_all"]
OutputType = Literal[
    "FP32",
    "FP16",
    "UINT8",
    "INT8",
    "UINT16",
    "INT16",
    "UINT32",
    "INT32",
    "UINT64",
    "INT64",
    "DOUBLE",
    "HIF8",
    "FP8E5M2",
    "FP8E4M3FN",
]
"""HIF8 and the two FP8 types are for Ascend 950 alone (ATC's documentation)."""
BufferOptimize = Literal["l2_optimize", "l1_optimize", "off_optimize"]
CoreType = Literal["AiCore", "VectorCore"]
InputFormat = Literal["NCHW", "ND", "NCDHW"]

PRECISION_MODES: tuple[str, ...] = get_args(PrecisionMode)
PRECISION_MODES_V2: tuple[str, ...] = get_args(PrecisionModeV2)

NAME_LENGTH = 1024
"""Characters of a name: more than any exporter writes, and far below what a command line holds."""

Dim = Annotated[int, Field(ge=-1)]
Positive = Annotated[int, Field(ge=1)]


def _ordered(bounds: tuple[int, int]) -> tuple[int, int]:
    if bounds[0] > bounds[1]:
        raise ValueError(f"the range {bounds[0]}~{bounds[1]} is empty: give the lower bound first")
    return bounds


Bounds = Annotated[tuple[Positive, Positive], AfterValidator(_ordered)]
"""A range of an axis, low and high, both included: ATC's `1~10`."""


def _name(text: str) -> str:
    """A name that can stand on a line and on a command line. Raises `ValueError`."""
    if not text or len(text) > NAME_LENGTH:
        raise ValueError(f"a name has 1 to {NAME_LENGTH} characters, this one {len(text)}")
    if not text.isprintable():
        raise ValueError(
            f"{text!r} has a line break or another character that cannot be printed: it would break a line"
        )
    if text != text.strip():
        raise ValueError(f"{text!r} begins or ends with a space, which ATC does not see")
    if any(mark in text for mark in "\"'\\"):
        raise ValueError(
            f"{text!r} has a quote or a backslash, which configuration files do not keep: rename it in the model"
        )
    return text


def _on_command_line(text: str) -> str:
    if " -" in text:
        raise ValueError(
            f"{text!r} has ' -' in it, which reads as an option on ATC's command line: rename it in the model"
        )
    return text


def _without(what: str, where: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        found = sorted({mark for mark in what if mark in text})
        if found:
            marks = " and ".join(repr(mark) for mark in found)
            raise ValueError(f"{text!r} has {marks}, at which ATC splits {where}: rename it in the model")
        return text

    return check


def _ini_key(text: str) -> str:
    if text[0] in "[#;":
        raise ValueError(f"{text!r} begins with {text[0]!r}, which is a section or a comment in an ini file")
    return text


NodeName = Annotated[str, AfterValidator(_name)]
OpType = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,199}$")]
"""A type of Ascend's or ONNX's operators."""
InputName = Annotated[NodeName, AfterValidator(_on_command_line), AfterValidator(_without(";", "--input_shape"))]
"""An input. It may hold ':', for ATC takes the last one of an entry as the separator."""
ListedName = Annotated[NodeName, AfterValidator(_on_command_line), AfterValidator(_without(";", "the list"))]
IniKey = Annotated[NodeName, AfterValidator(_without("=", "a line of --op_precision_mode")), AfterValidator(_ini_key)]
PassName = Annotated[str, Field(pattern=r"^((GraphFusion|UBFusion)\.)?[A-Za-z_][A-Za-z0-9_]{0,199}$")]
"""A fusion pass, `ALL` for all that can be switched, either of one kind with `GraphFusion.` or `UBFusion.` before."""
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,64}$")]


def _kept(text: str) -> str:
    prefix, kind = "OpType::", text.removeprefix("OpType::")
    if text.startswith(prefix) and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,199}", kind):
        raise ValueError(f"{text!r}: after OpType:: stands the type of an operator, letters, digits and '_' alone")
    return text


KeptName = Annotated[NodeName, AfterValidator(_kept)]
"""A node, or `OpType::<type>`: one line of `--keep_dtype`."""


def _out_node(text: str) -> str:
    _, colon, index = text.partition(":")
    if colon and not re.fullmatch(r"[0-9]{1,4}", index):
        raise ValueError(
            f"{text!r} is neither '<node>:<index of its output>' nor the name of a tensor: ATC splits at ':'"
        )
    if text.startswith(":"):
        raise ValueError(f"{text!r} names no node")
    return text


OutNode = Annotated[ListedName, AfterValidator(_out_node)]
"""`node:0`, or the name of an output tensor of the ONNX graph."""


def _switch(value: object) -> object:
    # YAML 1.1 reads a bare `off` as false.
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


Switch = Annotated[Literal["on", "off"], BeforeValidator(_switch)]


class Value(BaseModel):
    """Frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MixList(Value):
    """Operator types moved between ATC's lists, as `--modify_mixlist` takes them (only with mixed precision)."""

    black_to_add: tuple[OpType, ...] = ()
    black_to_remove: tuple[OpType, ...] = ()
    white_to_add: tuple[OpType, ...] = ()
    white_to_remove: tuple[OpType, ...] = ()


class OpPrecision(Value):
    """How single operators compute inside, as `--op_precision_mode` takes it. A node's name goes before its type."""

    by_type: dict[OpType, OpPrecisionMode] = Field(default_factory=dict)
    by_node: dict[IniKey, OpPrecisionMode] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.by_type and not self.by_node:
            raise ValueError("op_precision_mode names no operator: give by_type or by_node")
        return self


class CustomDtypes(Value):
    """One line of `--customize_dtypes`: the types of all inputs and all outputs of a node, or of every node of a type.

    It goes before `precision_mode` and `keep_dtype` (ATC's documentation).
    """

    node: Annotated[NodeName, AfterValidator(_without(":", "a line of --customize_dtypes"))] | None = None
    op_type: OpType | None = None
    inputs: tuple[Word, ...] = ()
    outputs: tuple[Word, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.node is None) == (self.op_type is None):
            raise ValueError("customize_dtypes: give either node or op_type")
        if not self.inputs or not self.outputs:
            raise ValueError("customize_dtypes: give the types of all inputs and of all outputs")
        return self


def without_unset(model: BaseModel, written: dict[str, Any], later: AbstractSet[str]) -> dict[str, Any]:
    """`written` without the `later` fields that are at their default: what is not given is not stored."""
    defaults = _defaults(type(model))
    unset = {n for n in later if getattr(model, n) == defaults[n]}
    return {name: value for name, value in written.items() if name not in unset}


@cache
def _defaults(kind: type[BaseModel]) -> dict[str, Any]:
    """A model's defaults, which are immutable values here; nothing but a comparison sees them."""
    return {name: field.get_default(call_default_factory=True) for name, field in kind.model_fields.items()}
