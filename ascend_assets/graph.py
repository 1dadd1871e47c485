"""The walk as Dagster assets: one asset per stage, thin over `walk.py`.

Here belong running a stage inside a step, reusing earlier work, and what a reader of Dagster's UI sees of an asset.
Not here: checks (`checks.py`), or what a stage does.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import dagster as dg

from ascend_assets import checks, declared, guard, history, pools, shown
from ascend_assets.cluster import pods
from ascend_assets.codec import UnreadableRecord, read_record, write_record
from ascend_assets.gates import conversion
from ascend_assets.progress import StageEvent, tell
from ascend_assets.records import OmRecord, Record, RefusalRecord, SourceRecord
from ascend_assets.repair import repairing
from ascend_assets.risk import past
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Order, Stage, Tools, code_version
from ascend_assets.training import retraining
from ascend_assets.walk import key_of
from resources.ascend.toolchain import CompileRefused
from resources.configurable import AscendToolchain, Project, Warehouse
from resources.store.blobs import StoreError
from resources.store.opening import watch

RESOURCES = frozenset({"store", "toolchain", "project"})

_ON_TOOLCHAIN = frozenset({"om", "precision", "benchmark"})


class SourceConfig(dg.Config):
    """What to build. Empty fields mean the working tree; `hub` is a version of the model's hub.

    `training`: digest of a challenger's record, `repair` of a repair's; where the same run made one, it is that one's.
    """

    commit: str = ""
    candidate: str = ""
    hub: str = ""
    training: str = ""
    repair: str = ""


class LedgerConfig(dg.Config):
    """Who releases or deploys, and why: it stands in the manifest and the ledger."""

    actor: str = ""
    reason: str = ""


def tools_of(resources: Any, say: Callable[[str], None] = lambda _: None) -> Tools:  # noqa: ANN401 - Dagster makes it
    """A stage's tools from Dagster's resources."""
    return tools(resources.store, resources.toolchain, resources.project, say)


def tools(
    store: Warehouse, toolchain: AscendToolchain, project: Project, say: Callable[[str], None] = lambda _: None
) -> Tools:
    """A stage's tools. `say` is told about progress."""
    chosen = toolchain.choose(say)
    return Tools(
        blobs=store.blobs(),
        registry=store.registry(),
        ledger=store.ledger(),
        toolchain=chosen.toolchain,
        chosen=str(chosen),
        repository=project.path,
        lock=project.lock(),
        say=say,
    )


def build_asset(spec: ModelSpec, stage: Stage) -> declared.Asset:
    """The asset of one stage."""
    inputs = {name: dg.AssetIn(list(asset)) for name, asset in stage.inputs.items()}
    common: dict[str, Any] = {
        "key": list(stage.asset),
        "ins": inputs,
        "description": stage.description,
        "kinds": set(stage.kinds),
        "owners": list(spec.owners),
        "group_name": spec.name,
        "tags": {history.MODEL_TAG: spec.name, **_place(stage)},
        "code_version": code_version()[:12],
        "required_resource_keys": set(RESOURCES),
        "io_manager_key": "records",
        "pool": pools.pool_of(stage),
        "op_tags": pods.op_tags_of(spec, stage),
        "check_specs": checks.own_specs(spec, stage),
        "deps": [*retraining.parents(spec, stage), *repairing.parents(spec, stage)],
    }
    decorate = declared.asset(**common)
    if stage.name == "source":

        @decorate
        def _source(context: dg.AssetExecutionContext, config: SourceConfig) -> Iterator[object]:
            yield from _run(context, spec, stage, _order(context, spec, config), {})

        return _source
    if stage.name in {"release", "deployment"}:

        @decorate
        def _recorded(context: dg.AssetExecutionContext, config: LedgerConfig, **records: Record) -> Iterator[object]:
            yield from _run(context, spec, stage, Order(actor=config.actor, reason=config.reason), records)

        return _recorded

    @decorate
    def _asset(context: dg.AssetExecutionContext, **records: Record) -> Iterator[object]:
        yield from _run(context, spec, stage, Order(), records)

    return _asset


def _order(context: dg.AssetExecutionContext, spec: ModelSpec, config: SourceConfig) -> Order:
    """What a run is to build: as its form says, and what it has made for that itself."""
    return Order(
        commit=config.commit,
        candidate=config.candidate,
        hub=config.hub,
        training=config.training or retraining.challenger_of(context.instance, context.run, spec),
        repair=config.repair or repairing.repair_of(context.instance, context.run, spec),
    )


def _place(stage: Stage) -> dict[str, str]:
    """The tag of a stage that exists once per target or environment."""
    if len(stage.asset) < 3:  # noqa: PLR2004 - model and stage alone
        return {}
    return {"ascend/environment" if stage.name == "deployment" else "ascend/target": stage.asset[1]}


