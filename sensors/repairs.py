"""When a candidate was refused and may be repaired without a hand: one run of `<model>_repair` for each failed run.

Here belongs one tick: look at runs that failed since the last, oldest first, and ask for repairs. Not here: whether a
candidate is worth one (`ascend_assets/repair/due.py`), or repairing.

The cursor holds the place up to which failed runs were looked at; run keys and the tags of runs keep a lost cursor from
starting anything twice.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import BaseModel, ConfigDict

from ascend_assets import beside, cursors, graph, history, refusal
from ascend_assets.codec import UnreadableRecord
from ascend_assets.repair import due, repairing
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Tools
from ascend_assets.training import retraining
from ascend_assets.trouble import Trouble
from resources.configurable import AscendToolchain, Project, Warehouse
from resources.store.objects import StoreError
from sensors.jobs import Job

NAME = "repairs"
EVERY_SECONDS = 30
AT_MOST = 5
"""Repairs that one tick asks for."""
LOOKED_AT = 50
"""Failed runs that one tick reads of Dagster's records."""
SECONDS = 1.5
"""A tick looks at no further run after so long; the next goes on there."""
LOOK_BACK = timedelta(days=2)
"""Runs that failed before are not repaired: a daemon that stood still for so long must not surprise anybody."""
TRIES = 3
"""How often a run's evidence is asked for where it cannot be read; then the run is passed over, and named."""
_WILL_RETRY = "dagster/will_retry"
_MAX_SAID = 1500

Clock = Callable[[], datetime]


class _Cursor(BaseModel):
    """`after`: up to which moment, in unix seconds, failed runs were handled; `done`: those of that very moment.

    `tried`: the run at which the last tick stopped, and how often.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: float = 0.0
    done: tuple[str, ...] = ()
    tried: tuple[str, int] = ("", 0)
    trouble: Trouble | None = None


def build(
    specs: Sequence[ModelSpec], jobs: Mapping[str, Job], *, clock: Clock = lambda: datetime.now(UTC)
) -> list[dg.SensorDefinition]:
    """The sensor, if any model is repaired. `jobs`: every model's jobs by name."""
    wanted = {spec.name: spec for spec in specs if repairing.job_name(spec.name) in jobs}
    if not wanted:
        return []

    @dg.sensor(
        name=NAME,
        description=(
            "Has a candidate that a gate refused repaired, once, where defs.yaml does not say `repair: {automatic: "
            "false}`. What changes trained weights waits for a person."
        ),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=EVERY_SECONDS,
        jobs=[jobs[repairing.job_name(name)] for name in wanted],
    )
    def _repairs(
        context: dg.SensorEvaluationContext, store: Warehouse, toolchain: AscendToolchain, project: Project
    ) -> dg.SensorResult:
        """One tick."""
        tick = _Tick(context.instance, wanted, cursors.read(_Cursor, context.cursor), clock())
        tick.walk(lambda: graph.tools(store, toolchain, project), store)
        said = "; ".join(tick.told)[:_MAX_SAID]
        return dg.SensorResult(
            run_requests=tick.requests or None,
            skip_reason=None if tick.requests else said or "no candidate was refused since the last look",
            cursor=tick.cursor.model_dump_json(exclude_defaults=True),
        )

    return [_repairs]


