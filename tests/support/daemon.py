"""The real Dagster daemon over a checkout: what starts runs by itself where this project is installed.

Here belong starting and ending it with all that it starts, waiting for what it does, and reading what it did from
Dagster's own records. Nothing is read from its log; the log is shown where a test fails. Nothing here is specific to
one trigger.
"""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from unittest import mock

import dagster as dg
import postgres
import pytest
from dagster._core.scheduler.instigation import InstigatorTick
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES as FINISHED,
)
from sandbox import Checkout

from ascend_assets.history import STARTED_BY_TAG
from resources import supervisor
from resources.home import PROJECT
from resources.registry.ledger import Entry, Ledger
from resources.registry.releases import Registry, Release
from resources.store.blobs import BlobStore
from resources.store.folder import FolderStore

PATIENCE = 240.0
"""Seconds until a wait counts as a hang: CI is slower than any machine that this was written on."""
_LOOK = 0.5
_END_SECONDS = 30.0
_LOG_LINES = 60
_PROGRAM = (str(Path(sys.executable).with_name("dagster-daemon")), "run", "-w", "workspace.yaml")
_WAITING = {dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING}
_INTO_LOG = ("/bin/sh", "-c", 'echo $$ > "$0"; exec "$@"')
"""The daemon's process id is known to the file that is named first."""

Found = TypeVar("Found")


@dataclass
class Daemon:
    """A daemon of one checkout, which can be ended and started again. `env`: variables beside a checkout's own."""

    checkout: Checkout
    instance: dg.DagsterInstance
    env: Mapping[str, str] = field(default_factory=dict)
    _running: "_Running | None" = None

    @property
    def home(self) -> Path:
        return self.checkout.root / ".ascend" / "dagster"

    @property
    def log(self) -> Path:
        return self.home / "daemon.log"

    def start(self) -> None:
        """Start it; it ends when the test's process does, in whatever way."""
        assert self._running is None, "it runs already"
        self._running = _Running.start(self.checkout.root, self.checkout.env(self.env), self.log)

    def kill(self) -> None:
        """End it as a power cut does: the daemon, its code server and the runs, all at once, with signal 9."""
        if self._running is not None:
            self._running.kill()
        self._running = None

    def stop(self) -> None:
        """End it as Ctrl-C does, and by force whatever that leaves."""
        if self._running is not None:
            self._running.interrupt()
        self.kill()

    def wait_for(
        self, what: str, look: Callable[[], Found | None], *, seconds: float = PATIENCE, every: float = _LOOK
    ) -> Found:
        """What `look` gives, as soon as it gives something. Fails with the daemon's records after `seconds`."""
        end = time.monotonic() + seconds
        while not (found := look()):
            if self._running is None or not self._running.alive():
                pytest.fail(f"the daemon ended before {what}\n{self.story()}", pytrace=False)
            if time.monotonic() > end:
                pytest.fail(f"not within {seconds:g} s: {what}\n{self.story()}", pytrace=False)
            time.sleep(every)
        return found

    def runs(self, job: str = "", **tags: str) -> list[dg.DagsterRun]:
        """Runs, oldest first. `tags`: `trigger` for `ascend/trigger`, and so on."""
        named = {f"ascend/{name}": value for name, value in tags.items()}
        return list(self.instance.get_runs(dg.RunsFilter(job_name=job or None, tags=named), ascending=True))

    def ended(self, job: str = "", **tags: str) -> list[dg.DagsterRun]:
        """Those that are over."""
        return [run for run in self.runs(job, **tags) if run.is_finished]

    def idle(self) -> bool:
        """Whether no run waits or goes on."""
        return all(run.is_finished for run in self.runs())

    def times(self, run: dg.DagsterRun) -> tuple[float, float]:
        """When a run began and ended, in seconds since 1970."""
        record = self.instance.get_run_record_by_id(run.run_id)
        assert record is not None
        assert record.start_time is not None, f"{run.run_id} never began"
        return record.start_time, record.end_time or float("inf")

    def ticks(self, sensor: str, limit: int = 20) -> list[InstigatorTick]:
        """The newest ticks of a sensor that are over, newest first. One that goes on has perhaps seen nothing yet."""
        mine = (tick for tick in self._ticks(limit) if tick.tick_data.instigator_name == sensor)
        return [tick for tick in mine if tick.is_completed]

    def check(self, asset: str, name: str) -> dg.AssetCheckEvaluation | None:
        """The latest answer of a check; those that runs in the queue will give do not count."""
        key = dg.AssetCheckKey(dg.AssetKey(asset.split("/")), name)
        storage = self.instance.event_log_storage
        records = storage.get_asset_check_execution_history(key, limit=1, status=FINISHED)
        event = records[0].event.dagster_event if records and records[0].event else None
        found = event.event_specific_data if event else None
        return found if isinstance(found, dg.AssetCheckEvaluation) else None

    def materialised(self, asset: str) -> dg.AssetMaterialization | None:
        """The newest materialisation of an asset."""
        event = self.instance.get_latest_materialization_event(dg.AssetKey(asset.split("/")))
        return event.asset_materialization if event else None

    def live(self, model: str, environment: str = "dev") -> Entry | None:
        """What an environment's ledger says is live, whatever Dagster says."""
        return Ledger(self._store()).live(environment, model)

    def released(self, model: str, environment: str = "dev") -> Release:
        """The release that is live, of which there has to be one."""
        entry = self.live(model, environment)
        assert entry is not None, f"nothing of {model} is live in {environment}"
        return Registry(self._store()).get(model, entry.version)

    def assert_one_at_a_time(self, model: str) -> None:
        """No two runs of a model went on at once; the command line's are part of those that called it.

        One that still waits in the queue is not at it.
        """
        mine = (run for run in self.runs(model=model) if STARTED_BY_TAG not in run.tags)
        spans = sorted(self.times(run) for run in mine if run.status not in _WAITING)
        for (_, ended), (began, _) in itertools.pairwise(spans):
            assert ended <= began, f"two runs of {model} at once: {spans}"

    def story(self) -> str:
        """What happened, for whoever reads a failed test."""
        runs = [f"  {_in_words(self.instance, run)}" for run in self.runs()]
        ticks = [f"  {_tick_in_words(tick)}" for tick in reversed(self._ticks(40))]
        log = _last_lines(self.log)
        # What matters most stands last: of a long message CI keeps the end.
        return "\n".join([f"end of {self.log}:", log, "ticks:", *ticks, "runs:", *runs])

    def _store(self) -> BlobStore:
        return FolderStore(self.checkout.root / ".ascend" / "store")

    def _ticks(self, limit: int) -> list[InstigatorTick]:
        states = self.instance.all_instigator_state()
        found = [t for s in states for t in self.instance.get_ticks(s.instigator_origin_id, s.selector_id, limit=limit)]
        return sorted(found, key=lambda tick: tick.timestamp, reverse=True)


