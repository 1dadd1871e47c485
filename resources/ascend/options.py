"""What a model is compiled with: ATC's options, typed.

Here belongs everything that decides the result of a compilation: the options of both toolchains and their exclusions.
Not here: legal values of single options (`option_values.py`, `aipp.py`), whether a SoC, a CANN version or a toolchain
takes them (the toolchain's answer), options of a single run (`cann/options/flags.py`), or defaults for a model (its
`defs.yaml`).
"""

from typing import Self

from pydantic import ConfigDict, Field, model_validator

from resources.ascend.aipp import Aipp, DynamicAipp, StaticAipp
from resources.ascend.families import family
from resources.ascend.later_options import LaterOptions
from resources.ascend.option_values import (
    PRECISION_MODES,
    PRECISION_MODES_V2,
    Dim,
    InputFormat,
    InputName,
    KeptName,
    MixList,
    Positive,
    PrecisionMode,
    PrecisionModeV2,
    without_unset,
)

__all__ = [
    "FIRST_GENERATION",
    "PRECISION_MODES",
    "PRECISION_MODES_V2",
    "Aipp",
    "CompileOptions",
    "Dim",
    "DynamicAipp",
    "InputFormat",
    "LaterOptions",
    "MixList",
    "Positive",
    "PrecisionMode",
    "PrecisionModeV2",
    "StaticAipp",
    "without_unset",
]

FIRST_GENERATION = "Ascend910B"
"""A 30-core part of the first generation. The A2 family, which the name suggests, is Ascend910B1 to Ascend910B4."""

_V2_MODES = {
    "fp16": "force_fp16",
    "origin": "must_keep_origin_dtype",
    "cube_fp16in_fp32out": "cube_fp16in_fp32out",
    "mixed_float16": "allow_mix_precision_fp16",
    "mixed_bfloat16": "allow_mix_precision_bf16",
}
"""`precision_mode_v2` in the words of `precision_mode`, which has none for hif8."""


class CompileOptions(LaterOptions):
    """One compilation's options. `-1` in a shape is a gear, whose values one of the three dynamic options lists."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    soc_version: str
    input_shape: dict[InputName, tuple[Dim, ...]] = Field(default_factory=dict)
    input_format: InputFormat = "NCHW"
    precision_mode: PrecisionMode | None = None
    precision_mode_v2: PrecisionModeV2 | None = None
    keep_dtype: tuple[KeptName, ...] = ()
    modify_mixlist: MixList | None = None
    dynamic_batch_size: tuple[Positive, ...] = ()
    dynamic_image_size: tuple[tuple[Positive, Positive], ...] = ()
    dynamic_dims: tuple[tuple[Positive, ...], ...] = ()

    @model_validator(mode="after")
    def _precision(self) -> Self:
        if self.precision_mode and self.precision_mode_v2:
            raise ValueError("precision_mode and precision_mode_v2 exclude each other: give one")
        if self.modify_mixlist and not self.mixes:
            raise ValueError("modify_mixlist needs precision_mode allow_mix_precision (or precision_mode_v2 mixed_*)")
        if self.op_precision_mode and (self.op_select_implmode or self.optypelist_for_implmode):
            raise ValueError("op_precision_mode and op_select_implmode exclude each other: give the first")
        if self.optypelist_for_implmode and (self.op_select_implmode or "_for_all").endswith("_for_all"):
            raise ValueError("optypelist_for_implmode needs op_select_implmode high_precision or high_performance")
        if self.deterministic_level and not self.deterministic:
            raise ValueError("deterministic_level needs deterministic: true")
        return self

    @model_validator(mode="after")
    def _shapes(self) -> Self:
        gears = [n for n in ("dynamic_batch_size", "dynamic_image_size", "dynamic_dims") if getattr(self, n)]
        if len(gears) > 1:
            raise ValueError(f"{' and '.join(gears)} exclude each other: give one")
        if gears and self.input_shape_range:
            raise ValueError(f"{gears[0]} and input_shape_range exclude each other: an axis has gears or a range")
        twice = sorted(self.input_shape.keys() & self.input_shape_range.keys())
        if twice:
            raise ValueError(f"input {twice[0]!r} stands in input_shape and in input_shape_range: give one")
        for name, dims in self.input_shape_range.items():
            if all(isinstance(dim, int) for dim in dims):
                raise ValueError(f"input_shape_range: {name!r} has no range; its shape belongs into input_shape")
        return self

    @model_validator(mode="after")
    def _outputs(self) -> Self:
        kinds = {":" in node for node in self.out_nodes}
        if len(kinds) > 1:
            raise ValueError("out_nodes: give nodes with the index of their output, or tensors, not both")
        if isinstance(self.output_type, dict):
            missing = sorted(self.output_type.keys() - set(self.out_nodes))
            if missing:
                raise ValueError(f"output_type: {missing} must stand in out_nodes")
            if not self.output_type or any(":" not in node for node in self.output_type):
                raise ValueError("output_type per output names nodes with the index of their output: 'conv1:0'")
        return self

    @model_validator(mode="after")
    def _images(self) -> Self:
        if self.aipp and self.dynamic_dims:
            raise ValueError("aipp and dynamic_dims exclude each other: use dynamic_image_size or dynamic_batch_size")
        places = [op.related_input_name or op.related_input_rank or 0 for op in self.aipp]
        if len(set(places)) < len(places):
            raise ValueError("aipp: two operators stand before one input; give each a related_input_rank of its own")
        for op in self.aipp:
            if isinstance(op, StaticAipp):
                self._fits(op)
        return self

    def _fits(self, op: StaticAipp) -> None:
        if op.odd_start and family(self.soc_version) != "950":
            raise ValueError("aipp: load_start_pos_w and load_start_pos_h must be even for YUV420SP_U8")
        if self.dynamic_image_size and (op.crop or op.padding or op.src_image_size_w or op.src_image_size_h):
            raise ValueError("aipp: with dynamic_image_size neither crop nor padding, and src_image_size 0")

    @model_validator(mode="after")
    def _soc(self) -> Self:
        if self.first_generation and self.soc_version != FIRST_GENERATION:
            raise ValueError(f"first_generation confirms {FIRST_GENERATION}, not {self.soc_version}: leave it out")
        return self

    @property
    def mode(self) -> str:
        """The precision mode in force, in `precision_mode`'s words (hif8 in v2's); ATC's default is force_fp16."""
        if self.precision_mode_v2:
            return _V2_MODES.get(self.precision_mode_v2, self.precision_mode_v2)
        return self.precision_mode or "force_fp16"

    @property
    def mixes(self) -> bool:
        """Whether the black, white and grey lists apply."""
        return self.mode.startswith("allow_mix_precision") or self.mode == "mixed_hif8"
