"""Deployments as Dagster assets: `[model, environment, deployment]`, and three checks on each.

Here belong their specs, their checks, and a ledger entry as a materialisation. Nothing is deployed by a click: what
stands in a ledger is shown. The first environment's asset is made by the candidate's own run (`graph.py`); the others
are materialised by the jobs `promote` and `rollback` and by the sensor `deployed`. Not here: looking
(`operations/standing.py`).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)

from ascend_assets import declared, graph, history, markdown, shown
from ascend_assets.cluster import pods
from ascend_assets.codec import write_record
from ascend_assets.environments import Environment
from ascend_assets.operations import standing
from ascend_assets.operations.standing import ANSWERS, Answer
from ascend_assets.policy_file import in_force
from ascend_assets.records import DeploymentRecord
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import AssetKey, Tools
from ascend_assets.walk import key_of
from resources.registry.ledger import Entry, LedgerBroken

STAGE = "deployment"
ENVIRONMENT_TAG = "ascend/environment"


def key(model: str, environment: str) -> AssetKey:
    """The asset of a model, or a bundle, in an environment."""
    return (model, environment, STAGE)


def is_deployment(asset: AssetKey) -> bool:
    """Whether an asset is a deployment."""
    return len(asset) == len(key("", "")) and asset[-1] == STAGE


def build_specs(spec: ModelSpec) -> list[dg.AssetSpec]:
    """The deployments that no run makes: one per environment after the first, each after the one before."""
    environments = in_force()
    return [
        dg.AssetSpec(
            list(key(spec.name, environment.name)),
            deps=[list(key(spec.name, environments.names[place]))],
            description=_description(spec.name, environment, environments.names[place]),
            # All are named `deployment`; in the lineage this tells one from the other.
            kinds={environment.name},
            owners=list(spec.owners),
            group_name=spec.name,
            tags={history.MODEL_TAG: spec.name, ENVIRONMENT_TAG: environment.name},
        )
        for place, environment in enumerate(environments.all[1:])
    ]


def build_checks(spec: ModelSpec) -> list[declared.Checks]:
    """One step per environment, whose checks a reviewer may evaluate at any time. None of them blocks a run."""
    return [_checks(spec, name) for name in in_force().names]


def check_keys(model: str, environment: str) -> tuple[dg.AssetCheckKey, ...]:
    """The checks of one deployment."""
    return tuple(dg.AssetCheckKey(dg.AssetKey(list(key(model, environment))), name) for name in ANSWERS)


def materialisation(tools: Tools, entry: Entry) -> dg.AssetMaterialization:
    """A ledger's move as Dagster shows it. Its record is stored, as a candidate's run does. Raises `StoreError`."""
    record = DeploymentRecord(
        key=entry.digest,
        made_from={"release": entry.release_digest},
        model=entry.model,
        environment=entry.environment,
        version=entry.version,
        release_digest=entry.release_digest,
        sequence=entry.sequence,
        entry_digest=entry.digest,
    )
    return dg.AssetMaterialization(
        asset_key=list(key(entry.model, entry.environment)),
        description=f"{entry.kind} of {entry.version} by {entry.actor}: {entry.reason}"[:500],
        metadata={
            **shown.of_entry(tools, entry),
            history.RECORD: write_record(tools.blobs, record),
            history.STAGE_KEY: record.key,
            history.DATA_VERSION: record.data_version,
        },
    )


def shows(instance: dg.DagsterInstance, asset: AssetKey, entry: Entry) -> bool:
    """Whether an asset last said what that entry says."""
    newest = history.newest(instance, asset)
    return newest is not None and newest.data_version == entry.digest


def look(tools: Tools, model: str, environment: str) -> tuple[str, tuple[Answer, ...]]:
    """The mark and the answers; of a ledger that cannot be believed they say so. Raises `StoreError`."""
    try:
        found = standing.look(tools, model, environment)
    except LedgerBroken as error:
        return broken_mark(error), standing.unreadable(str(error))
    return found.mark, standing.answers(found)


def broken_mark(error: LedgerBroken) -> str:
    """What stands for the mark of a ledger that cannot be believed."""
    return f"broken: {error.key}: {error.why}"


def evaluations(
    asset: AssetKey, mark: str, answers: tuple[Answer, ...], target: Target | None
) -> Iterator[dg.AssetCheckEvaluation]:
    """Answers as evaluations outside a check's own step. `target`: the materialisation that they are about."""
    for answer in answers:
        yield dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(list(asset)),
            check_name=answer.name,
            passed=answer.met,
            metadata=_entries(answer, mark),
            target_materialization_data=target,
            severity=_severity(answer),
            description=answer.why,
            blocking=False,
        )


def _checks(spec: ModelSpec, environment: str) -> declared.Checks:
    asset = key_of(spec, STAGE, environment)

    @declared.checks(
        name="__".join((*asset, "standing")),
        specs=[dg.AssetCheckSpec(name, asset=list(asset), description=said) for name, said in ANSWERS.items()],
        required_resource_keys=set(graph.RESOURCES),
        op_tags=pods.op_tags_of_judging(),
        can_subset=True,
        description=f"Says how {spec.name} stands in {environment}: what is live, and what waits to be promoted.",
    )
    def _look(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        mark, answers = look(graph.tools_of(context.resources), spec.name, environment)
        wanted = {selected.name for selected in context.selected_asset_check_keys}
        for answer in answers:
            if answer.name in wanted:
                yield dg.AssetCheckResult(
                    passed=answer.met,
                    asset_key=list(asset),
                    check_name=answer.name,
                    severity=_severity(answer),
                    description=answer.why,
                    metadata=_entries(answer, mark),
                )

    return _look


def _severity(answer: Answer) -> dg.AssetCheckSeverity:
    """Only what is live can be broken; what is missing for the next release is a thing to know."""
    return dg.AssetCheckSeverity.ERROR if answer.broken else dg.AssetCheckSeverity.WARN


def _entries(answer: Answer, mark: str) -> dict[str, Any]:
    told: dict[str, Any] = {history.MARK: dg.MetadataValue.text(mark)}
    if answer.live:
        told["live"] = dg.MetadataValue.md(markdown.requirements(answer.live))
    if answer.waiting:
        told["waiting"] = dg.MetadataValue.md(markdown.requirements(answer.waiting))
    return told


def _description(model: str, environment: Environment, before: str) -> str:
    asks = environment.approvals.required
    signed = f"{asks} {'person' if asks == 1 else 'people'} must sign (job `approve`). " if asks else ""
    return (
        f"What the ledger of {environment.name} says is deployed there. It comes from {before} by a decision, not by a "
        f"click. {signed}Promote with the job `promote`, or:\n\n"
        f"    ascend promote {model} --to {environment.name} --reason WHY\n\n"
        "The checks say what is live, what waits, and what is missing; evaluate them at any time."
    )
