"""Publish, promote, rollback and `model list`, each from a fresh process, beside MLflow doing the nearest thing.

    python -m benchmarks.registry [--rounds 5] [--entries 1 10000] [--mlflow-python PATH] [--json]

A real candidate of digits_cnn is built first; then its ledger is lengthened by valid entries. `--mlflow-python` is the
interpreter of an environment that has mlflow (`pip install mlflow`), whose registry lies in SQLite: a version is
created, an alias is set, set back, and the versions are listed. MLflow keeps no history of aliases, so its figures
stand beside each length of our ledger. Prints medians of the wall time of whole processes, and ratios.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from ascend_assets import models
from ascend_assets.policy_file import in_force
from benchmarks import long_ledger
from benchmarks.long_ledger import Place
from resources.registry.releases import Registry, Release, release_key
from resources.store.blobs import Blobs
from resources.store.folder import FolderStore

MODEL = "digits_cnn"
GOAL = 1.0
"""Seconds that a rollback may take."""
OPERATIONS = ("publish", "promote", "rollback", "list")

PUBLISH = """
import sys
from pathlib import Path
from resources.home import home
from resources.registry.releases import Registry, Release
from resources.store.opening import open_store
Registry(open_store(home().store)).publish(Release.model_validate_json(Path(sys.argv[1]).read_bytes()))
"""
MLFLOW_PREPARE = """
import sys
from mlflow import MlflowClient
client = MlflowClient(tracking_uri=sys.argv[1], registry_uri=sys.argv[1])
client.create_registered_model("digits_cnn")
for _ in range(2):
    client.create_model_version("digits_cnn", "file:///tmp/model", run_id=None)
client.set_registered_model_alias("digits_cnn", "prod", "2")
"""
_MLFLOW = """
import sys
from mlflow import MlflowClient
client = MlflowClient(tracking_uri=sys.argv[1], registry_uri=sys.argv[1])
"""
MLFLOW = {
    "publish": _MLFLOW + 'client.create_model_version("digits_cnn", "file:///tmp/model", run_id=None)',
    "promote": _MLFLOW + 'client.set_registered_model_alias("digits_cnn", "prod", "2")',
    "rollback": _MLFLOW
    + 'live = client.get_model_version_by_alias("digits_cnn", "prod")\n'
    + 'client.set_registered_model_alias("digits_cnn", "prod", str(max(1, int(live.version) - 1)))',
    "list": _MLFLOW + "for v in client.search_model_versions(\"name='digits_cnn'\"):\n    print(v.version, v.aliases)",
}


def process(*argv: str, env: Mapping[str, str] | None = None) -> float:
    """Wall seconds of a process that succeeds. Raises `RuntimeError` with what a failed one said."""
    begin = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})})
    seconds = time.perf_counter() - begin
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)[:200]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return seconds


def ours(*arguments: str) -> float:
    """Wall seconds of one command of ours."""
    return process(sys.executable, "-m", "ascend_assets.cli", *arguments)


def median(rounds: int, work: Callable[[], float], restore: Callable[[], None]) -> float:
    """The median of the seconds that `work` tells, each time from the same beginning."""
    found = []
    for _ in range(rounds):
        found.append(work())
        restore()
    return statistics.median(found)


def build() -> Place:
    """A candidate through all gates, which entry 1 deploys, and a release of other compiled files."""
    ours("run", MODEL)
    store = FolderStore(Path(os.environ["ASCEND_STORE"]))
    registry = Registry(store)
    first = registry.releases(MODEL)[-1]
    second = recompiled(Blobs(store), first)
    registry.publish(second)
    registry.publish(again(first, 2))
    return Place(store, in_force().first, (first, second))


def again(release: Release, number: int) -> Release:
    """The same artefacts and evidence under another version."""
    return Release.model_validate({**dict(release), "version": f"1.{number}.0"})


def recompiled(blobs: Blobs, release: Release) -> Release:
    """Version 1.1.0: the same ONNX compiled for batches that are one larger."""
    from resources.ascend.emulator.toolchain import Emulator

    spec = models.load(models.DEFS / MODEL)
    targets = {}
    with tempfile.TemporaryDirectory() as folder:
        for key, made in release.targets.items():
            target = spec.target(key)
            path = Path(folder) / f"{key}.om"
            options = target.model_copy(update={"batch": target.batch + 1}).options(spec.inputs)
            Emulator().compile(blobs.path(release.onnx), options, path)
            targets[key] = made.model_copy(update={"om": blobs.put_file(path, name=path.name)})
    return again(release.model_copy(update={"targets": targets}), 1)


def measure(place: Place, length: int, rounds: int) -> dict[str, float]:
    """Median seconds of each operation on a ledger of `length` entries; a rollback needs two."""
    environment, (first, _) = place.environment.name, place.turns
    long_ledger.lengthen(place, length)
    third = again(first, 3)
    manifest = place.store.root.parent / "manifest.json"
    manifest.write_bytes(third.encoded())
    published = place.store.root / release_key(third.model, third.version)
    promote = ("promote", MODEL, "--to", environment, "--version", "1.2.0", "--reason", "benchmark")
    found = {
        "publish": median(rounds, lambda: process(sys.executable, "-c", PUBLISH, str(manifest)), published.unlink),
        "promote": median(rounds, lambda: ours(*promote), lambda: long_ledger.shorten(place, length)),
        "list": median(rounds, lambda: ours("model", "list", MODEL), lambda: None),
    }
    two = max(length, 2)
    long_ledger.lengthen(place, two)
    back = ("model", "rollback", MODEL, "--env", environment, "--reason", "benchmark")
    found["rollback"] = median(rounds, lambda: ours(*back), lambda: long_ledger.shorten(place, two))
    return found


def measure_mlflow(python: str, folder: Path, rounds: int) -> dict[str, float]:
    """Median seconds of MLflow's nearest operations, its registry in SQLite with two versions."""
    address = f"sqlite:///{folder / 'mlflow.db'}"
    process(python, "-c", MLFLOW_PREPARE, address)
    once = {name: partial(process, python, "-c", MLFLOW[name], address) for name in OPERATIONS}
    return {name: median(rounds, work, lambda: None) for name, work in once.items()}


