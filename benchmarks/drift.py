"""PSI and Kolmogorov-Smirnov of many features, beside Evidently on the same numbers and the same machine.

    python -m benchmarks.drift [--rows 1000000] [--features 20] [--rounds 3] [--evidently-python PATH] [--json]

Both sides, evaluation data and production, have that many rows of float64; production's are shifted by 0.2 standard
deviations in every other feature. Ours is timed twice: from arrays in memory, which is where Evidently begins, and from
a Parquet file as production leaves it. Each figure is the whole work: cells chosen from the reference, both sides
summarised, the measure of every feature. `--evidently-python` is the interpreter of an environment that has evidently
(`pip install evidently pyarrow 'pandas<3'`); its figure is one run of its report with the data in memory. Prints
medians of the wall time, the processors' time of the work from memory, which a busy machine changes less, and ratios.
"""

import argparse
import json
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ascend_assets.drift import judge, measures, samples, sides
from ascend_assets.drift.features import Features, features
from ascend_assets.drift.judge import Compared
from ascend_assets.drift.summary import counts
from ascend_assets.evaluation import EvaluationData
from ascend_assets.spec import Input
from ascend_assets.spec_production import Drift
from resources.production.samples import LABEL, parquet_bytes, write_samples

GOALS = {"psi": 1.0, "ks": 3.0}
"""Seconds for 1,000,000 rows of 20 features."""
SHIFT = 0.2
_CHUNK = 65_536
_SEED = 7

Measure = Callable[[Sequence[Compared]], list[float]]

EVIDENTLY = """
import json, sys, time
import pandas
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
folder, methods = sys.argv[1], sys.argv[2:]
frames = [pandas.read_parquet(f"{folder}/{side}.parquet") for side in ("production", "reference")]
definition = DataDefinition(numerical_columns=list(frames[0].columns))
found = {}
for method in methods:
    begin, cpu = time.perf_counter(), time.process_time()
    production, reference = (Dataset.from_pandas(frame, data_definition=definition) for frame in frames)
    Report([DataDriftPreset(num_method=method)]).run(production, reference).dict()
    found[method] = {"memory": time.perf_counter() - begin, "cpu": time.process_time() - cpu}
print(json.dumps(found))
"""


