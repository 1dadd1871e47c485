"""One look at production: read its samples once, compare them with the reference, and say what has drifted.

Here belongs the order in which this is done, and what is said where it cannot be done. Not here: Dagster (`assets.py`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ascend_assets.drift import accuracy, judge, samples, sides
from ascend_assets.drift.features import features
from ascend_assets.drift.hysteresis import Memory, counts
from ascend_assets.drift.judge import Compared, Finding
from ascend_assets.drift.records import (
    ACCURACY,
    CHECKS,
    MAX_FEATURES,
    MEASURES,
    PREDICTION,
    DriftCheck,
    DriftRecord,
    FeatureDrift,
)
from ascend_assets.drift.reference import NoAnswers, NoReference, Reference, answers, find
from ascend_assets.drift.sides import Answered, Sides
from ascend_assets.production.layout import answer
from ascend_assets.production.records import ProductionRecord
from ascend_assets.spec import ModelSpec
from ascend_assets.spec_production import Drift
from ascend_assets.stage import Tools, code_version
from resources.digests import canonical_json, sha256_bytes
from resources.store.blobs import Artefact

LABELS_OF_SAMPLES = 5
LEAST_LABELS = 30
"""A fifth of `minimum_samples` is enough of labels, which come rarely, but never fewer than 30: whether accuracy has
fallen is one question with its own bound on chance, and not a distance over many bins."""
PICTURES = 4


@dataclass(frozen=True)
class Look:
    """What a look found. `worst`: both sides of the features that are furthest, for plots."""

    record: DriftRecord
    worst: tuple[Compared, ...] = ()


@dataclass(frozen=True)
class _Case:
    """What every step of a look needs. `before`: the look before, if it was at the same reference."""

    tools: Tools
    spec: ModelSpec
    drift: Drift
    production: ProductionRecord
    reference: Reference | None
    before: DriftRecord | None


def look(tools: Tools, spec: ModelSpec, production: ProductionRecord, before: DriftRecord | None) -> Look:
    """Compare a window of production with the release that is live. `before`: the look before.

    Raises `ValueError` where the model says nothing of production, and `LedgerBroken`, `RegistryError` or `StoreError`
    where nobody can say what is live.
    """
    if spec.production is None:
        raise ValueError(f"{spec.name} says nothing of production")
    drift = spec.production.drift
    try:
        reference = find(tools, spec)
    except NoReference as error:
        return _not_judged(_Case(tools, spec, drift, production, None, None), str(error))
    same = before if before is not None and before.reference == reference.identity else None
    case = _Case(tools, spec, drift, production, reference, same)
    for rows, what in ((production.rows, "in the window"), (reference.data.samples, "of evaluation data")):
        if rows < drift.minimum_samples:
            return _not_judged(case, f"{rows} samples {what}; {drift.minimum_samples} are needed")
    try:
        return _judged(case, reference)
    except samples.BadSamples as error:
        return _not_judged(case, str(error))


def _not_judged(case: _Case, why: str) -> Look:
    findings: dict[str, Finding] = {name: Finding(None, why) for name in CHECKS}
    return Look(_record(case, findings, counted=False))


def _judged(case: _Case, reference: Reference) -> Look:
    drift = case.drift
    answered, artefact, why = _answered(case, reference)
    found = _read(case, reference, answered)
    judged = judge.features(found.compared, drift)
    prediction, about_predictions = _prediction(found.answered, drift, why)
    findings: dict[str, Finding] = {
        **{measure: judge.finding(measure, judged, drift) for measure in MEASURES},
        PREDICTION: about_predictions,
        ACCURACY: _accuracy(case.spec, found.answered, drift, why),
    }
    order = sorted(range(len(judged)), key=lambda place: _badness(judged[place], drift), reverse=True)
    fresh = _fresh(found, case.before)
    record = _record(
        case,
        findings,
        counted=counts(fresh, drift.minimum_samples),
        newest=found.newest,
        fresh=fresh,
        **_accuracies(found.answered),
        prediction=prediction,
        features=tuple(judged[place] for place in order[:MAX_FEATURES]),
        total_features=len(judged),
        answers=artefact,
    )
    return Look(record, tuple(found.compared[place] for place in order[:PICTURES]))


def _answered(case: _Case, reference: Reference) -> tuple[Answered | None, Artefact | None, str]:
    """The release's answers to the evaluation data, where they are stored, or why there are none."""
    try:
        found, artefact = answers(case.tools, case.spec, reference, case.before)
    except NoAnswers as error:
        return None, None, str(error)
    return sides.of_answers(answer(case.spec), found, reference.data.labels), artefact, ""


