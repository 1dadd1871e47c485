"""Every kind of remedy, as frozen data: what may be changed, and nothing else.

A remedy never touches limits, evaluation data, approvals or the name of a model, because no field of it can. Whoever
proposes one, a rule, a person or a language model, it is parsed into these types or refused. Here belong the kinds and
their bounds. Not here: carrying them out (`apply.py`), or saying them to a person (`wording.py`).
"""

from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from resources.ascend.option_values import (
    Dim,
    InputName,
    KeptName,
    NodeName,
    OpPrecision,
    OpType,
    PassName,
    PrecisionMode,
    PrecisionModeV2,
)

Touches = Literal["options", "graph", "constants", "weights"]
"""What a remedy may change: how the model is compiled; which nodes compute it, with the same weights; a scalar or mask
of the graph that nobody trained; or a trained weight, for which a person has to answer."""

MAX_NODES = 10_000
Nodes = Annotated[tuple[NodeName, ...], Field(min_length=1, max_length=MAX_NODES)]
"""Nodes by the names that `resources.onnx_files.graph.view` gives them: `<op>_<index>` where the file gives none."""
Tensors = Annotated[tuple[NodeName, ...], Field(min_length=1, max_length=MAX_NODES)]
"""Tensors of the main graph by name: initializers, or outputs of `Constant` nodes."""


class Remedy(BaseModel):
    """Base of all remedies. `kind` names each in JSON and in rules."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    touches: ClassVar[Touches] = "options"
    kind: str

    @property
    def needs_person(self) -> bool:
        """Whether nobody but a person may decide to take it."""
        return self.touches == "weights"


class SetInputShapes(Remedy):
    """Shapes for inputs that leave sizes open. `assumed`: inputs whose sizes neither a person nor the graph states."""

    kind: Literal["set_input_shapes"] = "set_input_shapes"
    shapes: Annotated[dict[InputName, tuple[Dim, ...]], Field(min_length=1, max_length=64)]
    assumed: tuple[InputName, ...] = ()


class DropOptions(Remedy):
    """Options set back to ATC's default, because this SoC, model or toolchain does not take them."""

    kind: Literal["drop_options"] = "drop_options"
    options: Annotated[tuple[Annotated[str, Field(pattern=r"^[a-z_]{3,40}$")], ...], Field(min_length=1, max_length=20)]


class SetPrecisionMode(Remedy):
    """Another precision mode for the whole model: `precision_mode`, or `precision_mode_v2`, never both."""

    kind: Literal["set_precision_mode"] = "set_precision_mode"
    precision_mode: PrecisionMode | None = None
    precision_mode_v2: PrecisionModeV2 | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.precision_mode is None) == (self.precision_mode_v2 is None):
            raise ValueError("give either precision_mode or precision_mode_v2")
        return self


class KeepDtype(Remedy):
    """Nodes that keep their original type (`--keep_dtype`), besides those that do already."""

    kind: Literal["keep_dtype"] = "keep_dtype"
    nodes: Annotated[tuple[KeptName, ...], Field(min_length=1, max_length=MAX_NODES)]


class MixPrecision(Remedy):
    """Mixed precision with operator types on the black list, which stay in FP32 (`--modify_mixlist`)."""

    kind: Literal["mix_precision"] = "mix_precision"
    black: Annotated[tuple[OpType, ...], Field(max_length=100)] = ()


class SetOpPrecision(Remedy):
    """How single operators compute inside (`--op_precision_mode`)."""

    kind: Literal["set_op_precision"] = "set_op_precision"
    modes: OpPrecision


class SwitchFusionOff(Remedy):
    """Fusion passes that are switched off (`--fusion_switch_file`)."""

    kind: Literal["switch_fusion_off"] = "switch_fusion_off"
    passes: Annotated[tuple[PassName, ...], Field(min_length=1, max_length=500)]


class EnableSmallChannel(Remedy):
    """Four or fewer input channels are computed without padding (`--enable_small_channel`)."""

    kind: Literal["enable_small_channel"] = "enable_small_channel"


class ChooseSoc(Remedy):
    """The SoC that was meant. Only for a file without a project: a candidate's targets say what it is compiled for."""

    kind: Literal["choose_soc"] = "choose_soc"
    soc_version: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{3,40}$")]


class ConvertOpset(Remedy):
    """Another opset of the default domain."""

    touches = "graph"
    kind: Literal["convert_opset"] = "convert_opset"
    to: Annotated[int, Field(ge=8, le=22)]


class ExpandOperators(Remedy):
    """Operators written out in simpler ones: a model's own functions, ONNX's definitions, or known ones of a domain.

    Each is `<domain>::<operator>`, with `ai.onnx` for the default domain.
    """

    touches = "graph"
    kind: Literal["expand_operators"] = "expand_operators"
    operators: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[\w.-]{1,100}::\w{1,100}$")], ...], Field(min_length=1, max_length=100)
    ]


class DropDomains(Remedy):
    """Entries of `opset_import` that no node needs."""

    touches = "graph"
    kind: Literal["drop_domains"] = "drop_domains"
    domains: Annotated[tuple[Annotated[str, Field(max_length=200)], ...], Field(min_length=1, max_length=50)]


