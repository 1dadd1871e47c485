"""Dagster's launcher of runs on one machine, which also notices that a run's process is gone.

Here belongs that question alone. Dagster's own launcher cannot answer it: after a power cut, or once the kernel has
killed the code server for memory, a run counts as going on for ever, and with a limit of one run per model nothing of
that model is ever built again. `deploy/*/dagster.yaml` name this class; `run_monitoring` there asks it, and
`run_retries` gives such a run its other try. Not here: slots of pools (`pools.py`).
"""

import os
import time
from pathlib import Path

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

_SLACK_SECONDS = 10.0
"""How far apart the clocks of two files in /proc and of Dagster's log may be."""


class WatchedRunLauncher(DefaultRunLauncher):
    """`DefaultRunLauncher`, for a code server that is on the daemon's machine."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Dagster asks this before it asks for a run's health."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """`FAILED` where the process that began the run is not there any more; `RUNNING` where nobody can say so."""
        if GRPC_INFO_TAG not in run.tags:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "it is the command line's")
        started = self._instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_START)
        first = next((event for event in started if event.dagster_event and event.dagster_event.pid), None)
        if first is None or first.dagster_event is None or first.dagster_event.pid is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "it does not say which process it is")
        pid = first.dagster_event.pid
        if is_there(pid, since=first.timestamp):
            return CheckRunHealthResult(WorkerStatus.RUNNING, f"process {pid} is there")
        return CheckRunHealthResult(WorkerStatus.FAILED, f"its process {pid} was killed, or this machine was")


def is_there(pid: int, since: float, proc: Path = Path("/proc")) -> bool:
    """Whether a process that was there at a time (seconds since 1970) still is.

    Where the kernel tells when a process began (`/proc/PID/stat` and `/proc/uptime`, proc(5)), one that took the number
    later is not taken for it.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    began = _began(pid, proc)
    return began is None or began <= since + _SLACK_SECONDS


def _began(pid: int, proc: Path) -> float | None:
    """When a process began, in seconds since 1970; None where nobody says."""
    try:
        stat = (proc / str(pid) / "stat").read_text(errors="replace")
        uptime = float((proc / "uptime").read_text().split()[0])
        # Field 22, in clock ticks since boot; the program's name, field 2, may hold blanks and brackets.
        ticks = int(stat.rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")