@dataclass
class _Running:
    """The process. `_lifeline`: closing it ends everything below the supervisor."""

    process: "subprocess.Popen[bytes]"
    pid_file: Path
    lifeline: int

    @classmethod
    def start(cls, folder: Path, env: Mapping[str, str], log: Path) -> "_Running":
        pid_file = log.with_name("daemon.pid")
        pid_file.unlink(missing_ok=True)
        read, lifeline = os.pipe()
        # A handler becomes the default in the child; tests that run in the background would hand on an ignored Ctrl-C.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with log.open("ab") as output, Path(os.devnull).open("wb") as report:
                process = subprocess.Popen(
                    [
                        *(sys.executable, "-I", "-S", supervisor.__file__, str(read), str(report.fileno()), "0"),
                        *(*_INTO_LOG, str(pid_file), *_PROGRAM),
                    ],
                    cwd=folder,
                    env=dict(env),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=(read, report.fileno()),
                    start_new_session=True,
                )
        finally:
            signal.signal(signal.SIGINT, before)
            os.close(read)
        return cls(process, pid_file, lifeline)

    def alive(self) -> bool:
        return self.process.poll() is None

    def interrupt(self) -> None:
        if self.alive() and self.pid_file.exists():
            os.kill(int(self.pid_file.read_text()), signal.SIGINT)
            try:
                self.process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                return  # `kill` comes next

    def kill(self) -> None:
        os.close(self.lifeline)
        try:
            self.process.wait(_END_SECONDS)
        finally:
            self.process.kill()


@contextmanager
def daemon_of(checkout: Checkout, **env: str) -> Iterator[Daemon]:
    """A daemon that is not started yet, with Dagster's settings as `ascend init` makes them, ended whatever happens."""
    home = checkout.root / ".ascend" / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    shipped = (PROJECT / "deploy" / "local" / "dagster.yaml").read_text()
    (home / "dagster.yaml").write_text(postgres.settings(shipped))
    with ExitStack() as stack:
        # dagster.yaml names the folder by this variable.
        with mock.patch.dict(os.environ, {"DAGSTER_HOME": str(home)}):
            instance = stack.enter_context(dg.DagsterInstance.from_config(str(home)))
        daemon = Daemon(checkout, instance, env)
        stack.callback(daemon.kill)
        yield daemon
        daemon.stop()


def _last_lines(log: Path) -> str:
    """The end of the log without what stands in Dagster's own records as well: every event of every run."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else ["there is none"]
    return "\n".join([line for line in lines if " - dagster - DEBUG - " not in line][-_LOG_LINES:])


def _in_words(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    said = f"{run.run_id[:8]} {run.status.value:9} {run.job_name} {_tags(run.tags)}"
    if run.status != dg.DagsterRunStatus.FAILURE:
        return said
    failures = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    why = [event.dagster_event.step_failure_data for event in failures if event.dagster_event]
    errors = [str(data.error.message).strip()[:500] for data in why if data.error]
    return f"{said}\n    {errors or 'no step failed'}"


def _tags(tags: Mapping[str, str]) -> str:
    shown = ("ascend/", "dagster/run_key", "dagster/sensor_name", "dagster/parent_run_id")
    return " ".join(f"{name}={value}" for name, value in sorted(tags.items()) if name.startswith(shown))


def _tick_in_words(tick: InstigatorTick) -> str:
    said = tick.error.message.strip()[:800] if tick.error else tick.skip_reason or f"runs {list(tick.run_ids)}"
    at = time.strftime("%H:%M:%S", time.gmtime(tick.timestamp))
    return f"{at} {tick.tick_data.instigator_name} {tick.status.value}: {said}"
