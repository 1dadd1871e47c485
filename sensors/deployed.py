"""What somebody did elsewhere, shown here: the command line and other machines write ledgers and tell Dagster nothing.

Here belongs comparing ledgers with what the deployment assets last said, and reporting what is missing: a
materialisation of what is live, and the answers of its checks. Not here: what they say
(`ascend_assets/deployments.py`).

What was reported stands in the event log, so that a crash between two reports repeats none of them. The cursor only
saves looking there: it holds a short mark of what was reported of each model, and where the next tick begins. Two marks
that are the same by chance would leave a model's checks as they were until its ledgers or the policy change once more;
what is live is compared without it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Self

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)
from pydantic import BaseModel, ConfigDict, StringConstraints

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
"""Reports that one tick makes, or one more: each reads and loads what is live."""
SECONDS = 1.5
"""A tick begins nothing more after so long: with a thousand models one goes on where the one before stopped."""
OWN_RUN = timedelta(minutes=10)
"""For so long a run of the model may itself be about to report what it appended."""

_RUNNING = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


_UNKNOWN = "." * cursors.MARK


class _Cursor(BaseModel):
    """`models`: a mark of their names. `seen`: for each of them, in the order of their names, its mark, or dots."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: str = ""
    seen: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]*$")] = ""
    following: str = ""

    @classmethod
    def of(cls, models: Sequence[str], marks: Mapping[str, str], following: str) -> Self:
        """The cursor of those models. Names stand in it once, as one mark: they would be most of it."""
        seen = "".join(marks.get(model, _UNKNOWN) for model in models)
        return cls(models=cursors.mark(*models), seen=seen, following=following)

    def marks(self, models: Sequence[str]) -> dict[str, str]:
        """Model -> its mark. None of any where it is about other models: all are looked at anew."""
        if self.models != cursors.mark(*models) or len(self.seen) != len(models) * cursors.MARK:
            return {}
        each = (self.seen[at : at + cursors.MARK] for at in range(0, len(self.seen), cursors.MARK))
        return {model: mark for model, mark in zip(models, each, strict=True) if mark != _UNKNOWN}


@dataclass(frozen=True)
class _Deployment:
    """What the ledgers say of a deployment now, and what its asset shows."""

    asset: AssetKey
    now: Glance
    shown: history.Newest | None

    @property
    def missing(self) -> bool:
        """Whether the asset shows something else than what is live."""
        return self.now.live is not None and (self.shown is None or self.shown.data_version != self.now.live.digest)


@dataclass
class _Tick:
    """One look at the deployments. `seen`: model -> the mark of what was reported. `told`: what was, in words.

    `doubtful`: assets that show a deployment of which the store knows nothing.
    """

    instance: dg.DagsterInstance
    tools: Tools
    seen: dict[str, str]
    told: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)

    def look(self, model: str, assets: Sequence[AssetKey], until: float) -> bool:
        """Report on a model's deployments whose ledgers say something else than their assets. Raises `StoreError`.

        Whether all of them were looked at: no report is begun after others at `until` (of `time.monotonic()`).
        """
        found = [self._glance(asset) for asset in assets]
        mark = cursors.mark(*(f"{'/'.join(one.asset)} {one.now.mark}" for one in found))
        if self.seen.get(model) == mark and not any(one.missing for one in found):
            return True
        settled = True
        for one in found:
            # A tick that has told nothing goes on, however late it is: else a slow store would hold it here for ever.
            if self.told and (len(self.told) >= AT_MOST or time.monotonic() > until):
                return False
            settled = self._report(one) and settled
        if settled:
            self.seen[model] = mark
        return True

    def _glance(self, asset: AssetKey) -> _Deployment:
        """What there is to compare; of a ledger that cannot be believed, that."""
        model, environment, _ = asset
        shown = history.newest(self.instance, asset)
        try:
            now = standing.glance(self.tools, model, environment)
            if now.live is None and shown is not None and shown.data_version:
                self.doubtful.append("/".join(asset))
        except LedgerBroken as error:
            now = Glance(deployments.broken_mark(error), None, empty=False)
        return _Deployment(asset, now, shown)

    def _report(self, found: _Deployment) -> bool:
        """Report what is missing of a deployment; False where a run is about to do so itself."""
        live, shown = found.now.live, found.shown
        if live is not None and found.missing:
            if self._reports_itself(found.asset[0], live):
                return False
            self.instance.report_runless_asset_event(deployments.materialisation(self.tools, live))
            self.told.append(str(live))
            shown = history.newest(self.instance, found.asset)
        if not found.now.empty:
            self._answer(found.asset, found.now.mark, shown)
        return True

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
    models = list(wanted)
    seen = cursor.marks(models)
    told: list[str] = []
    doubtful: list[str] = []
    following, trouble = cursor.following, ""
    try:
        tick = _Tick(context.instance, graph.tools(store, toolchain, project), seen, told, doubtful)
        following = _walk(tick, beginning_with(following, models), wanted)
    except StoreError as error:
        trouble = f"the store cannot be used, so nobody knows what is live: {error}"
    said = [trouble, f"reported: {'; '.join(told)}" if told else "", _doubt(doubtful)]
    return dg.SensorResult(
        cursor=_Cursor.of(models, seen, following).model_dump_json(),
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


def _walk(tick: _Tick, models: Sequence[str], of: Mapping[str, Sequence[AssetKey]]) -> str:
    """Look at the models in turn; the one to begin with next time, empty where all were looked at."""
    until = time.monotonic() + SECONDS
    for model in models:
        if len(tick.told) >= AT_MOST or time.monotonic() > until or not tick.look(model, of[model], until):
            return model
    return ""


def _deployments(context: dg.SensorEvaluationContext) -> dict[str, list[AssetKey]]:
    """Every deployment that this code location has, by model, in the order of their names."""
    if context.repository_def is None:
        raise dg.DagsterInvariantViolationError("this sensor asks the code location which deployments there are")
    keys = (tuple(key.path) for key in context.repository_def.asset_graph.get_all_asset_keys())
    found: dict[str, list[AssetKey]] = {}
    for key in sorted(key for key in keys if deployments.is_deployment(key)):
        found.setdefault(key[0], []).append(key)
    return found
