"""How long it takes to load so many models: as Dagster's servers do it, beside a plain Dagster factory of the same.

    python -m benchmarks.load_models [--models 1 10 100 1000] [--kind plain|shipped] [--served] [--json]

Writes so many copies of a model's file (a plain one with one target as `ascend add` makes it, or digits_cnn's with two,
training and drift) and loads them, each size and side in a process of its own: `fleet` as the code location does
(outlines, `build_repository`), `plain` as any Dagster project would (`build_defs`, every asset and job built), of 100
models at most, since a thousand take that minutes. Prints processor seconds, which another process on the machine
changes least, with the wall's beside them: `outlines` or definitions; Dagster's `snapshot` of them; `text`, its
serialising; and `one job`, what a step's process pays for a job of its own in a fresh process. Importing Dagster and
this project is not in them, and stands alone in `import`. The ratio is plain to fleet, outlines and snapshot together.

`--served`: also a real code server over gRPC, from its start until a client (what webserver and daemon have) holds all.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import tiny_models
from benchmarks.load_one import FLEET, JOB, PLAIN, SERVED
from resources.home import PROJECT

MOST_PLAIN = 100
"""Models that the plain side is asked to load."""
GOALS = {100: 2.0, 1000: 8.0}
"""Seconds for outlines and snapshot on two cores, by models."""
_TIMEOUT = 900


@dataclass(frozen=True)
class Loaded:
    """One side of one size. Seconds of the processor and of the wall; bytes of the serialised snapshot."""

    models: int
    side: str
    imported: float
    defined: float
    snapshot: float
    serialised: float
    wall: float
    size: int
    memory_mib: float
    assets: int
    one_job: float

    @property
    def together(self) -> float:
        """Processor seconds of definitions and snapshot: what the goal is about."""
        return self.defined + self.snapshot


@dataclass(frozen=True)
class Served:
    """A code server: wall seconds until a client had all of it, and the server's memory."""

    models: int
    seconds: float
    memory_mib: float


def measured(side: str, folder: Path) -> dict[str, float]:
    """What a process of its own says. Raises `RuntimeError` with its words where it failed."""
    with tempfile.NamedTemporaryFile(prefix="ascend-load-", suffix=".json") as answer:
        argv = (sys.executable, "-m", "benchmarks.load_one", side, str(folder), answer.name)
        done = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stderr[-4000:]}")
        found: dict[str, float] = json.loads(Path(answer.name).read_bytes())
    return found


def load(folder: Path, count: int, side: str) -> Loaded:
    """Both processes of one side: one that loads all, one that builds one job."""
    found = measured(side, folder)
    job = measured(f"{side}-{JOB}", folder)
    return Loaded(
        models=count,
        side=side,
        imported=found["imported"],
        defined=found["defined"],
        snapshot=found["snapshot"],
        serialised=found["serialised"],
        wall=found["wall"],
        size=int(found["size"]),
        memory_mib=found["memory_mib"],
        assets=int(found["assets"]),
        one_job=job["one_job"],
    )


def measure(sizes: Sequence[int], kind: str, *, served: bool) -> tuple[list[Loaded], list[Served]]:
    """Every size, both sides by turns."""
    loaded, servers = [], []
    for count in sizes:
        with tempfile.TemporaryDirectory(prefix="ascend-load-") as name:
            folder = Path(name) / "defs"
            tiny_models.write_definitions(folder, count, kind)
            loaded.append(load(folder, count, FLEET))
            if count <= MOST_PLAIN:
                loaded.append(load(folder, count, PLAIN))
            if served:
                found = measured(SERVED, folder)
                servers.append(Served(count, found["seconds"], found["memory_mib"]))
    return loaded, servers


def ratios(loaded: Sequence[Loaded]) -> dict[int, float]:
    """Models -> how many times as long the plain side takes, where both were measured."""
    sides = {(one.models, one.side): one.together for one in loaded}
    return {
        count: sides[count, PLAIN] / seconds
        for (count, side), seconds in sides.items()
        if side == FLEET and (count, PLAIN) in sides
    }


def table(loaded: Sequence[Loaded], served: Sequence[Served]) -> str:
    """For a person."""
    heads = ("outlines", "snapshot", "together", "wall", "text", "MB", "MiB", "assets", "one job", "import")
    lines = [f"{'models':>6} {'':6}" + "".join(f"{head:>10}" for head in heads)]
    for one in loaded:
        seconds = (one.defined, one.snapshot, one.together, one.wall, one.serialised)
        numbers = "".join(f"{value:10.2f}" for value in (*seconds, one.size / 1e6))
        rest = f"{one.memory_mib:10.0f}{one.assets:10}{one.one_job:10.2f}{one.imported:10.2f}"
        lines.append(f"{one.models:6} {one.side:6}{numbers}{rest}")
    lines += [f"ratio with {count} models: {ratio:.1f}" for count, ratio in ratios(loaded).items()]
    lines += [
        f"{one.models} models served: {one.seconds:.1f} s from starting a code server until a client has all, "
        f"{one.memory_mib:.0f} MiB in the server"
        for one in served
    ]
    lines += [f"goal with {count} models: {goal:g} s" for count, goal in GOALS.items()]
    return "\n".join(lines)


def missed(loaded: Sequence[Loaded]) -> bool:
    """Whether a goal was missed."""
    return any(one.side == FLEET and one.together > GOALS.get(one.models, float("inf")) for one in loaded)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print. Exit code 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--kind", choices=tiny_models.KINDS, default=tiny_models.PLAIN)
    parser.add_argument("--served", action="store_true")
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args(arguments)
    loaded, served = measure(options.models, options.kind, served=options.served)
    if options.as_json:
        told = [{**asdict(one), "together": one.together} for one in loaded]
        print(json.dumps({"loaded": told, "served": [asdict(s) for s in served], "ratios": ratios(loaded)}))
    else:
        print(table(loaded, served))
    return int(missed(loaded))


if __name__ == "__main__":
    raise SystemExit(main())
