"""Gate on the candidate as a whole: is all of it about exactly these artefacts, and can anyone say how they were made?

Here belong the chain of digests and provenance. Not here: whether a figure is good enough (the other gates), or
publishing (`assets/release.py`).
"""

import re
from collections.abc import Iterator, Mapping

from ascend_assets.gates.case import DEFAULTS, Case
from ascend_assets.gates.verdict import Verdict
from ascend_assets.gates.wording import clipped, counted, listing, short
from ascend_assets.records import (
    BenchmarkRecord,
    LintRecord,
    OmRecord,
    OnnxRecord,
    PrecisionRecord,
    Record,
    SourceRecord,
)
from ascend_assets.repair.applied import options_for
from ascend_assets.spec import ModelSpec
from resources.ascend.emulator.registration import canonical_soc
from resources.ascend.toolchain import ToolchainIdentity

CRITERIA_NAMES: tuple[str, ...] = ("chain", "provenance", "clean_tree")
"""The criteria of this gate, in the order in which they are shown."""

Evidence = tuple[OmRecord, PrecisionRecord, BenchmarkRecord]
"""One target: what was compiled, how precise it is, how fast it is."""

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def judge(
    spec: ModelSpec,
    source: SourceRecord,
    onnx: OnnxRecord,
    lint: LintRecord,
    targets: Mapping[str, Evidence],
    *,
    lock: str,
) -> tuple[Verdict, ...]:
    """Verdicts on the whole, about the source that it was made from.

    `lock`: sha256 of the lock file of the pipeline's dependencies, empty if it has none.
    """
    case = Case(DEFAULTS, "inspected", source.data_version)
    broken = (*mismatches(source, onnx, lint, targets), *departures(spec, source, onnx, targets))
    missing = missing_facts(source, targets, lock)
    dirty = "built from a working tree with uncommitted changes, or outside git: nobody can check it out again"
    return (
        case.judge("chain", len(broken), listing(broken) or f"every record of {counted(len(targets), 'target')} fits"),
        case.judge("provenance", len(missing), _missing(missing) or "complete"),
        case.judge(
            "clean_tree", int(source.dirty), dirty if source.dirty else f"built from commit {short(source.commit)}"
        ),
    )


def mismatches(
    source: SourceRecord, onnx: OnnxRecord, lint: LintRecord, targets: Mapping[str, Evidence]
) -> tuple[str, ...]:
    """Every place where a record is not about the artefact that it is shown with, as a sentence; none if all fit."""
    return (
        *_made_from(onnx, {"source": source}),
        *_made_from(lint, {"source": source, "onnx": onnx}),
        *(fault for name, evidence in targets.items() for fault in _target(name, evidence, onnx, lint)),
    )


def departures(
    spec: ModelSpec, source: SourceRecord, onnx: OnnxRecord, targets: Mapping[str, Evidence]
) -> tuple[str, ...]:
    """Every place where the records are not what the definition and the candidate's repair ask for, as a sentence."""
    return tuple(_departures(spec, source, onnx, targets))


def missing_facts(source: SourceRecord, targets: Mapping[str, Evidence], lock: str) -> tuple[str, ...]:
    """What nobody wrote down. A dirty tree has no commit of its own: `clean_tree` says so, and keeps it in dev."""
    return tuple(_missing_facts(source, targets, lock))


def _target(name: str, evidence: Evidence, onnx: OnnxRecord, lint: LintRecord) -> Iterator[str]:
    om, precision, benchmark = evidence
    yield from _made_from(om, {"onnx": onnx, "lint": lint}, name)
    yield from _made_from(precision, {"onnx": onnx, "om": om}, name)
    yield from _made_from(benchmark, {"om": om}, name)
    for record in evidence:
        if record.target != name:
            yield f"{name}/{record.stage} is about target {record.target!r}"
    if om.info.onnx_sha256 != onnx.file.sha256:
        yield f"{name}/om says that it was compiled from {short(om.info.onnx_sha256)}, not {short(onnx.file.sha256)}"
    if benchmark.profile.soc_version != om.info.options.soc_version:
        compiled = om.info.options.soc_version
        yield f"{name}/benchmark was timed on {benchmark.profile.soc_version}, but the om is for {compiled}"
    for record, inner in ((precision, precision.comparison.origin), (benchmark, benchmark.profile.origin)):
        if record.toolchain != om.info.toolchain:
            yield f"{name}/{record.stage} comes from another toolchain than the om"
        if not record.origin == inner == record.toolchain.origin:
            yield f"{name}/{record.stage} calls itself {record.origin}; its content says {inner}"


def _made_from(record: Record, expected: Mapping[str, Record], target: str = "") -> Iterator[str]:
    """Faults in what a record says that it was made from: exactly these inputs, by their data versions."""
    name = f"{target}/{record.stage}" if target else record.stage
    for key in sorted(record.made_from.keys() | expected.keys()):
        said, wanted = record.made_from.get(key), expected.get(key)
        if wanted is None:
            yield f"{name} names an input {clipped(key, 40)!r} that it cannot have"
        elif said is None:
            yield f"{name} does not say which {key} it was made from"
        elif said != wanted.data_version:
            yield f"{name} was made from {key} {short(said)}, not {short(wanted.data_version)}"


def _departures(
    spec: ModelSpec, source: SourceRecord, onnx: OnnxRecord, targets: Mapping[str, Evidence]
) -> Iterator[str]:
    if source.model != spec.name:
        yield f"source is of model {source.model!r}, not {spec.name!r}"
    if onnx.repair != source.repair:
        yield "onnx is of another repair than source"
    if onnx.remedies != (*spec.remedies, *(source.repair.graph if source.repair else ())):
        yield "onnx was changed by other remedies than defs.yaml and the repair ask for"
    declared = {target.key: target for target in spec.targets}
    for name in sorted(declared.keys() - targets.keys()):
        yield f"{name} has no evidence"
    for name in sorted(targets.keys() - declared.keys()):
        yield f"{name} is no target of {spec.name}"
    for name in sorted(targets.keys() & declared.keys()):
        om = targets[name][0]
        asked = options_for(spec, declared[name], source.repair)
        # Ascend910 is Ascend910A to CANN, and what was compiled may say so.
        renamed = asked.model_copy(update={"soc_version": canonical_soc(asked.soc_version)})
        if om.info.options not in (asked, renamed):
            repaired = " and the repair ask" if source.repair else " asks"
            yield f"{name}/om was compiled with other options than defs.yaml{repaired} for"


def _missing_facts(source: SourceRecord, targets: Mapping[str, Evidence], lock: str) -> Iterator[str]:
    if not source.dirty and not _COMMIT.fullmatch(source.commit):
        yield "commit"
    if not source.dirty and not source.author.strip():
        yield "author"
    if not _SHA256.fullmatch(lock):
        yield "digest of the dependency lock"
    for name, (om, precision, benchmark) in targets.items():
        for stage, identity in (("om", om.info.toolchain), ("precision", precision.toolchain)):
            yield from _unnamed(f"{name}/{stage}", identity)
        yield from _unnamed(f"{name}/benchmark", benchmark.toolchain)


def _unnamed(where: str, identity: ToolchainIdentity) -> Iterator[str]:
    for field in ("name", "version", "cann"):
        if not str(getattr(identity, field)).strip():
            yield f"toolchain's {field} of {where}"


def _missing(facts: tuple[str, ...]) -> str:
    return f"missing: {listing(facts)}" if facts else ""
