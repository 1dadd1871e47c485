"""dossier: all evidence about one candidate, judged, as one file that a reviewer decides from.

Here belongs gathering and storing it. Not here: judging (`gates/`), or how the page looks (`ascend_assets/dossier/`).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ascend_assets import evidence
from ascend_assets.assets import causes
from ascend_assets.assets.source import FOLDER
from ascend_assets.dossier import render
from ascend_assets.dossier.compare import compare_with_release
from ascend_assets.dossier.content import Content, TargetEvidence
from ascend_assets.gates.verdict import Verdict
from ascend_assets.records import DossierRecord, LintRecord, OnnxRecord, Record, SourceRecord
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Order, Tools, code_version
from resources import git
from resources.candidates import Candidate as CandidateName
from resources.digests import canonical_json, sha256_bytes
from resources.registry.releases import Release
from resources.registry.versions import Contents
from resources.store.blobs import Blobs


def make(tools: Tools, key: str, _order: Order, *, spec: ModelSpec, **records: Record) -> DossierRecord:
    """Judge a complete candidate and write its page."""
    candidate = evidence.candidate(spec, records)
    verdicts = candidate.judge(tools)
    page = render.render(content(tools, spec, verdicts, records))
    return DossierRecord(
        key=key,
        made_from={name: record.data_version for name, record in records.items()},
        model=spec.name,
        candidate=candidate.source.candidate,
        commit=candidate.source.commit,
        dirty=candidate.source.dirty,
        verdicts=verdicts,
        records={name: record.digest for name, record in records.items()},
        html=tools.blobs.put_bytes(page.encode(), name="dossier.html"),
    )


def context(spec: ModelSpec, tools: Tools, records: Mapping[str, Record]) -> dict[str, Any]:
    """What a dossier depends on beside its records: policy, lock, and the releases that it is compared with."""
    candidate = evidence.candidate(spec, records)
    baselines = {
        target: {env: profile and profile.model_dump(mode="json") for env, profile in profiles.items()}
        for target, profiles in candidate.baselines(tools).items()
    }
    previous = previous_release(tools, spec, contents(candidate))
    return {
        "records": {name: record.digest for name, record in records.items()},
        "baselines": sha256_bytes(canonical_json(baselines)),
        "previous": previous.digest if previous else "",
        "lock": tools.lock.sha256,
        "policy": [environment.digest for environment in tools.environments],
    }


def content(
    tools: Tools,
    spec: ModelSpec,
    verdicts: tuple[Verdict, ...],
    records: Mapping[str, Record],
    **refused: TargetEvidence,
) -> Content:
    """What the page shows. Records may be missing: a refused candidate has a page too. `refused`: target -> why."""
    source = records["source"]
    if not isinstance(source, SourceRecord):
        raise TypeError("source holds a record of another stage: make it again")
    onnx, lint = records.get("onnx"), records.get("lint")
    now = Content(
        spec=spec,
        source=source,
        created_at=CandidateName.parse(source.candidate).at,
        verdicts=verdicts,
        onnx=onnx if isinstance(onnx, OnnxRecord) else None,
        lint=lint if isinstance(lint, LintRecord) else None,
        targets=tuple(refused.get(t.key) or _target(t.key, records) for t in spec.targets),
        toolchain=tools.toolchain.describe(),
        provenance={**causes.told(tools, spec, source), **pipeline(tools)},
        repair=causes.repair(tools, source),
        causes=causes.of_refusal(tools, spec, records, verdicts, refused),
    )
    complete = {"source", "onnx", "lint"} <= records.keys() and not any(t.missing for t in now.targets)
    own = contents(evidence.candidate(spec, records)) if complete else None
    previous = previous_release(tools, spec, own)
    manifest = previous.model_dump(mode="json") if previous else None
    changes = compare_with_release(manifest, now, changelog(tools, previous, source))
    return Content(**{**vars(now), "changes": changes})


def contents(candidate: evidence.Candidate) -> Contents:
    """What a candidate's version depends on."""
    oms = {name: om.file.sha256 for name, (om, _, _) in candidate.targets.items()}
    return Contents(candidate.onnx.signature, candidate.onnx.file.sha256, oms)


def previous_release(tools: Tools, spec: ModelSpec, own: Contents | None) -> Release | None:
    """The newest release of other artefacts than the candidate's own: what it is compared with."""
    newest_first = reversed(tools.registry.releases(spec.name))
    return next((release for release in newest_first if own is None or release.contents != own), None)


def changelog(tools: Tools, previous: Release | None, source: SourceRecord) -> tuple[str, ...]:
    """What the candidate is made of beside a commit, then what its commits say, newest first.

    Those to the model's files since a release are named; none where one of the two is in no commit.
    """
    if previous is None or not previous.commit or not source.commit:
        return causes.line(source)
    folder = tools.repository / FOLDER / source.model
    return (*causes.line(source), *git.subjects(tools.repository, previous.commit, source.commit, folder))


def pipeline(tools: Tools) -> dict[str, str]:
    """What else decided the result."""
    return {"code": code_version(), tools.lock.name: tools.lock.sha256}


def export(blobs: Blobs, html: str, folder: Path, record: DossierRecord) -> Path:
    """A copy under a name that a person can open; created whole or not at all."""
    return write_page(folder / record.model / f"{record.candidate}.html", blobs.read(html))


def write_page(path: Path, page: bytes) -> Path:
    """Write a page to be opened by a person. Evidence is what stands in the store, not this copy."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(page)
    temporary.replace(path)
    return path


def _target(key: str, records: Mapping[str, Record]) -> TargetEvidence:
    found: dict[str, Any] = {stage: records.get(f"{key}__{stage}") for stage in ("om", "precision", "benchmark")}
    return TargetEvidence(key, **found)
