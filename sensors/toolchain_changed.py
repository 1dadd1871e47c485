"""When the toolchain is another one than the one that compiled a model: after an upgrade of CANN, above all.

Here belongs asking, every few minutes, whether what each om asset holds is of the toolchain in force, answering the
check `current`, and asking for rebuilds where `ASCEND_REBUILD_STALE` is 1: one run per model and toolchain, of the
files that are checked out; like any candidate's it goes to the first environment and no further. Not here: the
judgement (`ascend_assets/operations/stale.py`).

What was answered stands in the event log, so that nothing is repeated; the cursor only says where to go on.
"""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from ascend_assets import freshness, graph, history
from ascend_assets.gates.wording import listing
from ascend_assets.operations import stale
from ascend_assets.operations.stale import Freshness
from ascend_assets.stage import AssetKey, Tools
from resources.ascend.toolchain import ToolchainError, ToolchainIdentity
from resources.configurable import AscendToolchain, Project, Warehouse
from resources.home import in_cluster
from resources.store.objects import StoreError
from sensors.jobs import Job
from sensors.turns import beginning_with

SWITCH = "ASCEND_REBUILD_STALE"
"""Set to 1 where the daemon runs, to have stale models built again. Anything else, and unset: they are only shown."""
AT_MOST = 100
"""Compiled models that one tick answers for."""
SECONDS = 1.5
"""A tick begins nothing more after so long: with a thousand models one goes on where the one before stopped."""
EVERY_SECONDS = 300

_IN_A_CLUSTER = (
    "in profile k8s the toolchain in force is that of each step's image, and not here: the check `current` runs there, "
    "in every candidate's run and whenever somebody evaluates it"
)


@dataclass
class _Tick:
    """One look. `answers`: evaluations to report. `judged`: what was found stale or not, of what was looked at."""

    instance: dg.DagsterInstance
    tools: Tools
    now: ToolchainIdentity
    answers: list[dg.AssetCheckEvaluation] = field(default_factory=list)
    judged: list[Freshness] = field(default_factory=list)

    def look(self, asset: AssetKey) -> None:
        """Answer for one compiled model, unless the same answer stands there."""
        made = freshness.newest(self.instance, asset)
        if made is None:
            return
        given = history.check(self.instance, asset, freshness.NAME)
        if given is not None and given.passed and self._is_about(given, made):
            return
        one = freshness.held(self.tools, asset, made)
        if one.compiled is not None:
            self.judged.append(stale.judge(one.compiled, self.now))
        if given is None or not self._is_about(given, made):
            self.answers.append(freshness.evaluation(asset, one, self.now))

    def _is_about(self, given: history.Checked, made: history.Made) -> bool:
        return given.mark == stale.mark(made.record, self.now) and given.about in {None, made.storage_id}


def build(jobs: Sequence[Job]) -> dg.SensorDefinition:
    """The sensor. `jobs`: every model's candidate job, which it may ask for."""

    @dg.sensor(
        name="toolchain_changed",
        description=(
            "Says of every compiled model whether the toolchain in force compiled it (check `current`). "
            f"With {SWITCH}=1 in the daemon's environment it also has stale models built again, once per toolchain."
        ),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=EVERY_SECONDS,
        jobs=list(jobs) or None,
    )
    def toolchain_changed(
        context: dg.SensorEvaluationContext, store: Warehouse, toolchain: AscendToolchain, project: Project
    ) -> dg.SensorResult:
        """One tick: look at so many compiled models as time allows, answer, and ask for what is switched on."""
        if in_cluster():
            return dg.SensorResult(skip_reason=_IN_A_CLUSTER, cursor=context.cursor)
        try:
            tools = graph.tools(store, toolchain, project)
            tick = _Tick(context.instance, tools, tools.toolchain.describe())
        except (ToolchainError, StoreError) as error:
            return dg.SensorResult(skip_reason=f"nobody can say what is stale: {error}", cursor=context.cursor)
        following = _walk(tick, beginning_with(context.cursor or "", _oms(context), "/".join))
        requests = _requests(tick, {job.name for job in jobs}, os.environ)
        return dg.SensorResult(
            asset_events=list(tick.answers),
            run_requests=requests or None,
            skip_reason=None if requests else _said(tick, following),
            cursor=following,
        )

    return toolchain_changed


def _requests(tick: _Tick, jobs: Iterable[str], environ: Mapping[str, str]) -> list[dg.RunRequest]:
    """A candidate of every model that needs one. Dagster starts no two runs of one key."""
    if environ.get(SWITCH, "").strip() != "1":
        return []
    known = set(jobs)
    tags = {history.TRIGGER_TAG: "toolchain_changed", history.WHY_TAG: "toolchain"}
    return [
        dg.RunRequest(run_key=f"{model} {stale.mark('', tick.now)}", job_name=f"{model}_candidate", tags=tags)
        for model in stale.to_rebuild(tick.judged)
        if f"{model}_candidate" in known
    ]


def _walk(tick: _Tick, assets: list[AssetKey]) -> str:
    """Look at the assets in turn; the name of the one to begin with next time, empty where all were looked at."""
    begin = time.monotonic()
    for asset in assets:
        if len(tick.answers) >= AT_MOST or time.monotonic() - begin > SECONDS:
            return "/".join(asset)
        tick.look(asset)
    return ""


def _oms(context: dg.SensorEvaluationContext) -> list[AssetKey]:
    """Every compiled model that this code location has, in the order of their names."""
    if context.repository_def is None:
        raise dg.DagsterInvariantViolationError("this sensor asks the code location which compiled models there are")
    keys = (tuple(key.path) for key in context.repository_def.asset_graph.get_all_asset_keys())
    return sorted((key for key in keys if freshness.is_om(key)), key="/".join)


def _said(tick: _Tick, following: str) -> str:
    names = [f"{one.compiled.model}/{one.compiled.target}: {one.state}" for one in tick.judged if not one]
    if names:
        return listing(names)
    which = f"every compiled model up to here (the next tick begins with {following})" if following else ""
    return f"{which or 'every compiled model'} is of {tick.now.name} {tick.now.version}"
