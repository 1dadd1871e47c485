"""What is known of a model in production, as Dagster assets: `production`, `metrics` and `proposed_limits`.

Here belong the assets, their checks and their job, thin over `gathering.py`, `metrics.py` and `proposals.py`. Not here:
when they are made (`sensors/production.py`), or drift (`ascend_assets/drift`).
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from ascend_assets import beside, graph, history, triggers_file
from ascend_assets.declared import Asset, Job, Parts
from ascend_assets.production import asset_results, gathering, judging, layout, metrics, proposing
from ascend_assets.production.records import MetricsRecord
from ascend_assets.records import Record
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Tools
from resources.home import home

Result = dg.MaterializeResult[Any]
Make = Callable[..., Result]

JOB = "production"
"""`<model>_production`."""


def folder_of(spec: ModelSpec) -> Path:
    """Where the model's production writes, in the environment that is looked at."""
    return home().production / spec.name / layout.environment(spec)


def definitions(spec: ModelSpec) -> Parts:
    """The assets of a model that says something of production; none for another."""
    if spec.production is None:
        return Parts()
    return Parts((_production(spec), _metrics(spec), _proposed_limits(spec)))


def build_job(spec: ModelSpec, looks: Iterable[Parts]) -> Job:
    """The job `<model>_production`: every asset of `looks`, and their checks."""
    return Job(
        f"{spec.name}_{JOB}",
        tuple(one.key for look in looks for one in look.assets),
        tags={history.MODEL_TAG: spec.name},
        description=f"Look at {spec.name} in production: samples, metrics, drift, and the limits that they propose.",
    )


def _asset(spec: ModelSpec, name: str, make: Make, **more: Any) -> Asset:  # noqa: ANN401 - Dagster's own
    """`make` gets the step's context, the tools and the records of `ins` by name."""

    @beside.asset(spec, name, **more)
    def _made(context: dg.AssetExecutionContext, **records: Record) -> Iterator[object]:
        yield make(context, graph.tools_of(context.resources, context.log.info), **records)

    return _made


def _check(spec: ModelSpec, asset: str, name: str, description: str) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(name, asset=[spec.name, asset], description=f"{description} It blocks nothing.")


def _production(spec: ModelSpec) -> Asset:
    def _make(_: dg.AssetExecutionContext, tools: Tools) -> Result:
        record = gathering.gather(tools, spec, folder_of(spec))
        check = asset_results.samples_valid(record)
        return beside.materialised(record, asset_results.of_production(record), (check,))

    return _asset(
        spec,
        "production",
        _make,
        description="Samples of the window that kept the model's schema, with their labels where feedback came.",
        kinds={"parquet"},
        metadata={"dagster/column_schema": asset_results.columns_of(spec)},
        check_specs=[
            _check(
                spec,
                "production",
                asset_results.SAMPLES_VALID,
                "Every sample and all feedback kept the model's schema.",
            )
        ],
    )


_MEANT = {
    "metrics_available": "Somebody can tell how the model serves.",
    "error_rate": "No more requests fail than in yesterday's same hour, chance apart, and at most a tenth.",
    "load_time": f"Every load of the last hour took at most {judging.LOAD_SECONDS:g} s.",
    "latency_p99": "P99 latency of the last hour keeps the model's limit latency_p99_ms of that environment.",
}


def _metrics(spec: ModelSpec) -> Asset:
    def _make(_: dg.AssetExecutionContext, tools: Tools) -> Result:
        record = metrics.gather(tools, spec, triggers_file.in_force().prometheus, folder_of(spec))
        checks = tuple(map(asset_results.judged, judging.judge(record, spec)))
        return beside.materialised(record, asset_results.of_metrics(record), checks)

    return _asset(
        spec,
        "metrics",
        _make,
        description="How the model served in the last hour: latency, failures, load, NPUs.",
        kinds={"prometheus"},
        check_specs=[_check(spec, "metrics", name, _MEANT[name]) for name in judging.NAMES],
    )


def _proposed_limits(spec: ModelSpec) -> Asset:
    def _make(context: dg.AssetExecutionContext, tools: Tools, metrics: MetricsRecord) -> Result:
        seen = proposing.looks(context.instance, tools, (spec.name, "metrics"), metrics)
        record = proposing.make(tools, spec, metrics, seen)
        patch = tools.blobs.path(record.patch) if record.patch else None
        return beside.materialised(record, asset_results.of_proposals(record, patch))

    return _asset(
        spec,
        "proposed_limits",
        _make,
        ins={"metrics": dg.AssetIn([spec.name, "metrics"])},
        description="Limits that production's figures propose, as a patch for a person to merge. None is in force.",
        kinds={"yaml"},
    )
