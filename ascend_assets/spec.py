"""What a model is: the content of one `defs.yaml`, validated.

Here belong names, bounds and exclusions of what a person writes. Not here: reading files or building assets
(`component.py`), or the criteria that limits refer to (`gates/criteria.py`).
"""

import re
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    FiniteFloat,
    StringConstraints,
    field_validator,
    model_validator,
)

from ascend_assets.gates.criteria import CRITERIA
from ascend_assets.gates.verdict import default_limits
from ascend_assets.policy_file import in_force
from ascend_assets.remedies.kinds import AnyRemedy
from ascend_assets.spec_production import Production, Retraining
from ascend_assets.spec_repair import RepairSettings
from ascend_assets.strict import Strict
from resources.ascend.aipp import Aipp, DynamicAipp
from resources.ascend.later_options import LaterOptions
from resources.ascend.option_values import Dim, InputFormat, KeptName, MixList, Positive, PrecisionMode, PrecisionModeV2
from resources.ascend.options import CompileOptions

NAME = r"^[a-z][a-z0-9_]{0,62}$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
Owner = Annotated[str, StringConstraints(pattern=r"^(team:[\w-]+|[^@\s]+@[^@\s]+\.[A-Za-z]{2,})$")]


def _inside(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        raise ValueError("must be a path inside the model's folder: neither absolute nor with '..'")
    if not re.fullmatch(r"\w[\w./-]{0,199}", path):
        raise ValueError("must be a path of letters, digits, '_', '-', '.' and '/', at most 200 long")
    return path


FileName = Annotated[str, AfterValidator(_inside)]
"""A path inside the model's own folder."""


Gates = dict[str, dict[str, FiniteFloat] | FiniteFloat]
"""Criterion -> its limit everywhere, or per environment."""


class PythonSource(Strict):
    """A Python file of the model's folder that trains or exports.

    It is run as `python FILE --output DIR` and leaves `model.onnx` in DIR, and `evaluation.npz` where it has
    evaluation data. `timeout_minutes` bounds it.
    """

    python: FileName
    timeout_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 30


class OnnxSource(Strict):
    """An ONNX file of the model's folder."""

    onnx: FileName


class HubSource(Strict):
    """A model of ModelScope's hub: `modelscope` is its id there, `since` the version that is taken first.

    `files`: the few that are needed, weights and configuration. One of them is the ONNX file, or `python`, a file of
    the model's folder, makes one of them: it is run as `python FILE --hub DIR --output DIR`. `accepts`: changes of the
    configuration since the version before that somebody has looked at, as `file:field`.
    """

    modelscope: Annotated[str, StringConstraints(pattern=r"^\w[\w.-]{0,99}/\w[\w.-]{0,99}$")]
    since: Annotated[str, StringConstraints(pattern=r"^v?\d{1,6}(\.\d{1,6}){0,3}$")]
    files: Annotated[tuple[FileName, ...], Field(min_length=1, max_length=100)]
    onnx: FileName | None = None
    python: FileName | None = None
    timeout_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 30
    accepts: tuple[Annotated[str, StringConstraints(pattern=r"^[\w./-]+:[\w.\[\]-]+$", max_length=300)], ...] = ()

    @model_validator(mode="after")
    def _one_way_to_onnx(self) -> Self:
        if (self.onnx is None) == (self.python is None):
            raise ValueError("give either onnx, one of files, or python, which makes the ONNX file of them")
        if self.onnx is not None and self.onnx not in self.files:
            raise ValueError(f"onnx: {self.onnx} is none of files")
        return self


class Input(Strict):
    """A named input. A dimension is a number, or a name where it is declared dynamic (`batch`, say)."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    dtype: Literal["float32", "float16", "int64", "int32", "int8", "uint8", "bool", "float64"] = "float32"
    shape: tuple[Positive | Name, ...]


class Target(Strict, LaterOptions):
    """One way to compile the model. `name` tells targets of the same SoC apart; it defaults to the SoC version.

    The other fields are ATC's options (`CompileOptions`) by the same names.
    """

    LATER = LaterOptions.LATER | {"input_format"}

    soc_version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{3,40}$")]
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$")] = ""
    batch: Annotated[int, Field(ge=1, le=4096)] = 1
    precision_mode: PrecisionMode | None = None
    precision_mode_v2: PrecisionModeV2 | None = None
    keep_dtype: tuple[KeptName, ...] = ()
    modify_mixlist: MixList | None = None
    input_format: InputFormat = "NCHW"
    input_shape: dict[str, tuple[Dim, ...]] = Field(default_factory=dict)
    dynamic_batch_size: tuple[Positive, ...] = ()
    dynamic_image_size: tuple[tuple[Positive, Positive], ...] = ()
    dynamic_dims: tuple[tuple[Positive, ...], ...] = ()

    @property
    def key(self) -> str:
        """The target's name in asset keys."""
        return self.name or re.sub(r"\W", "_", self.soc_version)

    def options(self, inputs: tuple[Input, ...]) -> CompileOptions:
        """Options for ATC: declared dynamic dimensions become the batch unless the target gives sizes or ranges."""
        shapes = {
            i.name: tuple(self.batch if isinstance(d, str) else d for d in i.shape)
            for i in inputs
            if i.name not in self.input_shape_range
        }
        fields = self.model_dump(exclude={"name", "batch", "input_shape"})
        return CompileOptions(**fields, input_shape={**shapes, **self.input_shape})

    @field_validator("aipp")
    @classmethod
    def _static_aipp(cls, aipp: tuple[Aipp, ...]) -> tuple[Aipp, ...]:
        if any(isinstance(op, DynamicAipp) for op in aipp):
            raise ValueError(
                "aipp_mode dynamic gets its parameters with every run, which nothing here gives it, so that no model "
                "with it can be compared or timed: use static"
            )
        return aipp

    @model_validator(mode="after")
    def _options_agree(self) -> Self:
        self.options(())
        return self


class Evaluation(Strict):
    """What the task metric is computed on. `data`: an `.npz` of the folder; a Python source may write it instead.

    The file holds one array per input, samples along the first axis, and `labels`; for targets with AIPP images too
    (`images.py`).
    """

    metric: Literal["top1", "top5", "mean_absolute_error"]
    data: FileName | None = None


class Requirements(Strict):
    """What the model may be built with: a pinned requirements file of the folder, and the CANN versions it supports."""

    python: FileName | None = None
    cann: Annotated[str, StringConstraints(pattern=r"^[<>=!~0-9A-Za-z.,\s]{1,100}$")] = ">=7.0,<10"


class ModelSpec(Strict):
    """One model: where it comes from, what it is compiled for, and what it must keep to be released."""

    name: Name
    task: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    description: Annotated[str, StringConstraints(max_length=2000)] = ""
    source: PythonSource | OnnxSource | HubSource
    inputs: Annotated[tuple[Input, ...], Field(min_length=1, max_length=64)]
    targets: Annotated[tuple[Target, ...], Field(min_length=1, max_length=32)]
    evaluation: Evaluation | None = None
    gates: Gates = Field(default_factory=dict)
    requirements: Requirements = Requirements()
    owners: tuple[Owner, ...] = ()
    watch: Annotated[tuple[FileName, ...], Field(max_length=50)] = ()
    """More paths, from the repository's top, whose change makes a new candidate; the model's own folder always does."""
    production: Production | None = None
    retraining: Retraining | None = None
    remedies: Annotated[tuple[AnyRemedy, ...], Field(max_length=50)] = ()
    """Changes of the exported graph, made in this order. Who writes them here answers for them."""
    repair: RepairSettings = RepairSettings()

    @field_validator("gates")
    @classmethod
    def _known_gates(cls, gates: Gates) -> Gates:
        for name, limits in gates.items():
            if name not in CRITERIA:
                raise ValueError(f"{name!r} is not a criterion; allowed: {', '.join(_negotiable())}")
            if not CRITERIA[name].negotiable:
                raise ValueError(f"{name}: a model cannot change this limit; allowed: {', '.join(_negotiable())}")
            if isinstance(limits, dict):
                unknown = set(limits) - set(in_force().names)
                if unknown:
                    raise ValueError(
                        f"{name}: {sorted(unknown)} is no environment; allowed: {', '.join(in_force().names)}"
                    )
            _tightens(name, _limits(gates, name))
        return gates

    @model_validator(mode="after")
    def _unique(self) -> Self:
        keys = [t.key for t in self.targets]
        doubled = sorted({k for k in keys if keys.count(k) > 1})
        if doubled:
            raise ValueError(f"targets: {doubled} stands twice; give each a `name` of its own")
        names = [i.name for i in self.inputs]
        if len(set(names)) != len(names):
            raise ValueError("inputs: a name stands twice")
        return self

    @field_validator("remedies")
    @classmethod
    def _of_graphs(cls, remedies: tuple[AnyRemedy, ...]) -> tuple[AnyRemedy, ...]:
        of_options = next((remedy.kind for remedy in remedies if remedy.touches == "options"), "")
        if of_options:
            raise ValueError(f"{of_options} changes options, and those stand with the target that they are for")
        return remedies

    @model_validator(mode="after")
    def _can_be_trained_again(self) -> Self:
        if self.retraining and not self.production:
            raise ValueError("retraining: needs `production`, from which its data comes")
        if self.retraining and not isinstance(self.source, PythonSource):
            raise ValueError("retraining: needs a Python source, which trains")
        if self.retraining and not (self.evaluation and self.evaluation.metric == "top1"):
            raise ValueError("retraining: needs an evaluation by top1, by which the better model is known")
        unknown = sorted(set(self.production.ranges) - {i.name for i in self.inputs}) if self.production else []
        if unknown:
            raise ValueError(f"production.ranges: {unknown} is no input")
        if self.production and self.production.environment not in ("", *in_force().names):
            raise ValueError(f"production.environment: allowed: {', '.join(in_force().names)}")
        return self

    def limits(self, criterion: str) -> dict[str, float]:
        """The limit of a criterion in every environment: the model's own where it gives one, else the default."""
        return _limits(self.gates, criterion)

    def target(self, key: str) -> Target:
        """The target of that key. Raises `KeyError`."""
        return next(t for t in self.targets if t.key == key)


def _negotiable() -> list[str]:
    return sorted(name for name, criterion in CRITERIA.items() if criterion.negotiable)


def _limits(gates: Gates, criterion: str) -> dict[str, float]:
    own = gates.get(criterion, {})
    if not isinstance(own, dict):
        own = dict.fromkeys(in_force().names, own)
    return {**default_limits(CRITERIA[criterion]), **own}


def _tightens(criterion: str, limits: dict[str, float]) -> None:
    bounds = [limits[name] for name in in_force().names]
    if bounds != sorted(bounds, reverse=CRITERIA[criterion].sense == "<="):
        shown = ", ".join(f"{name} {limits[name]:g}" for name in in_force().names)
        walk = f"{in_force().names[0]} to {in_force().names[-1]}"
        raise ValueError(f"{criterion}: limits must tighten from {walk}, but are {shown}")
