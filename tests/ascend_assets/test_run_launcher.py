"""A run whose process is gone is noticed; one that goes on, or of which nobody can say, is left alone."""

import os
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.launcher import DefaultRunLauncher, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.test_utils import create_run_for_test

from ascend_assets.run_launcher import WatchedRunLauncher, is_there
from resources.home import PROJECT

BY_DAEMON = {GRPC_INFO_TAG: '{"host": "localhost", "socket": "/tmp/one"}'}


def begun(instance: dg.DagsterInstance, pid: int | None, tags: dict[str, str]) -> dg.DagsterRun:
    """A run that said, from that process, that it began."""
    run = create_run_for_test(instance, tags=tags, status=dg.DagsterRunStatus.STARTING)
    if pid is not None:
        event = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, run.job_name, pid=pid)
        instance.report_dagster_event(event, run.run_id)
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found


def health(instance: dg.DagsterInstance, run: dg.DagsterRun) -> WorkerStatus:
    launcher = WatchedRunLauncher()
    launcher.register_instance(instance)
    assert launcher.supports_check_run_worker_health
    return launcher.check_run_worker_health(run).status


def gone() -> int:
    """The number of a process that has been."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


@pytest.mark.parametrize(
    ("pid", "tags", "status"),
    [
        (os.getpid(), BY_DAEMON, WorkerStatus.RUNNING),
        (-1, BY_DAEMON, WorkerStatus.FAILED),
        (None, BY_DAEMON, WorkerStatus.RUNNING),
        (-1, {}, WorkerStatus.RUNNING),
    ],
    ids=["goes-on", "killed", "says-nothing", "command-line"],
)
def test_a_run_is_over_when_its_process_is_gone(pid: int | None, tags: dict[str, str], status: WorkerStatus) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert health(instance, begun(instance, gone() if pid == -1 else pid, tags)) == status


def test_who_took_the_number_of_a_dead_process_is_not_taken_for_it() -> None:
    me = os.getpid()
    assert is_there(me, since=time.time())
    assert not is_there(me, since=time.time() - 10 * 365 * 86400), "this process began after that"


def test_a_kernel_that_does_not_tell_when_a_process_began_is_believed_that_it_is_there(tmp_path: Path) -> None:
    assert is_there(os.getpid(), since=0.0, proc=tmp_path)
    (tmp_path / str(os.getpid())).mkdir()
    (tmp_path / str(os.getpid()) / "stat").write_text("1 (odd) name) R 1")
    (tmp_path / "uptime").write_text("12.5 3.0\n")
    assert is_there(os.getpid(), since=0.0, proc=tmp_path)
    assert not is_there(gone(), since=time.time(), proc=tmp_path)


def test_another_users_process_is_there() -> None:
    assert is_there(1, since=time.time())


@pytest.mark.parametrize("profile", ["cann", "local"])
def test_the_profiles_use_it_and_ask(profile: str) -> None:
    settings = yaml.safe_load((PROJECT / "deploy" / profile / "dagster.yaml").read_text())
    launcher = settings["run_launcher"]
    assert (launcher["module"], launcher["class"]) == (WatchedRunLauncher.__module__, WatchedRunLauncher.__name__)
    assert issubclass(WatchedRunLauncher, DefaultRunLauncher)
    assert settings["run_monitoring"]["enabled"]
