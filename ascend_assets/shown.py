"""What a reader of Dagster's UI sees of a record: numbers that are plotted over candidates, and a few words.

Here belongs choosing them. Numbers are plain entries, so that they are read without a click; a plot stands where a
person would rather look than read. Not here: the checks' entries (`checks.py`).
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from dagster import MetadataValue

from ascend_assets import markdown
from ascend_assets.assets import causes, dossier
from ascend_assets.dossier.charts.precision import Size, precision_curve
from ascend_assets.dossier.charts.runs import NARROW as RUNS_NARROW
from ascend_assets.dossier.charts.runs import runs_plot
from ascend_assets.dossier.charts.times import NARROW, heat_map
from ascend_assets.dossier.summary import escaped, image, plots, summary_markdown
from ascend_assets.dossier.text import clean
from ascend_assets.dossier.views.measured import energy_of_a_run, sentences
from ascend_assets.records import (
    BenchmarkRecord,
    DeploymentRecord,
    DossierRecord,
    LintRecord,
    OmRecord,
    OnnxRecord,
    PrecisionRecord,
    Record,
    ReleaseRecord,
    SourceRecord,
)
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Tools
from resources.ascend import spelling
from resources.ascend.toolchain import Profile
from resources.home import home
from resources.registry import audit
from resources.registry.ledger import Entry, LedgerBroken

Entries = dict[str, Any]
_SMALL = Size(520, 220, 60)
_LINE = 200
_UNKNOWN = "not known"


def of_record(spec: ModelSpec, tools: Tools, record: Record, records: Mapping[str, Record]) -> Entries:
    """Metadata entries of one materialisation. `records`: what it was made from, by name."""
    if isinstance(record, DossierRecord):
        return _dossier(spec, tools, record, records)
    if isinstance(record, DeploymentRecord):
        return _deployment(tools, record)
    entries = _BY_KIND[type(record)](record)
    if isinstance(record, OmRecord | PrecisionRecord | BenchmarkRecord):
        entries["chosen"] = tools.chosen
    return entries


def of_entry(tools: Tools, entry: Entry) -> Entries:
    """A ledger's move: who, what, why, and on what it was decided."""
    entries: Entries = {
        "version": entry.version,
        "environment": entry.environment,
        "ledger entry": entry.sequence,
        "kind": entry.kind.value,
        "who": entry.actor,
        "why": entry.reason,
        "at": entry.at.isoformat(timespec="seconds"),
        "release": entry.release_digest,
        "policy": entry.policy_digest,
    }
    if entry.admission is not None:
        try:
            decided = audit.admission(tools.registry.store, entry)
        except LedgerBroken as error:
            entries["requirements"] = error.why
        else:
            entries["requirements"] = MetadataValue.md(markdown.requirements(decided.requirements))
    return entries


def _source(record: SourceRecord) -> Entries:
    return {
        "commit": record.commit or "none: not from a commit",
        "author": record.author or "unknown",
        "dirty": record.dirty,
        "bytes": record.archive.size,
        **({"made of": "; ".join(causes.line(record))} if causes.line(record) else {}),
    }


def _onnx(record: OnnxRecord) -> Entries:
    def spelt(side: str) -> str:
        tensors = getattr(record.signature, side)
        return "; ".join(f"{t.name} {t.dtype} {list(t.shape) if t.shape is not None else '?'}" for t in tensors)

    return {
        "bytes": record.file.size,
        "inputs": spelt("inputs"),
        "outputs": spelt("outputs"),
        "evaluation data": record.evaluation.sha256 if record.evaluation else "none",
    }


def _om(record: OmRecord) -> Entries:
    info = record.info
    return {
        "bytes": record.file.size,
        "origin": info.toolchain.origin,
        "toolchain": f"{info.toolchain.name} {info.toolchain.version[:12]} (CANN {info.toolchain.cann})",
        "identity": info.identity,
        "warnings": len(record.report.warnings),
        "atc": " ".join(spelling.command(info.options, "model.onnx", "model")),
    }