@dataclass
class _Tick:
    """One look at failed runs, as many as time allows."""

    instance: dg.DagsterInstance
    wanted: Mapping[str, ModelSpec]
    cursor: _Cursor
    now: datetime
    requests: list[dg.RunRequest] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def walk(self, tools: Callable[[], Tools], store: Warehouse) -> None:
        """Handle one run after the other; the cursor follows."""
        begin = time.monotonic()
        opened: Tools | None = None
        for record in self._failed():
            if len(self.requests) >= AT_MOST or time.monotonic() - begin > SECONDS:
                return
            run = record.dagster_run
            objection = self._passed_over(record)
            if not objection:
                try:
                    opened = opened or tools()
                    objection = self._look(run, opened, store)
                except (StoreError, UnreadableRecord) as error:
                    if not self._give_up(run, error):
                        return
            if objection:
                self.told.append(f"run {run.run_id[:8]}: {objection}")
            self._handled(record)

    def _failed(self) -> Iterator[dg.RunRecord]:
        """Failed runs since the last that was handled, oldest first."""
        since = max(datetime.fromtimestamp(self.cursor.after, UTC), self.now - LOOK_BACK)
        # Dagster asks for those after a moment; two runs may share one.
        wanted = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since - timedelta(milliseconds=1))
        found = self.instance.get_run_records(wanted, limit=LOOKED_AT, order_by="update_timestamp", ascending=True)
        yield from (one for one in found if not self._is_handled(one))

    def _is_handled(self, record: dg.RunRecord) -> bool:
        at = record.update_timestamp.timestamp()
        return at < self.cursor.after or (at == self.cursor.after and record.dagster_run.run_id in self.cursor.done)

    def _handled(self, record: dg.RunRecord) -> None:
        at, run = record.update_timestamp.timestamp(), record.dagster_run.run_id
        done = (*self.cursor.done, run) if at == self.cursor.after else (run,)
        self.cursor = _Cursor(after=at, done=done)

    def _passed_over(self, record: dg.RunRecord) -> str:
        """Why a run is none of ours, from Dagster's records alone; empty where it has to be looked at."""
        run = record.dagster_run
        spec = self.wanted.get(run.tags.get(history.MODEL_TAG, ""))
        if spec is None or run.job_name not in {f"{spec.name}_candidate", retraining.job_name(spec.name)}:
            return "no candidate of a model that is loaded"
        if run.tags.get(history.STARTED_BY_TAG):
            return "a person watches it at a command line"
        if run.tags.get(_WILL_RETRY) == "true":
            return "it crashed and is begun anew"
        if not spec.repair.automatic:
            return f"{spec.name} is repaired by hand: its defs.yaml says so"
        if self._passed_since(spec, record):
            return "a newer candidate of the model has passed: nobody waits for this one"
        return ""

    def _passed_since(self, spec: ModelSpec, record: dg.RunRecord) -> bool:
        """Whether a candidate was built after this one, and let pass."""
        jobs = {f"{spec.name}_candidate", retraining.job_name(spec.name), repairing.job_name(spec.name)}
        passed = dg.RunsFilter(
            tags={history.MODEL_TAG: spec.name},
            statuses=[dg.DagsterRunStatus.SUCCESS],
            created_after=record.create_timestamp,
        )
        return any(run.job_name in jobs for run in self.instance.get_runs(passed, limit=LOOKED_AT))

    def _look(self, run: dg.DagsterRun, tools: Tools, store: Warehouse) -> str:
        """Ask for a repair, or say why there is none. Raises `StoreError`, `UnreadableRecord`."""
        spec = self.wanted[run.tags[history.MODEL_TAG]]
        left = refusal.left_by(self.instance, spec, tools, store, run.run_id)
        objection = due.objection(left)
        if objection:
            return objection
        if self.instance.get_runs(dg.RunsFilter(tags={repairing.OF_TAG: run.run_id}), limit=1):
            return "it is repaired, or was tried to be"
        self.requests.append(_request(spec, run, tuple(verdict.criterion for verdict in left.refused)))
        return ""

    def _give_up(self, run: dg.DagsterRun, error: Exception) -> bool:
        """Whether a run whose evidence cannot be read is passed over; else the next tick tries it again."""
        before = self.cursor.tried[1] if self.cursor.tried[0] == run.run_id else 0
        said = f"run {run.run_id[:8]} cannot be read: {error}"
        self.told.append(said)
        if before + 1 >= TRIES and isinstance(error, UnreadableRecord):
            return True
        trouble = Trouble.met(self.cursor.trouble, said, self.now.timestamp())
        self.cursor = self.cursor.model_copy(update={"tried": (run.run_id, before + 1), "trouble": trouble})
        return False


def _request(spec: ModelSpec, run: dg.DagsterRun, refused: tuple[str, ...]) -> dg.RunRequest:
    candidate = run.tags.get(history.CANDIDATE_TAG, "")
    reason = f"repair of {candidate}, refused for {', '.join(dict.fromkeys(refused))}"[:500]
    return dg.RunRequest(
        run_key=f"{NAME}:{run.run_id}",
        job_name=repairing.job_name(spec.name),
        run_config=beside.config_before_the_walk(spec.name, repairing.STAGE, {"run": run.run_id}, reason),
        tags={
            history.TRIGGER_TAG: NAME,
            history.WHY_TAG: "refused",
            repairing.OF_TAG: run.run_id,
            # So that who hears of a commit hears of its repair; a candidate's other tags name the one that failed.
            **{tag: run.tags[tag] for tag in (history.REF_TAG,) if tag in run.tags},
        },
    )
