"""What a reader of Dagster's UI sees of a look: figures that are plotted over time, and the furthest features.

Here belongs choosing and laying it out. Not here: the asset (`assets.py`), or drawing (`charts.py`).
"""

from typing import Any

from dagster import MetadataValue

from ascend_assets.dossier.summary import image
from ascend_assets.drift.charts import distributions
from ascend_assets.drift.look import Look
from ascend_assets.drift.records import CHECKS, MEASURES, DriftCheck, DriftRecord, FeatureDrift
from ascend_assets.markdown import table

Entries = dict[str, Any]
NOT_JUDGED = "not judged"
_ROWS = 15


def of_look(look: Look) -> Entries:
    """Metadata of the materialisation."""
    record = look.record
    entries: Entries = {
        "environment": record.environment,
        "release": record.version or "none is live",
        "samples": record.samples,
        "new samples": record.fresh,
        "evaluation samples": record.reference_samples,
        "labelled": record.labelled,
        "drifted": ", ".join(record.drifted) or "nothing",
        "counted": record.counted,
        **{name: _value(record.checks[name]) for name in CHECKS},
        **{f"{name} features drifted": record.checks[name].drifted_features for name in MEASURES},
    }
    for name, value in (("accuracy in production", record.accuracy), ("accuracy before", record.reference_accuracy)):
        if value is not None:
            entries[name] = value
    if record.features:
        entries["furthest features"] = MetadataValue.md(features(record))
    if look.worst:
        entries["distributions"] = MetadataValue.md(image("furthest features", distributions(look.worst)))
    return entries


def of_check(check: DriftCheck, record: DriftRecord) -> Entries:
    """Metadata of a check's evaluation."""
    return {
        "value": _value(check),
        "limit": check.limit,
        "state": check.state,
        "drifted features": check.drifted_features,
        "features": check.features,
        "looks in a row": check.streak,
        "samples": record.samples,
        "release": record.version or "none is live",
    }


def features(record: DriftRecord) -> str:
    """The furthest features as markdown, worst first, after the predictions."""
    listed = [*((record.prediction,) if record.prediction else ()), *record.features[:_ROWS]]
    head = ("feature", "kind", *MEASURES, "missing", "outside", "drifted by")
    said = table(head, (_row(one) for one in listed))
    rest = record.total_features - min(len(record.features), _ROWS)
    return f"{said}\nand {rest} more features\n" if rest > 0 else said


def _row(one: FeatureDrift) -> tuple[object, ...]:
    distances = (one.distances.get(measure) for measure in MEASURES)
    cells = ("" if d is None else f"{d.value:.3g} (p {d.p:.1g})" for d in distances)
    return (one.name, one.kind, *cells, one.missing, one.outside, ", ".join(one.drifted))


def _value(check: DriftCheck) -> float | str:
    return NOT_JUDGED if check.value is None else check.value
