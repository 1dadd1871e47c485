"""A candidate of digits_cnn through Dagster against the same stage functions called plainly, side by side.

    python -m benchmarks.candidate [--rounds 3] [--json]

Both sides start from an empty store and build the same frozen files: source to dev, both targets, every gate. Dagster's
side writes its event log to SQLite, as `ascend run` does. Imports are done before the clock starts. Prints the medians
and their ratio.
"""

import argparse
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import dagster as dg

from ascend_assets import definitions, graph, models
from ascend_assets.codec import write_record
from ascend_assets.event_log import kept_open
from ascend_assets.gates.verdict import Verdict
from ascend_assets.progress import listening
from ascend_assets.records import Record
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Order
from ascend_assets.walk import stages
from resources.configurable import AscendToolchain, Project, Warehouse

MODEL = "digits_cnn"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def plainly(spec: ModelSpec, folder: Path) -> tuple[Verdict, ...]:
    """Every stage's function in order; the dossier's verdicts come back."""
    tools = graph.tools(Warehouse(folder=str(folder / "store")), AscendToolchain(), Project())
    made: dict[tuple[str, ...], Record] = {}
    for stage in stages(spec):
        records = {name: made[asset] for name, asset in stage.inputs.items()}
        record = stage.make(tools, stage.key(tools, records), Order(actor="benchmark"), **records)
        write_record(tools.blobs, record)
        made[stage.asset] = record
    verdicts: tuple[Verdict, ...] = getattr(made[spec.name, "dossier"], "verdicts", ())
    return verdicts


def through_dagster(spec: ModelSpec, folder: Path) -> None:
    """The same candidate as a run of its job."""
    resources = definitions.default_resources(Warehouse(folder=str(folder / "store")))
    defs = definitions.build_defs(specs={spec.name: spec}, resources=resources)
    home = folder / "dagster"
    home.mkdir()
    with (
        dg.DagsterInstance.local_temp(str(home)) as instance,
        kept_open(instance) as hold,
        listening(lambda _: hold()),
    ):
        result = defs.resolve_job_def(f"{spec.name}_candidate").execute_in_process(
            run_config=QUIET, instance=instance, raise_on_error=True
        )
    if not result.success:
        raise SystemExit("the candidate was refused: run `ascend run digits_cnn` to see why")


def timed(work: Callable[[ModelSpec, Path], object], spec: ModelSpec) -> float:
    """Seconds for one candidate in a store of its own."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        work(spec, Path(folder))
        return time.perf_counter() - begin


def main() -> None:
    """Run both sides by turns, so that a busy moment of the machine hits both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", module=r"dagster(\..*)?")
    spec = models.load(models.DEFS / MODEL)
    timed(plainly, spec)  # warms file caches for both
    plain, dagster = [], []
    for _ in range(arguments.rounds):
        plain.append(timed(plainly, spec))
        dagster.append(timed(through_dagster, spec))
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