def table(found: Mapping[str, Mapping[str, float]], mlflow: Mapping[str, float] | None) -> str:
    """The figures as a person reads them. `found`: number of entries -> operation -> seconds."""
    sizes = list(found)
    lines = [f"{'seconds, fresh process':24}" + "".join(f"{f'{int(n):,} entries':>16}" for n in sizes)]
    lines[0] += f"{'MLflow':>10}{'ratio':>8}" if mlflow else ""
    for name in OPERATIONS:
        line = f"{name:24}" + "".join(f"{found[n][name]:16.2f}" for n in sizes)
        lines.append(line + (f"{mlflow[name]:10.2f}{ratio(found, mlflow, name):8.1f}" if mlflow else ""))
    lines.append(f"goal: a rollback under {GOAL:g} s")
    return "\n".join(lines)


def ratio(found: Mapping[str, Mapping[str, float]], mlflow: Mapping[str, float], name: str) -> float:
    """How many times as long MLflow takes as we do with our longest ledger."""
    return mlflow[name] / max(seconds[name] for seconds in found.values())


def main(argv: Sequence[str] | None = None) -> None:
    """Measure in a new place, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--entries", type=int, nargs="+", default=[1, 10_000])
    parser.add_argument("--mlflow-python", default="")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="ascend-") as name:
        folder = Path(name)
        os.environ |= {"ASCEND_STATE": name, "ASCEND_STORE": str(folder / "store")}
        os.environ["DAGSTER_HOME"] = str(folder / "dagster")
        place = build()
        found = {str(length): measure(place, length, arguments.rounds) for length in sorted(arguments.entries)}
        mlflow = measure_mlflow(arguments.mlflow_python, folder, arguments.rounds) if arguments.mlflow_python else None
    if arguments.json:
        ratios = {each: ratio(found, mlflow, each) for each in OPERATIONS} if mlflow else None
        print(json.dumps({"entries": found, "mlflow": mlflow, "ratio": ratios}))
        return
    print(table(found, mlflow))


if __name__ == "__main__":
    main()
