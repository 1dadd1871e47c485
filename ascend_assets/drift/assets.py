"""Drift as a Dagster asset, `[model, "drift"]`, with a check for each measure. None of them blocks.

Here belongs the thin layer over `look.py`. Not here: what drift starts (`sensors/`), or production's samples
(`production/assets.py`).

A check that says drift fails as an error. One over its limit whose turn has not come yet (`suspect`) fails as a
warning, and so does one that could not be judged: neither is a pass, and nobody is to be woken by it.
"""

from collections.abc import Iterator

import dagster as dg

from ascend_assets import beside, graph, history
from ascend_assets.codec import UnreadableRecord, read_record
from ascend_assets.declared import Asset, Parts
from ascend_assets.drift import entries
from ascend_assets.drift.look import look
from ascend_assets.drift.records import ACCURACY, CHECKS, PREDICTION, DriftCheck, DriftRecord
from ascend_assets.production.records import ProductionRecord
from ascend_assets.records import Record
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import AssetKey, Tools
from resources.store.blobs import StoreError

NAME = "drift"
MEANING = {
    "psi": "Population stability index of each feature, in bins of the evaluation data.",
    "ks": "Kolmogorov-Smirnov distance of each ordered feature.",
    "wasserstein": "Earth mover's distance of each ordered feature, in standard deviations of the evaluation data.",
    "jensen_shannon": "Jensen-Shannon distance of each feature, in bins of the evaluation data.",
    "chi_square": "Cramer's V of each feature that has categories or few levels.",
    PREDICTION: "Jensen-Shannon distance of the live release's predictions.",
    ACCURACY: "How far the live release is worse, where labels arrive, than on its evaluation data.",
}


def key(model: str) -> AssetKey:
    """The asset of a model's drift."""
    return (model, NAME)


def definitions(spec: ModelSpec) -> Parts:
    """The asset and its checks, of a model that says something of production; nothing of another."""
    return Parts((_asset(spec),) if spec.production else ())


def latest(instance: dg.DagsterInstance, tools: Tools, model: str) -> DriftRecord | None:
    """What the asset holds; None where it holds nothing that this version can read."""
    made = history.latest(instance, key(model))
    if made is None:
        return None
    try:
        found = read_record(tools.blobs, made.record)
    except (StoreError, UnreadableRecord) as error:
        tools.say(f"the look before cannot be read, the count of looks begins anew: {error}")
        return None
    return found if isinstance(found, DriftRecord) else None


def result(check: DriftCheck, name: str, record: DriftRecord) -> dg.AssetCheckResult:
    """A check as Dagster shows it."""
    severity = dg.AssetCheckSeverity.ERROR if check.state == "drifted" else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        passed=check.state == "calm",
        check_name=name,
        severity=severity,
        description=check.why,
        metadata=entries.of_check(check, record),
    )


def _asset(spec: ModelSpec) -> Asset:
    own = list(key(spec.name))

    @beside.asset(
        spec,
        NAME,
        ins={"production": dg.AssetIn([spec.name, "production"])},
        description="How far production's samples are from the evaluation data of the release that is live.",
        kinds={"numpy"},
        check_specs=[
            dg.AssetCheckSpec(name, asset=own, description=f"{MEANING[name]} It blocks nothing.") for name in CHECKS
        ],
    )
    def _drift(context: dg.AssetExecutionContext, production: Record) -> Iterator[object]:
        if not isinstance(production, ProductionRecord):
            raise TypeError(f"{spec.name}/production holds a record of {production.stage}")
        tools = graph.tools_of(context.resources, context.log.info)
        found = look(tools, spec, production, latest(context.instance, tools, spec.name))
        checks = [result(found.record.checks[name], name, found.record) for name in CHECKS]
        yield beside.materialised(found.record, entries.of_look(found), checks)

    return _drift
