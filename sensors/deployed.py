"""What somebody did elsewhere, shown here: the command line and other machines write ledgers and tell Dagster nothing.

Here belongs comparing ledgers with what the deployment assets last said, and reporting what is missing: a
materialisation of what is live, and the answers of its checks. Not here: what they say
(`ascend_assets/deployments.py`).

What was reported stands in the event log, so that a crash between two reports repeats none of them. The cursor only
saves looking: it holds, per deployment, the mark that was last reported, and where the next tick begins.
"""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)
from pydantic import BaseModel, ConfigDict

from ascend_assets import cursors, deployments, graph, history
from ascend_assets.gates.wording import listing
from ascend_assets.operations import standing
from ascend_assets.operations.standing import Glance
from ascend_assets.stage import AssetKey, Tools
from resources.configurable import AscendToolchain, Project, Warehouse
from resources.registry.ledger import Entry, LedgerBroken
from resources.store.objects import StoreError
from sensors.turns import beginning_with

AT_MOST = 10
"""Deployments that one tick reports on: each reads and loads what is live."""
SECONDS = 1.5
"""A tick begins nothing more after so long: with a thousand models one goes on where the one before stopped."""
OWN_RUN = timedelta(minutes=10)
"""For so long a run of the model may itself be about to report what it appended."""

_RUNNING = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


class _Cursor(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    seen: dict[str, str] = {}
    following: str = ""


@dataclass
class _Tick:
    """One look at the deployments. `seen`: asset -> the mark that was reported. `told`: what was, in words.

    `doubtful`: assets that show a deployment of which the store knows nothing.
    """

    instance: dg.DagsterInstance
    tools: Tools
    seen: dict[str, str]
    told: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)

    def look(self, asset: AssetKey) -> None:
        """Report on a deployment whose ledger says something else than its asset. Raises `StoreError`."""
        model, environment, _ = asset
        shown = history.newest(self.instance, asset)
        name = "/".join(asset)
        try:
            now = standing.glance(self.tools, model, environment)
            if now.live is None and shown is not None and shown.data_version:
                self.doubtful.append(name)
        except LedgerBroken as error:
            now = Glance(deployments.broken_mark(error), None, empty=False)
        missing = now.live is not None and (shown is None or shown.data_version != now.live.digest)
        if now.empty or (self.seen.get(name) == now.mark and not missing):
            return
        if now.live is not None and missing:
            if self._reports_itself(model, now.live):
                return
            self.instance.report_runless_asset_event(deployments.materialisation(self.tools, now.live))
            self.told.append(str(now.live))
            shown = history.newest(self.instance, asset)
        self._answer(asset, now.mark, shown)
        self.seen[name] = now.mark

    def _reports_itself(self, model: str, live: Entry) -> bool:
        """Whether a run of the model goes on that may have appended this entry, and not yet said so."""
        if datetime.now(UTC) - live.at > OWN_RUN:
            return False
        own = dg.RunsFilter(tags={history.MODEL_TAG: model}, statuses=_RUNNING)
        return bool(self.instance.get_runs(own, limit=1))

    def _answer(self, asset: AssetKey, mark: str, shown: history.Newest | None) -> None:
        """Report the checks' answers, unless they stand there: a run gave them, or a tick that did not end well."""
        model, environment, _ = asset
        given = [history.check(self.instance, asset, name) for name in standing.ANSWERS]
        about = {None, shown.storage_id if shown else None}
        if all(check is not None and check.mark == mark and check.about in about for check in given):
            return
        target = Target(storage_id=shown.storage_id, run_id=shown.run_id, timestamp=shown.timestamp) if shown else None
        found, answers = deployments.look(self.tools, model, environment)
        for evaluation in deployments.evaluations(asset, found, answers, target):
            self.instance.report_runless_asset_event(evaluation)
        unmet = [answer.name for answer in answers if not answer.met]
        self.told.append(f"{model} in {environment}: {', '.join(unmet) + ' not met' if unmet else 'all is well'}")


@dg.sensor(
    name="deployed",
    description="Shows what the command line or another machine deployed, and how each model stands where.",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
)
def deployed(
    context: dg.SensorEvaluationContext, store: Warehouse, toolchain: AscendToolchain, project: Project
) -> dg.SensorResult:
    """One tick: look at so many deployments as time allows, and say what was reported."""
    cursor = cursors.read(_Cursor, context.cursor)
    wanted = _deployments(context)
    seen = {name: mark for name, mark in cursor.seen.items() if tuple(name.split("/")) in wanted}
    told: list[str] = []
    doubtful: list[str] = []
    following, trouble = cursor.following, ""
    try:
        tick = _Tick(context.instance, graph.tools(store, toolchain, project), seen, told, doubtful)
        following = _walk(tick, beginning_with(following, wanted, "/".join))
    except StoreError as error:
        trouble = f"the store cannot be used, so nobody knows what is live: {error}"
    said = [trouble, f"reported: {'; '.join(told)}" if told else "", _doubt(doubtful)]
    return dg.SensorResult(
        cursor=_Cursor(seen=seen, following=following).model_dump_json(),
        skip_reason=". ".join(filter(None, said)) or _well(following),
    )


def _well(following: str) -> str:
    if following:
        return f"every deployment up to here shows what its ledger says; the next tick begins with {following}"
    return "every deployment shows what its ledger says"


def _doubt(doubtful: list[str]) -> str:
    """A folder that is not mounted is an empty store: that everything is gone is told, not taken for a new start."""
    if not doubtful:
        return ""
    return f"{listing(doubtful)} show what this store's ledgers know nothing of: is it the right store?"


def _walk(tick: _Tick, assets: list[AssetKey]) -> str:
    """Look at the deployments in turn; the name of the one to begin with next time, empty where all were looked at."""
    begin = time.monotonic()
    for asset in assets:
        if len(tick.told) >= AT_MOST or time.monotonic() - begin > SECONDS:
            return "/".join(asset)
        tick.look(asset)
    return ""


def _deployments(context: dg.SensorEvaluationContext) -> list[AssetKey]:
    """Every deployment that this code location has, in the order of their names."""
    if context.repository_def is None:
        raise dg.DagsterInvariantViolationError("this sensor asks the code location which deployments there are")
    keys = (tuple(key.path) for key in context.repository_def.asset_graph.get_all_asset_keys())
    return sorted((key for key in keys if deployments.is_deployment(key)), key="/".join)