def _precision(record: PrecisionRecord) -> Entries:
    comparison, metric = record.comparison, record.task_metric
    worst = min((o.cosine_similarity for o in comparison.outputs), default=float("nan"))
    bad = comparison.first_bad_layer
    entries: Entries = {
        "origin": record.origin,
        "worst output cosine similarity": worst,
        "layers": len(comparison.layers),
        "first bad layer": f"{bad.node} ({bad.op}): {bad.cause}" if bad else "none",
        "inputs": f"{record.samples} {record.inputs} samples",
        "error over layers": MetadataValue.md(
            image("error over layers", precision_curve(comparison.layers, first_bad=bad, size=_SMALL))
        ),
    }
    if metric is not None:
        entries |= {f"{metric.name} on device": metric.device, f"{metric.name} in FP32": metric.reference}
    return entries


def _benchmark(record: BenchmarkRecord) -> Entries:
    profile = record.profile
    entries: Entries = {
        "origin": record.origin,
        "batch": profile.batch,
        "latency P50 ms": profile.latency_ms.p50,
        "latency P90 ms": profile.latency_ms.p90,
        "latency P99 ms": profile.latency_ms.p99,
        "throughput": profile.throughput,
        "aicore utilisation": profile.aicore_utilisation,
        "memory bytes": profile.memory_bytes,
        "bound": profile.bound,
        **_measured(profile),
        "time by operator": MetadataValue.md(image("time by operator type", heat_map(profile.ops, NARROW))),
    }
    if profile.error_band is not None:
        entries["90 % of published figures within"] = (
            f"{profile.error_band.low:.2f} to {profile.error_band.high:.2f} of the estimate"
        )
    return entries


def _measured(profile: Profile) -> Entries:
    """How a benchmark was taken on a device; nothing of an estimate. What is not known says so, and is no figure."""
    taken = profile.measurement
    if taken is None:
        return {}
    entries: Entries = {
        "device": clean(taken.device, _LINE),
        "measured with": clean(", ".join(taken.tools), _LINE) or _UNKNOWN,
        "runs": len(taken.runs_ms),
        "runs that warm up": taken.warmup,
        "every run": MetadataValue.md(image("every run", runs_plot(taken.runs_ms, profile.latency_ms, RUNS_NARROW))),
    }
    joules = energy_of_a_run(taken)
    if math.isfinite(joules):
        entries["energy of a run J"] = joules
    if math.isnan(profile.aicore_utilisation):
        entries["aicore utilisation"] = _UNKNOWN
    if profile.memory_bytes <= 0:
        entries["memory bytes"] = _UNKNOWN
    if not profile.ops:
        entries["bound"] = _UNKNOWN
    for name, said in (("notes", taken.notes), ("advice of msprof-analyze", taken.advice)):
        if said:
            entries[name] = MetadataValue.md("\n".join(f"- {escaped(line)}" for line in sentences(said)))
    return entries


def _dossier(spec: ModelSpec, tools: Tools, record: DossierRecord, records: Mapping[str, Record]) -> Entries:
    page = dossier.export(tools.blobs, record.html.sha256, home().dossiers, record)
    content = dossier.content(tools, spec, record.verdicts, records)
    return {
        "verdicts": MetadataValue.md(summary_markdown(content)),
        "page": MetadataValue.path(page),
        "failed": sum(not v for v in record.verdicts),
        "not judged": sum(not v.judged for v in record.verdicts),
        **{name: MetadataValue.md(plot) for name, plot in plots(content).items()},
    }


def _lint(record: LintRecord) -> Entries:
    return {count.criterion: "not judged" if count.value is None else count.value for count in record.counts}


def _release(record: ReleaseRecord) -> Entries:
    return {"version": record.version, "first candidate": record.candidate}


def _deployment(tools: Tools, record: DeploymentRecord) -> Entries:
    live = tools.ledger.live(record.environment, record.model)
    if live is not None and live.digest == record.entry_digest:
        return of_entry(tools, live)
    # Somebody has moved on since; what this run deployed is said all the same.
    return {"version": record.version, "environment": record.environment, "ledger entry": record.sequence}


_BY_KIND: dict[type[Record], Callable[[Any], Entries]] = {
    SourceRecord: _source,
    OnnxRecord: _onnx,
    LintRecord: _lint,
    OmRecord: _om,
    PrecisionRecord: _precision,
    BenchmarkRecord: _benchmark,
    ReleaseRecord: _release,
}
