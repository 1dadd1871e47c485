"""A candidate of digits_cnn through Dagster against the same stage functions called plainly, side by side.

    python -m benchmarks.candidate [--rounds 3] [--json]

Both sides start from an empty store and build the same frozen files: source to dev, both targets, every gate. Dagster's
side writes its event log to SQLite, as `ascend run` does. Imports are done before the clock starts. Prints the medians
and their ratio.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import dagster as dg

from ascend_assets import definitions, graph, models
from ascend_assets.codec import write_record
from ascend_assets.records import Record
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Order
from ascend_assets.walk import stages
from resources.configurable import AscendToolchain, Project, Warehouse
from resources.home import prepare

MODEL = "digits_cnn"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def plainly(spec: ModelSpec, folder: Path) -> float:
    """Seconds for every stage's function, called in order, each record stored."""
    tools = graph.tools(Warehouse(location=str(folder / "store")), AscendToolchain(), Project())
    made: dict[tuple[str, ...], Record] = {}
    begin = time.perf_counter()
    for stage in stages(spec):
        records = {name: made[asset] for name, asset in stage.inputs.items()}
        record = stage.make(tools, stage.key(tools, records), Order(actor="benchmark"), **records)
        write_record(tools.blobs, record)
        made[stage.asset] = record
    return time.perf_counter() - begin


def through_dagster(spec: ModelSpec, folder: Path) -> float:
    """Seconds for the same candidate as a run of its job, with every check, in an instance that is there."""
    resources = definitions.default_resources(Warehouse(location=str(folder / "store")))
    job = definitions.build_defs(specs={spec.name: spec}, resources=resources).resolve_job_def(f"{spec.name}_candidate")
    with dg.DagsterInstance.get() as instance:
        begin = time.perf_counter()
        job.execute_in_process(run_config=QUIET, instance=instance, raise_on_error=True)
        return time.perf_counter() - begin


def in_a_new_place(work: Callable[[ModelSpec, Path], float], spec: ModelSpec) -> float:
    """One candidate with a store and an instance of its own."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ASCEND_STATE"] = folder
        os.environ["DAGSTER_HOME"] = str(Path(folder) / "dagster")
        prepare()
        return work(spec, Path(folder))


def main() -> None:
    """Run both sides by turns, so that a busy moment of the machine hits both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", module=r"dagster(\..*)?")
    spec = models.load(models.DEFS / MODEL)
    in_a_new_place(through_dagster, spec)  # warms file caches and imports for both
    plain, dagster = [], []
    for _ in range(arguments.rounds):
        plain.append(in_a_new_place(plainly, spec))
        dagster.append(in_a_new_place(through_dagster, spec))
    found = {"plain_s": statistics.median(plain), "dagster_s": statistics.median(dagster)}
    found["ratio"] = found["dagster_s"] / found["plain_s"]
    if arguments.json:
        print(json.dumps(found))
        return
    print(f"plain functions   {found['plain_s']:6.2f} s")
    print(f"through Dagster   {found['dagster_s']:6.2f} s")
    print(f"ratio             {found['ratio']:6.2f}   (goal: at most 1.3)")


if __name__ == "__main__":
    main()
