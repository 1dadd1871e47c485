"""The models that a plan is about: how large they are, and how long a card takes for a batch of each.

Here belong the model that ships for want of another, estimating one from an ONNX file, and a mix of several. Not here:
where a file lies (`cli/scale_inputs.py`), or what a candidate does with a batch (`walk_costs.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, FiniteFloat, StringConstraints, ValidationError

from ascend_assets import yaml_file
from ascend_assets.strict import Strict
from ascend_assets.yaml_file import BadYaml

Count = Annotated[int, Field(ge=1, le=1 << 40)]
_MOST_KINDS = 100
BATCH = 16
"""Samples that one inference carries, where a model leaves it open and nobody says."""

Written = TypeVar("Written", bound=Strict)


@dataclass(frozen=True)
class Typical:
    """One kind of model. `latency_ms`: SoC version -> milliseconds for one batch, by the estimator. `share` of all."""

    name: str
    batch: int
    onnx_bytes: int
    layers: int
    latency_ms: Mapping[str, float]
    share: float = 1.0


class _Shipped(Strict):
    name: str
    batch: Annotated[int, Field(ge=1, le=4096)]
    onnx_bytes: Count
    layers: Count
    latency_ms: dict[str, Annotated[FiniteFloat, Field(gt=0)]]


class Kind(Strict):
    """A line of a mix: `model` is an ONNX file, from the mix's own folder, or a released model's name."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=400)]
    share: Annotated[FiniteFloat, Field(gt=0, le=1_000_000)]
    batch: Annotated[int, Field(ge=1, le=4096)] | None = None


class Mix(Strict):
    """Several kinds of models; their shares need not add up to anything."""

    models: Annotated[tuple[Kind, ...], Field(min_length=1, max_length=_MOST_KINDS)]


def shipped(socs: Iterable[str]) -> Typical:
    """The model that ships, for these SoCs. Raises `UnknownSocError`."""
    from resources.ascend.soc import soc

    found = _shipped()
    latency = {soc(name).name: found.latency_ms[soc(name).name] for name in socs}
    return Typical(found.name, found.batch, found.onnx_bytes, found.layers, latency)


@cache
def _shipped() -> _Shipped:
    with as_file(files("ascend_assets.scale") / "typical.yaml") as path:
        return _read(path, "a typical model", _Shipped)


def read_mix(path: Path) -> Mix:
    """A mix that somebody wrote. Raises `BadYaml` with file, line and field of each problem."""
    return _read(path, "a mix of models", Mix)


def _read(path: Path, purpose: str, kind: type[Written]) -> Written:
    file = yaml_file.read(path, purpose)
    try:
        return kind.model_validate(file.document)
    except ValidationError as error:
        raise BadYaml(file.problems(error, kind), purpose) from error


def of_file(path: Path, name: str, socs: Iterable[str], batch: int | None = None, share: float = 1.0) -> Typical:
    """A kind of model from an ONNX file: what the estimator says of a batch on each SoC, for ATC's default precision.

    `batch`: for inputs that leave it open; `BATCH` without it. Raises `NotUsable`, also for what ATC would refuse, and
    `OnnxFileError`.
    """
    from ascend_assets import preflight_inputs
    from ascend_assets.preflight_inputs import Asked, NotUsable
    from resources.ascend.emulator import compile as compiler
    from resources.ascend.emulator.estimate import profile
    from resources.ascend.emulator.refusals import refused
    from resources.ascend.options import CompileOptions
    from resources.onnx_files import signature

    model = preflight_inputs.load(path)
    is_open = any(tensor.shape and tensor.shape[0] < 0 for tensor in signature(model).inputs)
    shapes = preflight_inputs.settle(path, model, Asked({}, batch or (BATCH if is_open else None))).shapes
    carried = min((dims[0] for dims in shapes.values() if dims), default=1)
    latency = {}
    for soc in socs:
        options = CompileOptions(soc_version=soc, input_shape=shapes)
        if refused(compiler.judge(model, options)):
            raise NotUsable(
                f"{path}: {soc} would refuse it, so that nobody can tell its time: ascend preflight {path} --soc {soc}"
            )
        latency[soc] = profile(model, options, carried).latency_ms.p50
    return Typical(name, carried, path.stat().st_size, len(model.graph.node), latency, share)


def shares(kinds: Iterable[Typical]) -> tuple[Typical, ...]:
    """The same kinds with shares that add up to 1."""
    given = tuple(kinds)
    whole = sum(kind.share for kind in given)
    return tuple(replace(kind, share=kind.share / whole) for kind in given)
