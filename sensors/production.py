"""When production has written something new, or its metrics are due: each model is looked at, by its own clock.

Here belongs asking, every minute, which models' time has come and what lies in their folders. Not here: whether that
makes a look due (`ascend_assets/production/due.py`), or the look itself (`<model>_production`).
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
from pydantic import BaseModel, ConfigDict

from ascend_assets import cursors, history
from ascend_assets.gates.wording import listing
from ascend_assets.production import assets, due
from ascend_assets.production.due import Looked, Seen
from ascend_assets.spec import ModelSpec
from ascend_assets.trouble import Trouble
from resources.production.files import fingerprint, look
from resources.production.metrics_files import METRICS
from resources.production.samples import FEEDBACK, SAMPLES
from sensors.jobs import Job
from sensors.turns import beginning_with

NAME = "production"
EVERY_SECONDS = 60
SECONDS = 1.0
"""Of wall time: a tick begins nothing more after so long; the next one goes on."""
AT_MOST = 25
"""Looks that one tick asks for."""
MOST_FILES = 20_000
"""Names that a tick reads in one of a model's folders."""


class Cursor(BaseModel):
    """`looks`: model -> the last look that was asked for. `following`: the model to begin with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    looks: dict[str, Looked] = {}
    following: str = ""
    trouble: Trouble | None = None


@dataclass
class _Tick:
    """One tick's finds. `said`: why models are not looked at, where that is worth a word."""

    instance: dg.DagsterInstance
    now: float
    has_prometheus: bool
    looks: dict[str, Looked]
    requests: list[dg.RunRequest] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def model(self, spec: ModelSpec) -> None:
        """Ask for a look at a model, if one is due."""
        looked = self.looks.get(spec.name)
        if spec.production is None or not due.is_time(looked, spec.production.every_minutes, self.now):
            return
        job = f"{spec.name}_{assets.JOB}"
        if self.instance.get_runs(dg.RunsFilter(job_name=job, statuses=history.UNFINISHED), limit=1):
            self.said.append(f"{spec.name}: a look goes on")
            return
        try:
            seen = self._seen(spec, job)
        except OSError as error:
            self.troubles.append(f"{spec.name}: its folder cannot be read ({error.strerror or error})")
            return
        reason = due.why(looked, seen)
        if reason is None:
            self.said.append(f"{spec.name}: {'nothing new' if seen.any_files else 'nothing was ever written'}")
            return
        following = due.next_look(looked, seen, reason, self.now)
        self.looks[spec.name] = following
        self.requests.append(_request(spec, job, seen.files, following, reason))

    def _seen(self, spec: ModelSpec, job: str) -> Seen:
        folder = assets.folder_of(spec)
        listings = [look(folder / name, ".parquet", most=MOST_FILES) for name in (SAMPLES, FEEDBACK)]
        files = [file for found in listings for file in found.files]
        mark = fingerprint(files)
        if not all(found.whole for found in listings):
            # What is beyond the bound may have changed: every time counts as new.
            self.said.append(f"{spec.name}: more than {MOST_FILES} files, remove old ones")
            mark = f"{mark}-{self.now:.0f}"
        metrics = self.has_prometheus or bool(look(folder / METRICS, ".json", most=100).files)
        last = next(iter(self.instance.get_runs(dg.RunsFilter(job_name=job), limit=1)), None)
        failed = last is not None and last.status == dg.DagsterRunStatus.FAILURE
        return Seen(files=mark, any_files=bool(files), metrics=metrics, failed=failed)


def build(
    specs: Sequence[ModelSpec],
    jobs: Mapping[str, Job],
    *,
    has_prometheus: bool,
    clock: Callable[[], float] = time.time,
) -> dg.SensorDefinition:
    """The sensor. `jobs`: every model's jobs by name. `clock`: unix seconds."""
    watched = sorted((spec for spec in specs if spec.production is not None), key=lambda spec: spec.name)
    own = [job for name, job in jobs.items() if name in {f"{spec.name}_{assets.JOB}" for spec in watched}]

    @dg.sensor(
        name=NAME,
        description="Has a model's production looked at when samples or feedback came, or its metrics are due.",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=EVERY_SECONDS,
        jobs=own or None,
    )
    def production(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        """One tick: as many models as time allows."""
        # Where it cannot be read every model is looked at once.
        cursor, now = cursors.read(Cursor, context.cursor), clock()
        looks = {spec.name: cursor.looks[spec.name] for spec in watched if spec.name in cursor.looks}
        tick = _Tick(context.instance, now, has_prometheus, looks)
        following = _walk(tick, beginning_with(cursor.following, watched, lambda spec: spec.name))
        trouble = Trouble.met(cursor.trouble, listing(tick.troubles), now) if tick.troubles else None
        left = Cursor(looks=tick.looks, following=following, trouble=trouble)
        return dg.SensorResult(
            run_requests=tick.requests or None,
            skip_reason=None if tick.requests else _said(tick, watched),
            cursor=left.model_dump_json(),
        )

    return production


def _walk(tick: _Tick, specs: Iterable[ModelSpec]) -> str:
    """Look at the models in turn; the name of the one to begin with next time, empty where all were looked at."""
    begin = time.monotonic()
    for spec in specs:
        if len(tick.requests) >= AT_MOST or time.monotonic() - begin > SECONDS:
            return spec.name
        tick.model(spec)
    return ""


def _request(spec: ModelSpec, job: str, files: str, following: Looked, reason: due.Why) -> dg.RunRequest:
    # A metrics' look has no other cause than its time.
    cause = f"{files[:16]}-{following.at}" if reason == "metrics" else files[:80]
    return dg.RunRequest(
        run_key=f"{NAME}:{spec.name}:{cause}:{following.attempt}",
        job_name=job,
        tags={history.TRIGGER_TAG: NAME, history.WHY_TAG: reason},
    )


def _said(tick: _Tick, watched: Sequence[ModelSpec]) -> str:
    if not watched:
        return "no model says anything of production in its defs.yaml"
    return listing([*tick.troubles, *tick.said]) or "no model's time has come"
