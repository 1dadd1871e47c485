"""What a step costs beside its own work: in the run's process, in a process of its own, and in a pod behind the shim.

    python -m benchmarks.step_overhead [--ways in-process forkserver spawned pods] [--models 1 1000] [--json]

Runs the whole candidate of a tiny model (source to dev, with every gate), among so many other models in its code
location, once per way: same job, same instance, one step at a time. `overhead` is the run's seconds of the wall without
the seconds that its stages' own functions took (each says so in its metadata), by steps; `until start` is the median
from Dagster's decision to start a step until the step begins, and is nothing in the run's process. The ratio is of
`overhead` to that in the run's process.

`forkserver` and `spawned` are Dagster's multiprocess executor, by its two ways to start a process; `pods` is the
executor of profile k8s against a test API server (tests/support/kube_shim) that runs each pod as a process of this
machine: so pulling an image, and a kubelet that starts a container, are not in it. All ways keep Dagster's records in
SQLite and artefacts in a folder, which profile k8s refuses in earnest: what differs is how steps are started.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import checkouts, tiny_models
from benchmarks.step_site import EXECUTORS
from resources.home import PROJECT

WAYS = tuple(EXECUTORS)
BASE = "in-process"
_TIMEOUT = 1800


@dataclass(frozen=True)
class Way:
    """One way among so many models. Seconds of the wall: of the run, of the stages' own work, and until steps start."""

    way: str
    models: int
    steps: int
    run: float
    work: float
    starts: tuple[float, ...]

    @property
    def overhead(self) -> float:
        """Seconds of each step beside its own work."""
        return (self.run - self.work) / self.steps

    @property
    def start(self) -> float:
        """Median seconds until a step begins; 0 where it begins at once."""
        return statistics.median(self.starts) if self.starts else 0.0


def measure(way: str, models: int, folder: Path) -> Way:
    """One candidate, in a process and an instance of its own. Raises `RuntimeError` with what went wrong."""
    project = folder / "project"
    (first, *_) = tiny_models.write_definitions(project / checkouts.DEFS, models)
    tiny_models.write_models(project / checkouts.DEFS, [first])
    checkouts.commit(project, "models")
    answer = folder / "answer.json"
    argv = (sys.executable, "-m", "benchmarks.step_one", way, first, str(folder), str(answer))
    done = subprocess.run(
        argv, cwd=PROJECT, env=checkouts.environment(), capture_output=True, text=True, timeout=_TIMEOUT, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{way}: ended with {done.returncode}:\n{(done.stdout + done.stderr)[-6000:]}")
    found = json.loads(answer.read_bytes())
    return Way(way, models, found["steps"], found["run"], found["work"], tuple(found["starts"]))


def ratios(found: Sequence[Way]) -> list[float | None]:
    """Of each way's overhead to that in the run's process, among as many models."""
    base = {one.models: one.overhead for one in found if one.way == BASE}
    return [one.overhead / base[one.models] if base.get(one.models) else None for one in found]


def table(found: Sequence[Way]) -> str:
    """For a person."""
    lines = [f"{'':12}{'models':>7}{'steps':>6}{'run':>8}{'work':>8}{'overhead':>10}{'until start':>13}{'ratio':>8}"]
    for one, ratio in zip(found, ratios(found), strict=True):
        seconds = f"{one.run:8.1f}{one.work:8.1f}{one.overhead:10.2f}{one.start:13.2f}"
        lines.append(
            f"{one.way:12}{one.models:7}{one.steps:6}{seconds}" + (f"{'-':>8}" if ratio is None else f"{ratio:8.1f}")
        )
    return "\n".join([*lines, "seconds; run and work of the whole candidate, overhead and start of one step"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Every way, one after the other, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--models", type=int, nargs="+", default=[1])
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args(arguments)
    found = []
    for models in options.models:
        for way in options.ways:
            with tempfile.TemporaryDirectory(prefix="ascend-steps-") as folder:
                found.append(measure(way, models, Path(folder)))
    if options.as_json:
        told = [{**vars(one), "overhead": one.overhead, "start": one.start} for one in found]
        print(json.dumps([{**one, "ratio": ratio} for one, ratio in zip(told, ratios(found), strict=True)]))
        return
    print(table(found))


if __name__ == "__main__":
    main()
