"""What a model is compiled with: ATC's options, typed.

Here belong the options both toolchains honour, their legal values and exclusions, and their spelling as ATC arguments.
Not here: whether an operator is supported (the toolchain's answer), or defaults for a model (its `defs.yaml`).
"""

from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

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
PrecisionModeV2 = Literal["fp16", "origin", "cube_fp16in_fp32out", "mixed_float16", "mixed_bfloat16"]

PRECISION_MODES: tuple[str, ...] = get_args(PrecisionMode)
PRECISION_MODES_V2: tuple[str, ...] = get_args(PrecisionModeV2)

Dim = Annotated[int, Field(ge=-1)]
Positive = Annotated[int, Field(ge=1)]


def without_unset(model: BaseModel, written: dict[str, Any], later: AbstractSet[str]) -> dict[str, Any]:
    """`written` without the `later` fields that are at their default: what is not given is not stored."""
    unset = {
        n for n in later if getattr(model, n) == type(model).model_fields[n].get_default(call_default_factory=True)
    }
    return {name: value for name, value in written.items() if name not in unset}


class MixList(BaseModel):
    """Operator types moved between ATC's lists, as `--modify_mixlist` takes them (only with allow_mix_precision*)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    black_to_add: tuple[str, ...] = ()
    black_to_remove: tuple[str, ...] = ()
    white_to_add: tuple[str, ...] = ()
    white_to_remove: tuple[str, ...] = ()


class CompileOptions(BaseModel):
    """One compilation's options. `-1` in a shape is a gear, whose values one of the three dynamic options lists."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    soc_version: str
    input_shape: dict[str, tuple[Dim, ...]] = Field(default_factory=dict)
    input_format: Literal["NCHW", "ND", "NCDHW"] = "NCHW"
    precision_mode: PrecisionMode | None = None
    precision_mode_v2: PrecisionModeV2 | None = None
    keep_dtype: tuple[str, ...] = ()
    modify_mixlist: MixList | None = None
    dynamic_batch_size: tuple[Positive, ...] = ()
    dynamic_image_size: tuple[tuple[Positive, Positive], ...] = ()
    dynamic_dims: tuple[tuple[Positive, ...], ...] = ()

    @model_validator(mode="after")
    def _exclusions(self) -> Self:
        if self.precision_mode and self.precision_mode_v2:
            raise ValueError("precision_mode and precision_mode_v2 exclude each other: give one")
        gears = [n for n in ("dynamic_batch_size", "dynamic_image_size", "dynamic_dims") if getattr(self, n)]
        if len(gears) > 1:
            raise ValueError(f"{' and '.join(gears)} exclude each other: give one")
        if self.modify_mixlist and not self.mixes:
            raise ValueError("modify_mixlist needs precision_mode allow_mix_precision (or precision_mode_v2 mixed_*)")
        return self

    @property
    def mode(self) -> str:
        """The precision mode in force, in `precision_mode`'s words; ATC's default is force_fp16."""
        v2 = {
            "fp16": "force_fp16",
            "origin": "must_keep_origin_dtype",
            "cube_fp16in_fp32out": "cube_fp16in_fp32out",
            "mixed_float16": "allow_mix_precision_fp16",
            "mixed_bfloat16": "allow_mix_precision_bf16",
        }
        if self.precision_mode_v2:
            return v2[self.precision_mode_v2]
        return self.precision_mode or "force_fp16"

    @property
    def mixes(self) -> bool:
        """Whether the black, white and grey lists apply."""
        return self.mode.startswith("allow_mix_precision")

    def argv(self, model: Path | str, output: Path | str) -> list[str]:
        """The equivalent `atc` command, file options left out: for reading and for rebuilding by hand."""
        shapes = ";".join(f"{name}:{','.join(map(str, dims))}" for name, dims in self.input_shape.items())
        options = {
            "framework": "5",
            "model": str(model),
            "output": str(output).removesuffix(".om"),
            "soc_version": self.soc_version,
            "input_format": self.input_format,
            "input_shape": shapes,
            "precision_mode": self.precision_mode or "",
            "precision_mode_v2": self.precision_mode_v2 or "",
            "dynamic_batch_size": ",".join(map(str, self.dynamic_batch_size)),
            "dynamic_image_size": ";".join(f"{h},{w}" for h, w in self.dynamic_image_size),
            "dynamic_dims": ";".join(",".join(map(str, gear)) for gear in self.dynamic_dims),
        }
        return ["atc", *(f"--{name}={value}" for name, value in options.items() if value)]
