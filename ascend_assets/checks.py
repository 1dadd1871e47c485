"""The gates as Dagster asset checks: one blocking check per criterion, on the asset that it judges.

Here belong which criterion stands on which asset, and how a verdict reads in Dagster's UI. Not here: judging
(`gates/`).
"""

from collections.abc import Iterator, Mapping

import dagster as dg

from ascend_assets import declared, history
from ascend_assets.cluster import pods
from ascend_assets.gates import baseline, conversion, lint, performance, precision, release
from ascend_assets.gates.criteria import CRITERIA
from ascend_assets.gates.verdict import Verdict
from ascend_assets.policy_file import in_force
from ascend_assets.progress import StageEvent, tell
from ascend_assets.records import BenchmarkRecord, DossierRecord, LintRecord, OmRecord, PrecisionRecord, Record
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import AssetKey, Stage
from ascend_assets.walk import key_of, stages
from resources.configurable import Warehouse

ON_STAGE: dict[str, tuple[str, ...]] = {
    "lint": lint.CRITERIA_NAMES,
    "om": conversion.CRITERIA_NAMES,
    "precision": precision.CRITERIA_NAMES,
    "benchmark": performance.CRITERIA_NAMES,
    "dossier": release.CRITERIA_NAMES,
}
"""Stage -> the criteria that are checked on its asset."""

IN_STEP = frozenset({"om"})
"""Stages whose check is part of the step: a refused compilation has a verdict and no artefact."""


def check_keys(spec: ModelSpec) -> tuple[tuple[AssetKey, str], ...]:
    """Every check of a model: its asset and its criterion."""
    return tuple((stage.asset, name) for stage in stages(spec) for name in ON_STAGE.get(stage.name, ()))


def own_specs(spec: ModelSpec, stage: Stage) -> list[dg.AssetCheckSpec]:
    """Checks that the asset's own step evaluates."""
    return _specs(spec, stage) if stage.name in IN_STEP else []


def own_results(
    spec: ModelSpec, stage: Stage, record: Record, candidate: str, more: Mapping[str, str] | None = None
) -> list[dg.AssetCheckResult]:
    """Results of the checks that the asset's own step evaluates. `more`: entries beside a verdict's own."""
    if not isinstance(record, OmRecord):
        return []
    return [result(verdict, stage.asset, candidate, more) for verdict in conversion.judge(record, spec)]


def build_checks(spec: ModelSpec) -> list[declared.Checks]:
    """One step per judged asset, which evaluates all criteria on it."""
    return [_gate(spec, stage) for stage in stages(spec) if stage.name in ON_STAGE and stage.name not in IN_STEP]


def _gate(spec: ModelSpec, stage: Stage) -> declared.Checks:
    @declared.checks(
        name="__".join((*stage.asset, "gate")),
        specs=_specs(spec, stage),
        ins={"record": dg.AssetIn(list(stage.asset))},
        required_resource_keys={"store", "records"},
        op_tags=pods.op_tags_of_judging(),
        # A reviewer may evaluate a single check again.
        can_subset=True,
        description=f"Judges {'/'.join(stage.asset)}.",
    )
    def _judge(context: dg.AssetCheckExecutionContext, record: Record) -> Iterator[dg.AssetCheckResult]:
        candidate = history.candidate(context.instance, context.run.run_id, key_of(spec, "source"))
        wanted = {key.name for key in context.selected_asset_check_keys}
        for verdict in judge(spec, record, context.resources.store):
            if verdict.criterion in wanted:
                yield result(verdict, stage.asset, candidate)

    return _judge


def judge(spec: ModelSpec, record: Record, store: Warehouse) -> tuple[Verdict, ...]:
    """The verdicts on one record."""
    if isinstance(record, OmRecord):
        return conversion.judge(record, spec)
    if isinstance(record, LintRecord):
        return lint.judge(record, spec)
    if isinstance(record, PrecisionRecord):
        return precision.judge(record, spec)
    if isinstance(record, BenchmarkRecord):
        return performance.judge(
            record, spec, baseline.profiles(store.registry(), store.ledger(), store.blobs(), spec, record)
        )
    if isinstance(record, DossierRecord):
        return tuple(v for v in record.verdicts if v.criterion in release.CRITERIA_NAMES)
    raise TypeError(f"no gate judges a {type(record).__name__}")


def _specs(spec: ModelSpec, stage: Stage) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            name,
            asset=list(stage.asset),
            blocking=True,
            description=f"{CRITERIA[name].meaning} Default limit: {CRITERIA[name].source}",
            metadata=_limits(spec, name),
        )
        for name in ON_STAGE[stage.name]
    ]


def _limits(spec: ModelSpec, name: str) -> dict[str, str]:
    limits = spec.limits(name)
    return {f"limit {env}": _limit(CRITERIA[name].sense, limits[env]) for env in in_force().names}


def _limit(sense: str, limit: float) -> str:
    return f"{sense} {limit:g}"


def result(
    verdict: Verdict, asset: AssetKey, candidate: str, more: Mapping[str, str] | None = None
) -> dg.AssetCheckResult:
    """A verdict as Dagster shows it: the sentence why, the value as a number, and each limit as a plain entry.

    Not passed but admitted to dev (nobody could judge it, and dev can live with that) is a warning and blocks nothing.
    """
    tell(StageEvent(asset, "judged", verdict=verdict))
    return dg.AssetCheckResult(
        passed=verdict.passed,
        asset_key=list(asset),
        check_name=verdict.criterion,
        severity=dg.AssetCheckSeverity.WARN if in_force().first.name in verdict.admits else dg.AssetCheckSeverity.ERROR,
        description=verdict.why,
        metadata={**_entries(verdict, candidate), **(more or {})},
    )


def _entries(verdict: Verdict, candidate: str) -> Mapping[str, str | float]:
    value: dict[str, str | float] = {"value": verdict.value} if verdict.value is not None else {"value": "not judged"}
    limits = {f"limit {env}": _limit(verdict.sense, verdict.limits[env]) for env in in_force().names}
    return {
        **value,
        **({"unit": verdict.unit} if verdict.unit else {}),
        **limits,
        "admits": ", ".join(verdict.admits) or "no environment",
        "origin": verdict.origin,
        history.CANDIDATE: candidate,
        "digest": verdict.subject,
    }