def _run(
    context: dg.AssetExecutionContext, spec: ModelSpec, stage: Stage, order: Order, records: Mapping[str, Record]
) -> Iterator[object]:
    """One step: reuse or make the record, and report it."""
    tell(StageEvent(stage.asset, "started"))
    begin = time.monotonic()
    try:
        pods.require(spec, stage)
        bench = tools_of(context.resources, partial(_say, context, stage))
        watch(bench.blobs.store, bench.say)
        if stage.name in _ON_TOOLCHAIN:
            context.log.info("toolchain: %s", bench.chosen)
        if stage.name == "release":
            guard.require(context.instance, spec, records["dossier"])
        if stage.name == "deployment":
            stays = guard.overtaken(context.instance, context.run, bench.ledger, stage.asset, records["release"])
            order = replace(order, stays=stays)
        key = stage.key(bench, records)
        record = _reusable(context.instance, bench, stage, key) if stage.reusable else None
        reused = record is not None
        if record is None:
            record = stage.make(bench, key, order, **records)
            reused = not stage.reusable and _unchanged(context.instance, stage, record)
    except CompileRefused as refusal:
        yield from _refused(context, spec, stage, refusal, records)
        tell(StageEvent(stage.asset, "failed", str(refusal), time.monotonic() - begin))
        raise dg.Failure(description=str(refusal), allow_retries=False) from refusal
    except Exception as error:
        tell(StageEvent(stage.asset, "failed", str(error), time.monotonic() - begin))
        raise
    seconds = time.monotonic() - begin
    candidate = _candidate(context, spec, record)
    tried = (
        {} if reused or not isinstance(record, OmRecord) else past.entry(bench, spec, stage, records["onnx"], record)
    )
    tell(StageEvent(stage.asset, "reused" if reused else "made", "", seconds))
    yield dg.MaterializeResult(
        value=record,
        data_version=dg.DataVersion(record.data_version),
        metadata={
            history.CANDIDATE: candidate,
            history.STAGE_KEY: record.key,
            history.DATA_VERSION: record.data_version,
            "reused": reused,
            "seconds": seconds,
            **shown.of_record(spec, bench, record, records),
        },
        check_results=checks.own_results(spec, stage, record, candidate, tried),
    )


def _say(context: dg.AssetExecutionContext, stage: Stage, text: str) -> None:
    """What a stage says goes to the run's log and to whoever watches."""
    context.log.info(text)
    tell(StageEvent(stage.asset, "says", text))


def _reusable(instance: dg.DagsterInstance, bench: Tools, stage: Stage, key: str) -> Record | None:
    """Earlier work of the same key, read back and verified; None where it must be done (again)."""
    for made in history.materialisations(instance, stage.asset):
        if made.stage_key != key:
            continue
        try:
            record = read_record(bench.blobs, made.record)
            for artefact in record.artefacts():
                bench.blobs.path(artefact)
        except (StoreError, UnreadableRecord) as error:
            tell(StageEvent(stage.asset, "says", f"not reused: {error}"))
            return None
        return record if record.key == key else None
    return None


def _unchanged(instance: dg.DagsterInstance, stage: Stage, record: Record) -> bool:
    made = history.latest(instance, stage.asset)
    return made is not None and made.record == record.digest


def _candidate(context: dg.AssetExecutionContext, spec: ModelSpec, record: Record) -> str:
    if isinstance(record, SourceRecord):
        # The run is named for its candidate as soon as that is known, so that a list of runs can be read.
        context.instance.add_run_tags(
            context.run.run_id, {history.CANDIDATE_TAG: record.candidate, history.MODEL_TAG: spec.name}
        )
        return record.candidate
    return history.candidate(context.instance, context.run.run_id, key_of(spec, "source"))


def _refused(
    context: dg.AssetExecutionContext,
    spec: ModelSpec,
    stage: Stage,
    refusal: CompileRefused,
    records: Mapping[str, Record],
) -> Iterator[object]:
    """The compiler's refusal as the conversion gate's verdict: there is no artefact to materialise."""
    candidate = history.candidate(context.instance, context.run.run_id, key_of(spec, "source"))
    tools = tools_of(context.resources)
    subject = records["onnx"].data_version
    verdict = conversion.refused(refusal, toolchain=tools.toolchain.describe(), subject=subject, target=stage.asset[1])
    said = RefusalRecord(
        key="",
        made_from={name: record.data_version for name, record in records.items()},
        target=stage.asset[1],
        diagnostics=refusal.diagnostics,
        log=refusal.log,
    )
    kept = {history.REFUSAL: write_record(tools.blobs, said)}
    entries = {**past.entry(tools, spec, stage, records["onnx"], refusal), **kept}
    yield checks.result(verdict, stage.asset, candidate, entries)