def _read(case: _Case, reference: Reference, answered: Answered | None) -> Sides:
    if case.production.samples is None:
        raise samples.BadSamples("production names no file of samples: look at production again")
    wanted = features(case.spec.inputs)
    known = sides.of_reference(wanted, reference.data)
    path = case.tools.blobs.path(case.production.samples)
    found = samples.chunks(path, wanted, reference.release.version)
    since = case.before.newest if case.before is not None else None
    return sides.filled(known, answered, answer(case.spec), found, since)


def _fresh(found: Sides, before: DriftRecord | None) -> int:
    """So many samples at least were in no look that counted.

    Those that are newer than all of them; and, where some came late, as many as there are more than at that look.
    """
    return max(found.fresh, found.rows - before.seen) if before is not None else found.rows


def _prediction(answered: Answered | None, drift: Drift, why: str) -> tuple[FeatureDrift | None, Finding]:
    if answered is None:
        return None, Finding(None, why)
    rows = answered.compared.production.count
    if rows < drift.minimum_samples:
        return None, Finding(None, f"the live release answered {rows} samples; {drift.minimum_samples} are needed")
    return judge.prediction(answered.compared, drift)


def _accuracy(spec: ModelSpec, answered: Answered | None, drift: Drift, why: str) -> Finding:
    if answered is None:
        return Finding(None, why)
    needed = max(LEAST_LABELS, drift.minimum_samples // LABELS_OF_SAMPLES)
    for side, what in ((answered.reference, "samples of evaluation data"), (answered.production, "answers")):
        if side.number < needed:
            return Finding(None, f"{side.number} {what} have a label; {needed} are needed")
    kind = answer(spec)
    drop = accuracy.drop(kind, answered.reference, answered.production, drift.significance)
    # As with distances: what chance explains is none. A NaN is no bound, and stays beyond every limit.
    value = 0.0 if drop.bound <= 0 else drop.value
    what = "accuracy is" if kind == "class" else "the mean absolute error is"
    said = (
        f"{what} {answered.production.mean:.4g} on {answered.production.number} labelled answers, "
        f"{answered.reference.mean:.4g} on the evaluation data; worse by at least {max(0.0, drop.bound):.3g}"
    )
    return Finding(value, said, int(not value <= drift.accuracy_drop), 1)


def _accuracies(answered: Answered | None) -> dict[str, Any]:
    """The two figures that people ask for, as fields of the record; None where no label has come."""
    if answered is None:
        return {}
    known = {"accuracy": answered.production, "reference_accuracy": answered.reference}
    return {
        "labelled": answered.production.number,
        **{name: side.mean if side.number else None for name, side in known.items()},
    }


def _record(
    case: _Case,
    findings: Mapping[str, Finding],
    *,
    counted: bool,
    **fields: Any,  # noqa: ANN401 - the record's own fields, validated by it
) -> DriftRecord:
    before, reference = case.before, case.reference
    limits = {
        **judge.limits(case.drift),
        PREDICTION: case.drift.prediction,
        ACCURACY: case.drift.accuracy_drop,
    }
    newest = fields.pop("newest", None)
    identity = {
        "stage": "drift",
        "options": case.drift.model_dump(mode="json"),
        "production": case.production.data_version,
        "reference": reference.identity if reference else "",
        "before": before.digest if before else "",
        "code": code_version(),
    }
    return DriftRecord(
        key=sha256_bytes(canonical_json(identity)),
        made_from={"production": case.production.data_version},
        environment=case.production.environment,
        version=reference.release.version if reference else "",
        production=case.production.data_version,
        reference=reference.identity if reference else "",
        samples=case.production.rows,
        reference_samples=reference.data.samples if reference else 0,
        counted=counted,
        newest=newest if counted else (before.newest if before else None),
        seen=case.production.rows if counted else (before.seen if before else 0),
        checks={name: _check(case, name, findings[name], limits[name], counted=counted) for name in CHECKS},
        **{"answers": before.answers if before else None, **fields},
    )


def _check(case: _Case, name: str, finding: Finding, limit: float, *, counted: bool) -> DriftCheck:
    before = case.before.checks.get(name) if case.before else None
    memory = Memory(before.held, before.streak) if before else Memory()
    return judge.check(finding, limit, memory, case.drift, counts=counted)


def _badness(one: FeatureDrift, drift: Drift) -> tuple[int, float, float]:
    """Worst is what has drifted by most measures, then what is furthest beyond its limits, then least by chance."""
    limits = judge.limits(drift)
    ratios: Sequence[float] = [
        distance.value / limits[measure] if limits[measure] > 0 else distance.value
        for measure, distance in one.distances.items()
        if distance.p < drift.significance
    ]
    worst = max((math.inf if math.isnan(ratio) else ratio for ratio in ratios), default=0.0)
    return len(one.drifted), worst, -min((distance.p for distance in one.distances.values()), default=1.0)
