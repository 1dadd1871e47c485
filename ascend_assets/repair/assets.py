"""The repair of refused candidates in Dagster: the asset `repair`, its blocking check, and the job `<model>_repair`.

Here belong these three, thin over `candidates.py`. Not here: when a repair starts (`sensors/repairs.py`), or its words
(`telling.py`).
"""

import time
from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from ascend_assets import beside, declared, graph, history, refusal
from ascend_assets.cluster import pods
from ascend_assets.declared import Parts
from ascend_assets.records import Record
from ascend_assets.refusal import Left
from ascend_assets.repair import candidates, repairing, telling
from ascend_assets.repair.candidate_records import RepairRecord
from ascend_assets.repair.candidates import Asked, NothingToRepair
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Tools, code_version
from ascend_assets.walk import key_of
from resources.digests import canonical_json, sha256_bytes

_CHECK = (
    "Every target passes the gates of the first environment with remedies that need no person, or that a person has "
    "accepted. It blocks: what was not repaired becomes no candidate."
)


class RepairConfig(dg.Config):
    """What is repaired."""

    run: str = Field(
        default="", description="The run whose candidate was refused: its whole id. Empty: the newest such run."
    )
    accept: bool = Field(
        default=False,
        description="Also take remedies that change weights or rest on what nobody stated: you answer for them.",
    )
    actor: str = Field(default="", description="Who you are. Needed with `accept`: it stands in the record for good.")


def definitions(spec: ModelSpec) -> Parts:
    """Asset, check and job of every model."""
    description = (
        f"Find out why a candidate of {spec.name} was refused, repair it within bounds, and carry what then passes "
        "every gate to the first environment."
    )
    job = beside.job_before_the_walk(spec, repairing.job_name(spec.name), repairing.key_of(spec.name), description)
    return Parts((_asset(spec),), (_check(spec),), (job,))


def _asset(spec: ModelSpec) -> declared.Asset:
    @beside.asset(
        spec,
        repairing.STAGE,
        description="Why a candidate was refused, what was tried, and the smallest change with which it passes.",
        kinds={"onnx"},
        group_name=f"{spec.name}_repair",
    )
    def _repair(context: dg.AssetExecutionContext, config: RepairConfig) -> Iterator[object]:
        tools = graph.tools_of(context.resources, context.log.info)
        context.log.info("toolchain: %s", tools.chosen)
        begin = time.monotonic()
        run = config.run or _newest(context.instance, spec, context.run.run_id)
        left = refusal.left_by(context.instance, spec, tools, context.resources.store, run)
        asked = Asked(run, _person(config))
        record = candidates.make(tools, _key(spec, tools, asked, left), asked, left, spec=spec)
        context.instance.add_run_tags(context.run.run_id, {repairing.OF_TAG: run})
        shown = {history.CANDIDATE: record.failed, "seconds": time.monotonic() - begin, **telling.entries(record)}
        yield beside.materialised(record, shown)

    return _repair


def _check(spec: ModelSpec) -> declared.Check:
    @declared.check(
        asset=list(repairing.key_of(spec.name)),
        name=repairing.CHECK,
        blocking=True,
        op_tags=pods.op_tags_of_judging(),
        description=_CHECK,
    )
    def _repaired(record: Record) -> dg.AssetCheckResult:
        if not isinstance(record, RepairRecord):
            raise TypeError("repair holds a record of another stage: make it again")
        return dg.AssetCheckResult(
            passed=record.repaired,
            severity=dg.AssetCheckSeverity.ERROR,
            description=telling.sentence(record),
            metadata=telling.entries(record),
        )

    return _repaired


def _newest(instance: dg.DagsterInstance, spec: ModelSpec, this: str) -> str:
    """The newest failed run of the model that has a candidate. Raises `NothingToRepair`."""
    failed = dg.RunsFilter(tags={history.MODEL_TAG: spec.name}, statuses=[dg.DagsterRunStatus.FAILURE])
    for run in instance.get_runs(failed, limit=20):
        if run.run_id == this or run.job_name == repairing.job_name(spec.name):
            continue
        made = history.latest(instance, key_of(spec, "source"), run.run_id)
        if made is not None and made.run_id == run.run_id:
            return run.run_id
    raise NothingToRepair(f"no run of {spec.name} with a candidate has failed lately: name one in `run`")


def _person(config: RepairConfig) -> str:
    """Who accepts what needs a person; empty where nobody does. Raises `NothingToRepair`."""
    if config.accept and not config.actor.strip():
        raise NothingToRepair("`accept: true` needs `actor`: who answers for a change of trained weights")
    return config.actor.strip()[:200] if config.accept else ""


def _key(spec: ModelSpec, tools: Tools, asked: Asked, left: Left) -> str:
    identity = {
        "stage": repairing.STAGE,
        "options": spec.model_dump(mode="json"),
        "made_from": {name: record.digest for name, record in left.records.items()},
        "accepted_by": asked.accepted_by,
        "toolchain": tools.toolchain.describe().model_dump(mode="json"),
        "code": code_version(),
    }
    return sha256_bytes(canonical_json(identity))
