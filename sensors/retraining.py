"""When a model is to be trained again: its schedule, drift, fallen accuracy, or new labelled samples.

Here belongs one tick over all models that say `retraining`: read the newest looks, decide, ask for runs of
`<model>_retrain`. Not here: the decision (`ascend_assets/training/due.py`), or training.

One mechanism for all four reasons, so that the cool-down and "one at a time" hold for all of them. The cursor holds
each schedule's last moment that was handled; which evidence was answered stands in the tags of the runs, so that a lost
cursor starts nothing twice. What the newest records said is kept in the process and read anew by the next one: records
never change, and Dagster would store all of it with each tick.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg
from pydantic import BaseModel, ConfigDict

from ascend_assets import beside, cursors, history
from ascend_assets.spec import ModelSpec
from ascend_assets.spec_production import Retraining
from ascend_assets.stage import AssetKey
from ascend_assets.training import due, facts, retraining, schedule
from ascend_assets.training.due import Cause, Due, Wait
from ascend_assets.training.facts import Seen
from ascend_assets.trouble import Trouble
from resources.configurable import Warehouse
from resources.store.blobs import Blobs
from resources.store.objects import StoreError
from sensors.jobs import Job
from sensors.turns import beginning_with

NAME = "retraining"
EVERY_SECONDS = 60
SECONDS = 1.5
"""A tick looks at no further model after so long; the next goes on there."""
_MAX_SAID = 1500

Clock = Callable[[], datetime]


class Part(BaseModel):
    """A part of the cursor."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OfModel(Part):
    """Of one model: `moment` is the last of its schedule's that was handled, or the first seen."""

    schedule: str = ""
    moment: datetime | None = None


class Cursor(Part):
    """`models`: those with a schedule. `following`: the model to begin with; empty for the first."""

    models: dict[str, OfModel] = {}
    following: str = ""
    trouble: Trouble | None = None


def build(
    specs: Sequence[ModelSpec], jobs: Mapping[str, Job], *, clock: Clock = lambda: datetime.now(UTC)
) -> list[dg.SensorDefinition]:
    """The sensor, if any model is trained again. `jobs`: every model's jobs by name."""
    wanted = {spec.name: spec for spec in sorted(specs, key=lambda s: s.name) if spec.retraining}
    own = [jobs[retraining.job_name(name)] for name in wanted if retraining.job_name(name) in jobs]
    if not own:
        return []
    seen: dict[str, Seen] = {}

    @dg.sensor(
        name=NAME,
        description=(
            "Trains a model again: by its schedule, when production drifts, when accuracy falls, or when enough new "
            "labelled samples have come; one run of a model at a time, and none within its cool-down."
        ),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=EVERY_SECONDS,
        jobs=own,
    )
    def _retraining(context: dg.SensorEvaluationContext, store: Warehouse) -> dg.SensorResult:
        """One tick."""
        tick = _Tick(context.instance, store, wanted, seen, read(context.cursor), clock())
        tick.walk()
        said = ". ".join(tick.told)[:_MAX_SAID]
        return dg.SensorResult(
            run_requests=tick.requests or None,
            skip_reason=None if tick.requests else said or "no model is to be trained again",
            cursor=tick.cursor().model_dump_json(exclude_defaults=True),
        )

    return [_retraining]


class _Tick:
    """One look at the models, as many as time allows. `seen`: what is known of records; it is added to."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        store: Warehouse,
        wanted: Mapping[str, ModelSpec],
        seen: dict[str, Seen],
        before: Cursor,
        now: datetime,
    ) -> None:
        self.instance = instance
        self.store = store
        self.wanted = wanted
        self.seen = seen
        self.before = before
        self.now = now
        self.models = {name: one for name, one in before.models.items() if name in wanted}
        self.following = ""
        self.trouble: str = ""
        self.requests: list[dg.RunRequest] = []
        self.told: list[str] = []

    def walk(self) -> None:
        """Look at one model after the other."""
        begin = time.monotonic()
        try:
            blobs, newest = self.store.blobs(), facts.newest_records(self.instance, self.wanted)
            for name in beginning_with(self.before.following, self.wanted):
                if time.monotonic() - begin > SECONDS:
                    self.following = name
                    break
                self._look(self.wanted[name], blobs, newest)
        except StoreError as error:
            self.trouble = f"the store cannot be read, so nothing is decided: {error}"
            self.told.append(self.trouble)

    def cursor(self) -> Cursor:
        """What the next tick goes on from."""
        trouble = Trouble.met(self.before.trouble, self.trouble, self.now.timestamp()) if self.trouble else None
        scheduled = {name: one for name, one in self.models.items() if one != OfModel()}
        return Cursor(models=scheduled, following=self.following, trouble=trouble)

    def _look(self, spec: ModelSpec, blobs: Blobs, newest: Mapping[AssetKey, str]) -> None:
        wanted, known = spec.retraining, self.models.get(spec.name, OfModel())
        if wanted is None:
            return
        known = self._scheduled(wanted, known)
        self.models[spec.name] = known
        moment = _waiting(wanted, known, self.now)
        seen = self.seen[spec.name] = facts.look(blobs, self.seen.get(spec.name, Seen()), spec.name, newest)
        found = seen.facts(moment)
        if not due.causes(wanted, found):
            return
        decision = due.decide(wanted, found, facts.past(self.instance, spec.name), self.now)
        if isinstance(decision, Due):
            self.requests.append(_request(spec, decision.cause))
        elif isinstance(decision, Wait):
            self.told.append(f"{spec.name}: {decision.said}")
        if moment and (isinstance(decision, Due) or (isinstance(decision, Wait) and decision.over)):
            # Whatever the reason, the model is trained now: a moment of its schedule that waited is handled by that.
            self.models[spec.name] = known.model_copy(update={"moment": moment})

    def _scheduled(self, wanted: Retraining, known: OfModel) -> OfModel:
        """A schedule that is new, or another one, begins now: what it would have started before is not made up for."""
        if wanted.schedule == known.schedule:
            return known
        moment = schedule.last_moment(wanted.schedule, self.now) if wanted.schedule else None
        return known.model_copy(update={"schedule": wanted.schedule, "moment": moment})


def read(text: str | None) -> Cursor:
    """The cursor; what another version wrote counts for nothing, and schedules begin anew."""
    return cursors.read(Cursor, text)


def _waiting(wanted: Retraining, known: OfModel, now: datetime) -> datetime | None:
    """The schedule's last moment, where that is not handled."""
    if not wanted.schedule:
        return None
    moment = schedule.last_moment(wanted.schedule, now)
    return moment if known.moment is None or moment > known.moment else None


def _request(spec: ModelSpec, cause: Cause) -> dg.RunRequest:
    reason = f"continuous training: {cause.said}"
    return dg.RunRequest(
        run_key=f"{NAME}:{spec.name}:{cause.evidence}",
        job_name=retraining.job_name(spec.name),
        run_config=beside.config_before_the_walk(spec.name, retraining.STAGE, {"why": cause.why}, reason),
        tags={
            history.TRIGGER_TAG: NAME,
            history.WHY_TAG: cause.why,
            retraining.EVIDENCE_TAG: cause.evidence,
        },
    )