def numbers(rows: int, number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The evaluation data and production (rows, features): normal, every other feature of production shifted."""
    rng = np.random.default_rng(_SEED)
    reference, production = rng.normal(size=(2, rows, number))
    production[:, ::2] += SHIFT
    return reference, production


def wanted(number: int) -> tuple[Features, ...]:
    """The features of one tabular input."""
    return features([Input(name="x", dtype="float64", shape=("batch", number))])


def from_memory(
    reference: NDArray[np.float64], production: NDArray[np.float64], take: Sequence[Features]
) -> tuple[Compared, ...]:
    """Both sides summarised, from arrays."""

    def chunks() -> Any:  # noqa: ANN401 - an iterator of chunks
        for start in range(0, len(production), _CHUNK):
            rows = production[start : start + _CHUNK]
            nothing = np.full(len(rows), np.nan)
            yield samples.Chunk(
                (take[0].columns(rows),), nothing, nothing, np.zeros(len(rows), bool), np.zeros(len(rows), "M8[us]")
            )

    return sides.filled(_known(reference, take), None, "value", chunks(), None).compared


def from_parquet(reference: NDArray[np.float64], path: Path, take: Sequence[Features]) -> tuple[Compared, ...]:
    """Both sides summarised, production's from its file."""
    return sides.filled(_known(reference, take), None, "value", samples.chunks(path, take, ""), None).compared


def _known(reference: NDArray[np.float64], take: Sequence[Features]) -> tuple[Compared, ...]:
    return sides.of_reference(take, EvaluationData({"x": reference}, np.zeros(len(reference))))


def psi(compared: Sequence[Compared]) -> list[float]:
    """The population stability index of every feature."""
    return [measures.psi(*(counts(one.grid, side) for side in (one.reference, one.production))) for one in compared]


def ks(compared: Sequence[Compared]) -> list[float]:
    """The Kolmogorov-Smirnov distance of every feature."""
    return [measures.ks(one.reference, one.production).low for one in compared]


def everything(compared: Sequence[Compared]) -> list[float]:
    """All five measures, their p-values and the correction, of every feature."""
    return [len(one.drifted) for one in judge.features(compared, Drift())]


MEASURES: Mapping[str, Measure] = {"psi": psi, "ks": ks, "all": everything}


def seconds(rounds: int, work: Callable[[], object]) -> tuple[float, float]:
    """Medians of the wall time and of the processors' time of some rounds."""
    found = []
    for _ in range(rounds):
        begin, cpu = time.perf_counter(), time.process_time()
        work()
        found.append((time.perf_counter() - begin, time.process_time() - cpu))
    return statistics.median(wall for wall, _ in found), statistics.median(cpu for _, cpu in found)


def written(folder: Path, production: NDArray[np.float64]) -> Path:
    """A file of samples as the asset `production` makes it: each sample's values in one list, zstd."""
    rows = len(production)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    columns = {
        "request_id": [f"r{number}" for number in range(rows)],
        "at": np.datetime64(begin.replace(tzinfo=None), "us") + np.arange(rows) * np.timedelta64(1000, "us"),
        "version": ["1.0.0"] * rows,
        "in_x": production,
        "prediction": np.zeros(rows),
    }
    path = write_samples(folder, columns)
    from pyarrow import parquet

    table = parquet.read_table(path).append_column(LABEL, pa.nulls(rows, pa.float64()))
    path.write_bytes(parquet_bytes(table))
    return path


def ours(rows: int, number: int, rounds: int, folder: Path) -> dict[str, dict[str, float]]:
    """Measure -> wall seconds from `memory` and from `parquet`, and `cpu` seconds from memory."""
    reference, production = numbers(rows, number)
    take, path = wanted(number), written(folder, production)
    found = {}
    for name, measure in MEASURES.items():
        memory, cpu = seconds(rounds, partial(_memory, measure, reference, production, take))
        parquet, _ = seconds(rounds, partial(_parquet, measure, reference, path, take))
        found[name] = {"memory": memory, "parquet": parquet, "cpu": cpu}
    return found


def _memory(measure: Measure, *given: Any) -> list[float]:  # noqa: ANN401 - handed on
    return measure(from_memory(*given))


def _parquet(measure: Measure, *given: Any) -> list[float]:  # noqa: ANN401 - handed on
    return measure(from_parquet(*given))


def evidently(python: str, rows: int, number: int, folder: Path) -> dict[str, dict[str, float]]:
    """Method -> wall seconds and `cpu` seconds of Evidently's report.

    Raises `RuntimeError` with what it said if it fails.
    """
    from pyarrow import parquet

    for side, values in zip(("reference", "production"), numbers(rows, number), strict=True):
        table = pa.table({f"f{place}": values[:, place] for place in range(number)})
        parquet.write_table(table, folder / f"{side}.parquet")
    done = subprocess.run(
        [python, "-W", "ignore", "-c", EVIDENTLY, str(folder), *GOALS], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"evidently ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    found: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(found: Mapping[str, Mapping[str, float]], other: Mapping[str, Mapping[str, float]] | None) -> str:
    """The figures as a person reads them."""
    lines = [f"{'seconds':10}{'memory':>10}{'parquet':>10}{'cpu':>8}{'goal':>8}"]
    lines[0] += f"{'Evidently':>12}{'cpu':>8}{'ratio':>8}{'cpu':>8}" if other else ""
    for name, times in found.items():
        goal = f"{GOALS[name]:g}" if name in GOALS else ""
        line = f"{name:10}{times['memory']:10.2f}{times['parquet']:10.2f}{times['cpu']:8.2f}{goal:>8}"
        if other and name in other:
            ratios = (ratio(found, other, name, which) for which in ("memory", "cpu"))
            line += f"{other[name]['memory']:12.1f}{other[name]['cpu']:8.1f}" + "".join(f"{r:8.0f}" for r in ratios)
        lines.append(line)
    return "\n".join(lines)


def ratio(
    found: Mapping[str, Mapping[str, float]], other: Mapping[str, Mapping[str, float]], name: str, which: str = "memory"
) -> float:
    """How many times as long Evidently takes, both from memory."""
    return other[name][which] / found[name][which]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--evidently-python", default="")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="ascend-") as name:
        folder = Path(name)
        found = ours(given.rows, given.features, given.rounds, folder)
        other = (
            evidently(given.evidently_python, given.rows, given.features, folder) if given.evidently_python else None
        )
    if given.json:
        ratios = {each: ratio(found, other, each) for each in other} if other else None
        print(json.dumps({"seconds": found, "evidently": other, "ratio": ratios}))
        return
    print(table(found, other))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{given.rows:,} rows of {given.features} features on each side; peak of this process {peak:,.0f} MiB")


if __name__ == "__main__":
    main()
