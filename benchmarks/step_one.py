"""One way of `step_overhead.py`, in a process of its own: `python -m benchmarks.step_one WAY MODEL FOLDER ANSWER`.

Here belong running one candidate that way, and reading from Dagster's records when its steps began. Figures go into the
file ANSWER, as JSON.
"""

import json
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import yaml
from dagster._core.definitions.reconstruct import ReconstructableRepository

from benchmarks import checkouts
from benchmarks.load_one import FOLDER
from benchmarks.step_site import EXECUTOR
from resources.home import PROJECT, prepare

if TYPE_CHECKING:
    from collections.abc import Mapping

IMAGE = "registry.test/step:1"
_CLUSTER = {"name": "bench", "runtime": "mounts", "images": {"cann": {"8.0.0": IMAGE}}}
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_PROCESSES: "Mapping[str, dict[str, Any]]" = {
    "forkserver": {"max_concurrent": 1, "start_method": {"forkserver": {}}},
    "spawned": {"max_concurrent": 1, "start_method": {"spawn": {}}},
    "pods": {"max_concurrent": 1},
}


@contextmanager
def shim(folder: Path) -> Iterator[None]:
    """A test API server, by whose kubeconfig Dagster's settings make it launch pods."""
    sys.path.append(str(PROJECT / "tests" / "support"))
    from kube_shim import Node, running_shim

    (folder / "cluster.yaml").write_text(yaml.safe_dump(_CLUSTER), encoding="utf-8")
    os.environ["ASCEND_CLUSTER"] = str(folder / "cluster.yaml")
    ours = {name: value for name, value in os.environ.items() if name.startswith(("ASCEND_", "DAGSTER_"))}
    env = {**ours, "PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
    with running_shim(folder / "shim", [Node("one", {"cpu": "8"})], env=env) as running:
        settings = Path(os.environ["DAGSTER_HOME"]) / "dagster.yaml"
        told = yaml.safe_load(settings.read_text(encoding="utf-8"))
        told["run_launcher"] = {
            "module": "dagster_k8s",
            "class": "K8sRunLauncher",
            "config": {
                "service_account_name": "default",
                "instance_config_map": "dagster-instance",
                "dagster_home": os.environ["DAGSTER_HOME"],
                "kubeconfig_file": str(running.kubeconfig),
                "load_incluster_config": False,
                "image_pull_policy": "IfNotPresent",
                "job_image": IMAGE,
            },
        }
        told.pop("run_monitoring", None)
        settings.write_text(yaml.safe_dump(told), encoding="utf-8")
        yield


def candidate(model: str, way: str) -> dict[str, Any]:
    """One candidate, and how long it took. Raises `RuntimeError` where it failed."""
    site = ReconstructableRepository.for_module("benchmarks.step_site", "defs", str(PROJECT))
    config = {**_QUIET, **({"execution": {"config": _PROCESSES[way]}} if way in _PROCESSES else {})}
    job = site.get_reconstructable_job(f"{model}_candidate")
    with dg.DagsterInstance.get() as instance:
        begin = time.perf_counter()
        with dg.execute_job(job, instance, run_config=config) as result:
            seconds = time.perf_counter() - begin
            if not result.success:
                failures = [event for event in result.all_events if event.is_failure]
                raise RuntimeError("\n".join(str(event.event_specific_data or event.message) for event in failures))
            return {"run": seconds, **figures(instance, result.run_id)}


def figures(instance: dg.DagsterInstance, run_id: str) -> dict[str, Any]:
    """Of a run: its steps, seconds of its stages' own work, and seconds from deciding on a step until it began."""
    asked: dict[str, float] = {}
    began: dict[str, float] = {}
    work = 0.0
    for record in instance.all_logs(run_id):
        event = record.dagster_event
        if event is None or event.step_key is None:
            continue
        if event.event_type == dg.DagsterEventType.STEP_WORKER_STARTING:
            asked.setdefault(event.step_key, record.timestamp)
        elif event.event_type == dg.DagsterEventType.STEP_START:
            began.setdefault(event.step_key, record.timestamp)
        elif event.is_step_materialization:
            work += float(str(event.step_materialization_data.materialization.metadata["seconds"].value))
    starts = [began[step] - asked[step] for step in began if step in asked]
    return {"steps": len(began), "work": work, "starts": starts}


def main(way: str, model: str, folder: Path, answer: Path) -> None:
    """Write one way's figures."""
    warnings.filterwarnings("ignore", module=r"dagster(\..*)?")
    os.environ |= {
        "ASCEND_STATE": str(folder / "state"),
        "ASCEND_PROFILE": "local",
        "ASCEND_PROJECT": str(folder / "project"),
        FOLDER: str(folder / "project" / checkouts.DEFS),
        EXECUTOR: way,
        "DAGSTER_HOME": str(folder / "state" / "dagster"),
    }
    prepare()
    with shim(folder) if way == "pods" else nullcontext():
        found = candidate(model, way)
    answer.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
