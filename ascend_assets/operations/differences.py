"""What two releases' manifests differ in, as data, in the order in which a person asks.

Here belong the types and comparing two manifests. Pure. Not here: finding the releases, and what lies between them
(`diff.py`), or how it is shown.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from resources.onnx_files.signature import TensorType
from resources.registry.manifests import CorruptRelease
from resources.registry.releases import Release
from resources.store.blobs import Artefact

Direction = Literal["better", "worse", "new", "gone", "other"]
"""`new`, `gone`: judged only after, only before. `other`: the same value, but other limits or environments admitted."""


@dataclass(frozen=True)
class Changed:
    """One thing that was one way and is another. An empty text means that it was not there."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class File:
    """A file of a release, before and after: digest and size in bytes, None where it was not there."""

    what: str
    before: Artefact | None
    after: Artefact | None

    @property
    def changed(self) -> bool:
        """Whether its content is another."""
        return (self.before and self.before.sha256) != (self.after and self.after.sha256)


class Judged(BaseModel):
    """What a manifest says of one verdict, as far as it is compared."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="strings")

    criterion: str
    target: str = ""
    value: float | None = None
    unit: str = ""
    sense: Literal["<=", ">="] = "<="
    limits: dict[str, float] = Field(default_factory=dict)
    admits: tuple[str, ...] = ()
    origin: str = ""
    why: str = ""


@dataclass(frozen=True)
class VerdictChange:
    """One criterion before and after; None where there was no such verdict."""

    criterion: str
    target: str
    before: Judged | None
    after: Judged | None
    direction: Direction


def signature(before: Release, after: Release) -> tuple[Changed, ...]:
    """Inputs and outputs that came, went or changed, and another order of them."""
    return tuple(
        change
        for side in ("inputs", "outputs")
        for change in _tensors(side, getattr(before.signature, side), getattr(after.signature, side))
    )


def files(before: Release, after: Release) -> tuple[File, ...]:
    """The ONNX file, each target's compiled model and the evaluation data, changed or not."""
    targets = sorted({*before.targets, *after.targets})
    compiled = (File(f"{name} om", _om(before, name), _om(after, name)) for name in targets)
    data = File("evaluation", before.evaluation, after.evaluation)
    return (File("onnx", before.onnx, after.onnx), *compiled, *((data,) if data.before or data.after else ()))


def toolchain(before: Release, after: Release) -> tuple[Changed, ...]:
    """What identifies the toolchain, and each target's SoC."""
    socs = {name: target.soc_version for name, target in before.targets.items()}
    socs_after = {name: target.soc_version for name, target in after.targets.items()}
    then, now = before.toolchain.model_dump(mode="json"), after.toolchain.model_dump(mode="json")
    return (*mapping(then, now), *mapping(socs, socs_after, "soc_version of "))


def built_from(before: Release, after: Release) -> tuple[Changed, ...]:
    """Commit, sources, the model's definition, and what else of the pipeline decided the result."""
    fields = ("candidate", "commit", "dirty", "source", "definition", "task", "owners")
    then, now = ({field: getattr(release, field) for field in fields} for release in (before, after))
    return (*mapping(then, now), *mapping(before.pipeline, after.pipeline))


def verdicts(before: Release, after: Release) -> tuple[tuple[VerdictChange, ...], int]:
    """Verdicts whose value, limits or admission changed, and how many are the same. Raises `CorruptRelease`."""
    then, now = _judged(before), _judged(after)
    keys = [*now, *(key for key in then if key not in now)]
    found = [_verdict(key, then.get(key), now.get(key)) for key in keys]
    changes = tuple(change for change in found if change is not None)
    return changes, len(found) - len(changes)


def mapping(before: Mapping[str, object], after: Mapping[str, object], prefix: str = "") -> Iterator[Changed]:
    """Keys whose values differ, in the order of the first, then of the second."""
    for key in [*before, *(key for key in after if key not in before)]:
        if before.get(key) != after.get(key):
            yield Changed(f"{prefix}{key}", _spoken(before.get(key)), _spoken(after.get(key)))


def _tensors(side: str, before: tuple[TensorType, ...], after: tuple[TensorType, ...]) -> Iterator[Changed]:
    then, now = ({tensor.name: _tensor(tensor) for tensor in tensors} for tensors in (before, after))
    yield from mapping(then, now, f"{side.removesuffix('s')} ")
    if then == now and [*then] != [*now]:
        yield Changed(f"order of {side}", ", ".join(then), ", ".join(now))


def _tensor(tensor: TensorType) -> str:
    if tensor.shape is None:
        return f"{tensor.dtype}, shape unknown"
    return f"{tensor.dtype} [{', '.join('?' if size < 0 else str(size) for size in tensor.shape)}]"


def _om(release: Release, target: str) -> Artefact | None:
    return release.targets[target].om if target in release.targets else None


def _judged(release: Release) -> dict[tuple[str, str], Judged]:
    found = {}
    for place, verdict in enumerate(release.verdicts):
        try:
            judged = Judged.model_validate(verdict)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            where = ".".join(map(str, ("verdicts", place, *problem["loc"])))
            raise CorruptRelease(f"{release.model} {release.version}: {where}: {problem['msg']}") from error
        found[judged.criterion, judged.target] = judged
    return found


def _verdict(key: tuple[str, str], before: Judged | None, after: Judged | None) -> VerdictChange | None:
    then, now = (judged.value if judged else None for judged in (before, after))
    same_value = then == now or (then is not None and now is not None and math.isnan(then) and math.isnan(now))
    if same_value and before and after and (before.limits, before.admits) == (after.limits, after.admits):
        return None
    judged = after or before
    sense = judged.sense if judged else "<="
    return VerdictChange(*key, before, after, "other" if same_value else _direction(then, now, sense))


def _direction(before: float | None, after: float | None, sense: str) -> Direction:
    if before is None:
        return "new"
    if after is None:
        return "gone"
    if math.isnan(before) or math.isnan(after):
        return "worse" if math.isnan(after) else "better"
    return "better" if (after < before) == (sense == "<=") else "worse"


def _spoken(value: object) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
