"""One side of one size of `load_models.py`: `python -m benchmarks.load_one SIDE FOLDER ANSWER`, a process of its own.

Here belong the clocks around Dagster's calls. Its figures go into the file ANSWER, as JSON: seconds of the processor,
but where `wall` or `seconds` says otherwise. A code server writes to the output what it likes.
"""

import json
import os
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

FLEET = "fleet"
PLAIN = "plain"
JOB = "job"
SERVED = "served"
FOLDER = "ASCEND_BENCHMARK_DEFS"
"""Variable that tells a code server's process where the models are (`step_site.py`)."""

Figures = dict[str, float]


def repository(side: str, folder: Path) -> Any:  # noqa: ANN401 - Dagster's repository, imported when the clock runs
    """The repository, as one side makes it."""
    from ascend_assets.definitions import build_defs, build_repository

    return build_repository(folder) if side == FLEET else build_defs(folder=folder).get_repository_def()


def everything(side: str, folder: Path) -> Figures:
    """Loading all, as a code server does."""
    imported = _imported()
    from dagster._core.remote_representation.external_data import RepositorySnap
    from dagster._serdes import serialize_value

    begin, wall = time.process_time(), time.perf_counter()
    made = repository(side, folder)
    made.load_all_definitions()
    defined = time.process_time()
    snap = RepositorySnap.from_def(made, defer_snapshots=True)
    seen, wall_end = time.process_time(), time.perf_counter()
    text = serialize_value(snap)
    return {
        "imported": imported,
        "defined": defined - begin,
        "snapshot": seen - defined,
        "serialised": time.process_time() - seen,
        "wall": wall_end - wall,
        "size": len(text.encode()),
        "memory_mib": _mib(resource.RUSAGE_SELF),
        "assets": len(snap.asset_nodes),
    }


def one_job(side: str, folder: Path) -> Figures:
    """What the process of a step pays for the job of its run."""
    _imported()
    name = min(path.name for path in folder.iterdir())
    begin = time.process_time()
    repository(side, folder).get_maybe_subset_job_def(f"{name}_candidate")
    return {"one_job": time.process_time() - begin}


def served(folder: Path) -> Figures:
    """A code server from its start until a client has all of the location, in seconds of the wall."""
    _imported()
    import dagster as dg
    from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

    from resources.home import PROJECT, prepare

    target = LoadableTargetOrigin(
        executable_path=sys.executable, module_name="benchmarks.step_site", working_directory=str(PROJECT)
    )
    origin = ManagedGrpcPythonEnvCodeLocationOrigin(target, "ascend")
    with tempfile.TemporaryDirectory(prefix="ascend-served-") as state:
        os.environ |= {FOLDER: str(folder), "ASCEND_STATE": state, "DAGSTER_HOME": f"{state}/dagster"}
        prepare()
        with dg.DagsterInstance.get() as instance:
            begin = time.perf_counter()
            with origin.create_single_location(instance) as location:
                (found,) = location.get_repositories().values()
                seconds = time.perf_counter() - begin
                jobs = len(found.get_all_jobs())
                memory = _largest_child_mib()
    return {"seconds": seconds, "jobs": jobs, "memory_mib": memory}


def _imported() -> float:
    """Processor seconds from the start of the process until Dagster and this project are there."""
    from ascend_assets import definitions

    return time.process_time() if definitions else 0.0


def _mib(who: int) -> float:
    """The most memory that a process has had; Linux counts it in KiB (getrusage(2))."""
    return resource.getrusage(who).ru_maxrss / 1024


def _largest_child_mib() -> float:
    """Resident memory of the largest process below this one, while it runs (proc(5))."""
    parent, found = str(os.getpid()), []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        if fields["PPid"].strip() == parent and "VmRSS" in fields:
            found.append(float(fields["VmRSS"].split()[0]) / 1024)
    return max(found, default=0.0)


def main(side: str, folder: Path, answer: Path) -> None:
    """Write one side's figures."""
    warnings.filterwarnings("ignore", module=r"dagster(\..*)?")
    if side == SERVED:
        found = served(folder)
    elif side.endswith(f"-{JOB}"):
        found = one_job(side.removesuffix(f"-{JOB}"), folder)
    else:
        found = everything(side, folder)
    answer.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
