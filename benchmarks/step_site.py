"""A code location of the benchmarks: the models of one folder, and the executor that the environment names.

Here belongs what the processes of steps and of code servers load. It is `ascend_assets.definitions` with another folder
and another executor, and without triggers where no step needs them. Not here: measuring.
"""

import os
from pathlib import Path

import dagster as dg

from ascend_assets import operator_jobs
from ascend_assets.cluster import executor
from ascend_assets.definitions import ModelFiles, build_repository, default_resources
from ascend_assets.fleet.repository import Fleet, FleetRepository
from benchmarks.load_one import FOLDER

EXECUTOR = "ASCEND_BENCHMARK_EXECUTOR"
"""Variable that names one of `EXECUTORS`; without it the location is the real one, with its triggers."""
EXECUTORS = {
    "in-process": dg.in_process_executor,
    "forkserver": dg.multiprocess_executor,
    "spawned": dg.multiprocess_executor,
    "pods": executor.k8s,
}


@dg.definitions  # type: ignore[arg-type] # it takes a repository, too
def defs() -> FleetRepository:
    """What Dagster loads."""
    folder = Path(os.environ[FOLDER])
    if EXECUTOR not in os.environ:
        return build_repository(folder)
    chosen = EXECUTORS[os.environ[EXECUTOR]]
    common = dg.Definitions(resources=default_resources(), jobs=operator_jobs.JOBS, executor=chosen)
    return FleetRepository(Fleet(ModelFiles(folder), common, lambda _: ()))
