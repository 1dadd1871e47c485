"""When a run of a commit changes: its state is told to the forge on which the repository lies.

Here belongs noticing changed runs, in their order, and patience with a forge that is down, denies us or has heard
enough. Not here: what is told (`ascend_assets/commit_states.py`) and how (`resources/forges/`). Off for a repository
whose settings have no `status`.

The cursor moves past a change only when the forge has heard of it. What it heard last of a commit and model is kept
for a while, so that nothing is said twice; saying it twice would do no harm.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import dagster as dg
from pydantic import BaseModel, ConfigDict, FiniteFloat

from ascend_assets import commit_states, cursors, policy_file
from ascend_assets.gates.wording import clipped, listing
from ascend_assets.policy_file import BadPolicy
from ascend_assets.triggers import CommitStatus, Repository, Triggers
from ascend_assets.trouble import Trouble
from resources.forges.errors import ForgeBusy, ForgeDenied, StatusRefused
from resources.forges.status import Forge, report

EVERY_SECONDS = 30
AT_MOST = 20
"""Statuses that one tick tells."""
SECONDS = 1.0
"""A tick begins no status after so long; the next goes on. What is begun ends in time: Dagster gives a tick 60 s."""
OVERLAP = 60.0
"""Seconds before the last change that are looked at again: clocks of machines differ, and so do transactions."""
FIRST_LOOK = 3600.0
"""How far back a first look goes, in seconds."""
DENIED_WAIT = 900.0
"""Seconds until a forge that denied us is asked again."""
BUSY_WAIT, LONGEST_BUSY_WAIT = 30.0, 900.0
"""Seconds until a forge that did not answer is asked again: doubled each time, up to the longest."""
_FEW, _MOST = 50, 2000


class _Cursor(BaseModel):
    """`since`: unix seconds of the last change that was handled. `not_before`: before then the forge is not asked.

    `told`: commit/model -> run and state last told, and when it changed; only of what is looked at again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: FiniteFloat | None = None
    told: dict[str, tuple[str, FiniteFloat]] = {}
    not_before: FiniteFloat = 0.0
    trouble: Trouble | None = None


@dataclass
class _Tick:
    """One look. `refused`: what the forge does not take, in words."""

    instance: dg.DagsterInstance
    trigger: str
    forge: Forge
    dagster_url: str
    since: float
    told: dict[str, tuple[str, float]]
    said: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def go(self, until: float) -> None:
        """Tell what changed, oldest first, until then (of `time.monotonic()`). Raises `ForgeBusy`, `ForgeDenied`."""
        for record in self._changed():
            if len(self.said) + len(self.refused) >= AT_MOST or time.monotonic() > until:
                return
            at = record.update_timestamp.timestamp()
            self._handle(record.dagster_run, at)
            self.since = max(self.since, at)

    def _changed(self) -> Iterator[dg.RunRecord]:
        """Few at first, for mostly there are few. Each look begins anew: runs created in one second have one time."""
        seen, wanted, begin = set[str](), _FEW, self.since - OVERLAP
        while True:
            found = commit_states.changed(self.instance, self.trigger, begin, wanted)
            fresh = [record for record in found if record.dagster_run.run_id not in seen]
            seen.update(record.dagster_run.run_id for record in fresh)
            yield from fresh
            if len(found) < wanted or wanted >= _MOST:
                return
            wanted = min(4 * wanted, _MOST)

    def _handle(self, run: dg.DagsterRun, at: float) -> None:
        """Tell how the run's commit does now, by its newest run, unless that was told."""
        key = _key(run)
        if key is None or self._knows(key, run):
            return
        commit, model = commit_states.pair(run) or ("", "")
        run = commit_states.newest(self.instance, self.trigger, commit, model) or run
        if self._knows(key, run):
            return
        told = commit_states.status(self.instance, run, _first_environment(), self.dagster_url)
        try:
            report(self.forge, told)
            self.said.append(f"{key}: {told.state}")
        except StatusRefused as error:
            self.refused.append(f"{key}: {error}")
        self.told[key] = (_mark(run), at)

    def _knows(self, key: str, run: dg.DagsterRun) -> bool:
        return self.told.get(key, ("", 0.0))[0] == _mark(run)

    def kept(self) -> dict[str, tuple[str, float]]:
        """What was told of changes that the next tick looks at again."""
        newest = sorted(self.told.items(), key=lambda one: one[1][1])[-_MOST:]
        return {key: (mark, at) for key, (mark, at) in newest if at >= self.since - OVERLAP}


def build(settings: Triggers) -> list[dg.SensorDefinition]:
    """One sensor for each repository that has `status`."""
    url = settings.notices.dagster_url or ""
    return [_build(one, one.status, url) for one in settings.repositories if one.status is not None]


def _build(repository: Repository, settings: CommitStatus, url: str) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"commit_status_{repository.name}",
        description=f"Tells {settings.forge} how the candidates of {repository.name}'s commits do.",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=EVERY_SECONDS,
    )
    def commit_status(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        """One tick: tell the forge what changed, or wait as long as it is in trouble."""
        cursor, now = cursors.read(_Cursor, context.cursor), _now()
        if cursor.not_before > now and cursor.trouble:
            wait = cursor.not_before - now
            return dg.SensorResult(
                skip_reason=f"{cursor.trouble.why}; tried again in {wait:.0f} s", cursor=context.cursor
            )
        since = now - FIRST_LOOK if cursor.since is None else min(cursor.since, now)
        forge = Forge(
            settings.forge,
            settings.project,
            settings.api or "",
            os.environ.get(settings.token_env, "") if settings.token_env else "",
            settings.token_env,
        )
        tick = _Tick(context.instance, f"commits_{repository.name}", forge, url, since, dict(cursor.told))
        trouble, not_before = None, 0.0
        try:
            tick.go(time.monotonic() + SECONDS)
        except (ForgeBusy, ForgeDenied) as error:
            trouble = Trouble.met(cursor.trouble, clipped(str(error)), now)
            not_before = now + _wait(error, trouble.times)
        following = _Cursor(since=tick.since, told=tick.kept(), not_before=not_before, trouble=trouble)
        return dg.SensorResult(skip_reason=_said(tick, trouble), cursor=following.model_dump_json())

    return commit_status


def _now() -> float:
    return time.time()


def _key(run: dg.DagsterRun) -> str | None:
    found = commit_states.pair(run)
    return f"{found[0][:12]}/{found[1]}" if found else None


def _mark(run: dg.DagsterRun) -> str:
    return f"{run.run_id[:8]} {commit_states.state(run)}"


def _first_environment() -> str:
    try:
        return policy_file.in_force().first.name
    except BadPolicy:
        return "the first environment"


def _wait(error: ForgeBusy | ForgeDenied, times: int) -> float:
    if isinstance(error, ForgeDenied):
        return DENIED_WAIT
    return error.wait or min(BUSY_WAIT * 2.0 ** min(times - 1, 10), LONGEST_BUSY_WAIT)


def _said(tick: _Tick, trouble: Trouble | None) -> str:
    said = [
        trouble.why if trouble else "",
        f"told {listing(tick.said)}" if tick.said else "",
        f"not taken: {listing(tick.refused)}" if tick.refused else "",
    ]
    return ". ".join(filter(None, said)) or "the forge knows how every commit does"
