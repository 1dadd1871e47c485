"""How the records of a model in production read in Dagster: entries, tables and checks that inform.

Here belongs what a reader sees. Not here: making the records, or the assets (`assets.py`). The checks here block
nothing: what is in production is there already.
"""

from pathlib import Path
from typing import Any

import dagster as dg

from ascend_assets import markdown
from ascend_assets.dossier.summary import escaped
from ascend_assets.dossier.text import clean
from ascend_assets.gates.wording import counted
from ascend_assets.production import layout
from ascend_assets.production.judging import Judgement
from ascend_assets.production.queries import FIGURES
from ascend_assets.production.records import MetricsRecord, ProductionRecord, ProposedLimitsRecord
from ascend_assets.spec import ModelSpec
from resources.production.samples import AT, INPUT, LABEL, PREDICTION, REQUEST, SCORE, VERSION

SAMPLES_VALID = "samples_valid"
_CELL = 200
_FENCE = "`" * 12
"""No text of a model's file ends a block that so many open."""


def columns_of(spec: ModelSpec) -> dg.TableSchema:
    """The columns of the samples' file, as Dagster shows them."""
    answer = "int64" if layout.answer(spec) == "class" else "double"
    inputs = {
        INPUT + name: one.dtype
        if one.length == 0
        else f"list of {'' if one.length is None else one.length} {one.dtype}"
        for name, one in layout.of_samples(spec).inputs.items()
    }
    types = {REQUEST: "string", AT: "timestamp[us, UTC]", VERSION: "string", **inputs, PREDICTION: answer}
    return dg.TableSchema(
        [dg.TableColumn(name, kind) for name, kind in {**types, SCORE: "double", LABEL: answer}.items()]
    )


def of_production(record: ProductionRecord) -> dict[str, Any]:
    """Entries of the production asset: figures are plotted over its materialisations."""
    entries: dict[str, Any] = {
        "environment": record.environment,
        "from": record.window[0].isoformat(timespec="seconds"),
        "to": record.window[1].isoformat(timespec="seconds"),
        "rows": record.rows,
        "refused": record.refused,
        "labelled": record.labelled,
        "duplicates": record.duplicates,
        "feedback for no sample": record.unmatched,
        "files": record.files,
    }
    if record.versions:
        entries["releases"] = dg.MetadataValue.table(
            [dg.TableRecord({"release": clean(name, _CELL), "rows": rows}) for name, rows in record.versions.items()]
        )
    if record.notes:
        entries["notes"] = "; ".join(clean(note, 1000) for note in record.notes)
    return entries


def samples_valid(record: ProductionRecord) -> dg.AssetCheckResult:
    """Whether every row kept the schema, with those that did not as a table. No row at all is not judged."""
    entries: dict[str, Any] = {"rows": record.rows, "refused": record.refused, "violations": record.violated}
    if record.violations:
        entries["first violations"] = dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "file": clean(one.file, _CELL),
                        "row": "whole file" if one.row is None else str(one.row),
                        "column": clean(one.column, _CELL),
                        "check": clean(one.check, _CELL),
                        "value": clean(one.value, _CELL),
                    }
                )
                for one in record.violations
            ]
        )
    judged = record.rows + record.refused + record.violated > 0
    passed = judged and record.violated == 0
    return dg.AssetCheckResult(
        passed=passed,
        check_name=SAMPLES_VALID,
        severity=dg.AssetCheckSeverity.ERROR if judged else dg.AssetCheckSeverity.WARN,
        description=_said(record, judged=judged),
        metadata=entries,
    )


def _said(record: ProductionRecord, *, judged: bool) -> str:
    if not judged:
        return "not judged: there is no sample in the window. " + "; ".join(record.notes)
    if record.violated == 0:
        return f"{counted(record.rows, 'row')} of {counted(record.files, 'file')} kept the schema"
    first = record.violations[0]
    where = first.file if first.row is None else f"{first.file}, row {first.row}"
    column = f" {first.column}" if first.column else ""
    return (
        f"{counted(record.violated, 'violation')}, {counted(record.refused, 'row')} left out; the first is "
        f"{clean(where, _CELL)}:{clean(column, _CELL)} {clean(first.check, _CELL)} ({clean(first.value, _CELL)}). "
        "See the table, and mend whatever writes these files"
    )


def of_metrics(record: MetricsRecord) -> dict[str, Any]:
    """Entries of the metrics asset. A figure that is not known has no entry, so that none is plotted for it."""
    entries: dict[str, Any] = {
        "environment": record.environment,
        "source": record.source,
        "at": record.at.isoformat(timespec="seconds"),
    }
    for name, unit in FIGURES.items():
        value = record.figures.get(name)
        if value is not None:
            entries[name if name.endswith("_ms") or unit == "requests" else f"{name} {unit}"] = value
    if record.notes:
        entries["notes"] = dg.MetadataValue.md("\n".join(f"- {escaped(clean(note, 500))}" for note in record.notes))
    return entries


def judged(found: Judgement) -> dg.AssetCheckResult:
    """A judgement as a check's result: what could not be judged has failed, as a warning."""
    return dg.AssetCheckResult(
        passed=found.state == "good",
        check_name=found.name,
        severity=dg.AssetCheckSeverity.ERROR if found.state == "bad" else dg.AssetCheckSeverity.WARN,
        description=clean(found.why, 1000),
        metadata=dict(found.entries),
    )


def of_proposals(record: ProposedLimitsRecord, patch: Path | None) -> dict[str, Any]:
    """Entries of the proposed limits: what to change, why, and the patch. `patch`: a copy of it on this machine."""
    entries: dict[str, Any] = {
        "environment": record.environment,
        "looks": record.looks,
        "proposals": len(record.proposals),
    }
    if record.proposals:
        head = ("criterion", "environment", "now", "proposed", "", "why")
        rows = [
            (one.criterion, one.environment, f"{one.present:g}", f"{one.proposed:g} {one.unit}", one.kind, one.why)
            for one in record.proposals
        ]
        entries["what is proposed"] = dg.MetadataValue.md(
            f"{markdown.table(head, rows)}\nNothing of this is in force. A person merges it, or does not.\n"
        )
    if record.diff:
        entries["diff"] = dg.MetadataValue.md(f"{_FENCE}diff\n{clean(record.diff, 20_000)}\n{_FENCE}\n")
    if patch is not None:
        entries["patch, for git apply"] = dg.MetadataValue.path(patch)
    if record.notes:
        entries["notes"] = "; ".join(clean(note, 1000) for note in record.notes)
    return entries
