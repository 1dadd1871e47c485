"""What changed since the last release: its manifest, as plain data, against the candidate at hand.

Here belongs finding differences. Not here: which release is the last one (the registry), what a difference means for
the version (`resources/registry/versions.py`), or how it is shown.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ascend_assets.dossier.changes import Changed, Changes, Direction, VerdictChange
from ascend_assets.dossier.content import Content
from ascend_assets.dossier.quantities import TIMES, short
from ascend_assets.gates.verdict import Verdict

Manifest = Mapping[str, Any]
"""A release's manifest as JSON gives it. Only fields that it has are compared."""

_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def compare_with_release(previous: Manifest | None, now: Content, commits: Sequence[str] = ()) -> Changes:
    """Differences between the last release and the candidate.

    `commits`: one line for each commit in between, newest first, where the caller knows them. `previous` of None: the
    model has no release yet.
    """
    if previous is None:
        return Changes(version=None)
    verdicts = tuple(_verdicts(previous.get("verdicts", ()), now.verdicts))
    onnx = now.onnx.file.sha256 if now.onnx else ""
    return Changes(
        version=str(previous.get("version", "unknown")),
        candidate=str(previous.get("candidate", "")),
        commit=_changed("commit", _spoken(previous.get("commit")), _spoken(now.source.commit)),
        commits=tuple(commits),
        onnx=_changed("ONNX file", short(_at(previous, "onnx", "sha256") or ""), short(onnx)),
        signature=tuple(_signature(_at(previous, "signature") or {}, now)),
        options=tuple(_targets(_at(previous, "targets") or {}, now)),
        toolchain=_changed("toolchain", _toolchain(previous.get("toolchain")), _toolchain(_identity(now))),
        pipeline=tuple(_mappings(_at(previous, "pipeline") or {}, now.provenance, "")),
        verdicts=tuple(change for change in verdicts if change is not None),
        unchanged=sum(change is None for change in verdicts),
    )


def _at(manifest: Manifest, *path: str) -> Any:  # noqa: ANN401 - JSON
    found: Any = manifest
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _changed(what: str, before: object, after: object) -> Changed | None:
    return None if before == after else Changed(what, str(before), str(after))


def _identity(now: Content) -> Manifest | None:
    return now.identity.model_dump(mode="json") if now.identity else None


def _toolchain(identity: Manifest | None) -> str:
    if identity is None:
        return ""
    return f"{identity.get('name')} {identity.get('version')}, CANN {identity.get('cann')}, {identity.get('origin')}"


def _signature(before: Manifest, now: Content) -> Iterator[Changed]:
    after = now.onnx.signature.model_dump(mode="json") if now.onnx else {}
    for side in ("inputs", "outputs"):
        then = {t["name"]: _tensor(t) for t in before.get(side, ())}
        these = {t["name"]: _tensor(t) for t in after.get(side, ())}
        yield from _mappings(then, these, f"{side.removesuffix('s')} ")
        if then == these and list(then) != list(these):
            yield Changed(f"order of {side}", ", ".join(then), ", ".join(these))


def _tensor(tensor: Manifest) -> str:
    shape = tensor.get("shape")
    dims = "unknown" if shape is None else TIMES.join("?" if d in (-1, None) else str(d) for d in shape) or "scalar"
    return f"{tensor.get('dtype')} {dims}"


def _targets(before: Manifest, now: Content) -> Iterator[Changed]:
    present = {target.key: target for target in now.evidence}
    for key in before.keys() - present.keys():
        yield Changed(f"target {key}", str(before[key].get("soc_version", "compiled")), "")
    for key in present:
        options = now.options(key).model_dump(mode="json")
        if key not in before:
            yield Changed(f"target {key}", "", now.options(key).soc_version)
        elif "options" in before[key]:
            yield from _mappings(before[key]["options"], options, f"{key} ")
        elif before[key].get("soc_version", options["soc_version"]) != options["soc_version"]:
            yield Changed(f"{key} soc_version", str(before[key]["soc_version"]), options["soc_version"])


def _mappings(before: Manifest, after: Manifest, prefix: str) -> Iterator[Changed]:
    for key in [*before, *(key for key in after if key not in before)]:
        if before.get(key) != after.get(key):
            yield Changed(f"{prefix}{key}", _spoken(before.get(key)), _spoken(after.get(key)))


def _spoken(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {_spoken(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return TIMES.join(map(_spoken, value))
    text = "" if value is None else str(value)
    return short(text) if _DIGEST.fullmatch(text) else text


def _verdicts(before: Sequence[Manifest], after: Sequence[Verdict]) -> Iterator[VerdictChange | None]:
    """A change for each verdict of either side, None where the value is the same."""
    then = {(v["criterion"], v.get("target", "")): v for v in before}
    for verdict in after:
        old = then.pop((verdict.criterion, verdict.target), None)
        value = None if old is None else _number(old.get("value"))
        yield _moved(verdict, value)
    for (criterion, target), old in then.items():
        value = _number(old.get("value"))
        if value is not None:
            yield VerdictChange(criterion, target, old.get("unit", ""), value, None, "gone")


def _moved(verdict: Verdict, before: float | None) -> VerdictChange | None:
    after = verdict.value
    if before == after or (before is not None and after is not None and math.isnan(before) and math.isnan(after)):
        return None
    direction = _direction(before, after, verdict.sense)
    return VerdictChange(verdict.criterion, verdict.target, verdict.unit, before, after, direction)


def _direction(before: float | None, after: float | None, sense: str) -> Direction:
    if before is None:
        return "new"
    if after is None:
        return "gone"
    if math.isnan(before) or math.isnan(after):
        return "worse" if math.isnan(after) else "better"
    return "better" if (after < before) == (sense == "<=") else "worse"


def _number(value: object) -> float | None:
    """A value as JSON has it: NaN and infinity are spelled out."""
    return None if value is None else float(str(value))