class RewriteEinsum(Remedy):
    """Einsum as transposes, reshapes, multiplications, sums and MatMul."""

    touches = "graph"
    kind: Literal["rewrite_einsum"] = "rewrite_einsum"
    nodes: Nodes


class RewriteResize(Remedy):
    """Resize in a form that the device computes as ONNX means it.

    `constant_targets`: scales and sizes folded into constants. `fill_inputs`: absent inputs given as empty ones.
    `repeat`: nearest by whole factors as a broadcast, which rounds nowhere.
    """

    touches = "graph"
    kind: Literal["rewrite_resize"] = "rewrite_resize"
    nodes: Nodes
    how: Literal["constant_targets", "fill_inputs", "repeat"]


class InsertCast(Remedy):
    """Nodes computed in another type: their data inputs cast to it, their outputs cast back."""

    touches = "graph"
    kind: Literal["insert_cast"] = "insert_cast"
    nodes: Nodes
    to: Literal["float32", "float16", "int32"]


class WidenFloats(Remedy):
    """All tensors of a float type as FP32.

    `bfloat16` where a SoC has none, `float64` which no AI Core computes, and `float16` of a file that was exported in
    it: only where the file says FP32 can a node keep it.
    """

    touches = "graph"
    kind: Literal["widen_floats"] = "widen_floats"
    of: Literal["bfloat16", "float64", "float16"]


class NarrowIntegers(Remedy):
    """Nodes whose int64 tensors become int32, where every value fits."""

    touches = "graph"
    kind: Literal["narrow_integers"] = "narrow_integers"
    nodes: Nodes


class Simplify(Remedy):
    """Constants folded, nodes without effect removed: onnxslim."""

    touches = "graph"
    kind: Literal["simplify"] = "simplify"


class FixShapes(Remedy):
    """The shapes that the model is compiled for, written into the file, so that what depends on them can be folded."""

    touches = "graph"
    kind: Literal["fix_shapes"] = "fix_shapes"
    shapes: Annotated[dict[InputName, tuple[Annotated[int, Field(ge=1)], ...]], Field(min_length=1, max_length=64)]


class ClampConstants(Remedy):
    """Constants that nobody trained (masks, fill values) limited to +-`bound`."""

    touches = "constants"
    kind: Literal["clamp_constants"] = "clamp_constants"
    tensors: Tensors
    bound: Annotated[FiniteFloat, Field(gt=0)]


class RaiseEpsilon(Remedy):
    """The epsilon of normalisations, or the constant that guards a root, a logarithm or a divisor, made `to`."""

    touches = "constants"
    kind: Literal["raise_epsilon"] = "raise_epsilon"
    nodes: Nodes
    to: Annotated[FiniteFloat, Field(gt=0, le=0.01)]


class FuseNormalization(Remedy):
    """A layer normalisation that is written out, as the one operator that devices compute in FP32 inside.

    `nodes`: the first node (the mean) of each.
    """

    touches = "graph"
    kind: Literal["fuse_normalization"] = "fuse_normalization"
    nodes: Nodes


class Reformulate(Remedy):
    """The same mathematics in an order that does not leave FP16's range. `nodes`: where each pattern begins.

    `softmax`: exponentials after the largest value is taken off, or the one operator. `sum_of_squares`: variances,
    norms and mean squares of values that are brought near one before and multiplied after. `scale_first`: a product or
    a sum whose scaling factor is applied before instead of after.
    """

    touches = "graph"
    kind: Literal["reformulate"] = "reformulate"
    nodes: Nodes
    pattern: Literal["softmax", "sum_of_squares", "scale_first"]


class ScaleWeights(Remedy):
    """Trained weights of nodes divided by a power of two, with the inverse behind: for a person to decide."""

    touches = "weights"
    kind: Literal["scale_weights"] = "scale_weights"
    nodes: Nodes
    power: Annotated[int, Field(ge=1, le=32)]


class ClampWeights(Remedy):
    """Trained weights limited to what FP16 holds: for a person to decide."""

    touches = "weights"
    kind: Literal["clamp_weights"] = "clamp_weights"
    tensors: Tensors
    bound: Annotated[FiniteFloat, Field(gt=0)]


AnyRemedy = Annotated[
    SetInputShapes
    | DropOptions
    | SetPrecisionMode
    | KeepDtype
    | MixPrecision
    | SetOpPrecision
    | SwitchFusionOff
    | EnableSmallChannel
    | ChooseSoc
    | ConvertOpset
    | ExpandOperators
    | DropDomains
    | RewriteEinsum
    | RewriteResize
    | InsertCast
    | WidenFloats
    | NarrowIntegers
    | Simplify
    | FixShapes
    | ClampConstants
    | RaiseEpsilon
    | FuseNormalization
    | Reformulate
    | ScaleWeights
    | ClampWeights,
    Field(discriminator="kind"),
]
"""Any remedy, told apart by `kind`."""

KINDS: frozenset[str] = frozenset(
    str(remedy.model_fields["kind"].default) for remedy in get_args(get_args(AnyRemedy)[0])
)
"""The name of every kind."""
