"""How long one tick of every sensor takes, with 100 models and 10,000 past candidates.

    python -m benchmarks.ticks [--models 100] [--candidates 10000] [--only NAME] [--profile] [--json]

Builds such an installation in a temporary folder (`ticks_world.py`), with a model hub, a forge and a channel on
loopback and a git repository on the disk; then asks each sensor of the code location as Dagster's daemon does
(`evaluate_tick`), several times, each time with the cursor that the tick before left; what it reports is reported, the
runs that it asks for are not started. Before the third tick a commit comes that changes every model. Prints the seconds
of the slowest tick and of each; the goal is 2 s. `--profile` prints where the slowest tick spent them.

Not in it: what the daemon adds around a tick (a call of its code server, and storing runs).
"""

import argparse
import cProfile
import io
import json
import os
import pstats
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import dagster as dg

from benchmarks import ticks_world
from benchmarks.ticks_world import World
from resources.home import prepare

GOAL = 2.0
"""Seconds that a tick may take."""
TICKS = 5
_NEWS_BEFORE = 2


@dataclass(frozen=True)
class Measured:
    """One sensor's ticks in seconds, what the last one said, and how many runs were asked for."""

    name: str
    seconds: tuple[float, ...]
    said: str
    runs: int

    @property
    def worst(self) -> float:
        """Seconds of the slowest tick."""
        return max(self.seconds)


def tick(world: World, sensor: dg.SensorDefinition, cursor: str | None) -> tuple[float, str | None, str, int]:
    """One tick: its seconds, the cursor it left, what it said, how many runs it asked for."""
    repository = world.definitions.get_repository_def()
    resources = repository.get_top_level_resources()
    context = dg.build_sensor_context(
        instance=world.instance,
        cursor=cursor,
        repository_def=repository,
        sensor_name=sensor.name,
        resources={name: resources[name] for name in sensor.required_resource_keys},
    )
    with context:
        begin = time.perf_counter()
        found = sensor.evaluate_tick(context)
        seconds = time.perf_counter() - begin
    for event in found.asset_events:
        world.instance.report_runless_asset_event(event)
    return seconds, found.cursor, found.skip_message or "", len(found.run_requests or ())


def measure(world: World, sensor: dg.SensorDefinition, ticks: int = TICKS) -> Measured:
    """Ticks one after the other, with news in between."""
    cursor: str | None = None
    seconds, runs, said = [], 0, ""
    for number in range(ticks):
        if number == _NEWS_BEFORE:
            world.push(f"news for {sensor.name}")
        taken, cursor, said, asked = tick(world, sensor, cursor)
        seconds.append(taken)
        runs += asked
    return Measured(sensor.name, tuple(seconds), said, runs)


def profiled(world: World, sensor: dg.SensorDefinition) -> str:
    """Where one tick, without a cursor, spends its time."""
    profile = cProfile.Profile()
    profile.enable()
    tick(world, sensor, None)
    profile.disable()
    told = io.StringIO()
    pstats.Stats(profile, stream=told).sort_stats("cumulative").print_stats(35)
    return told.getvalue()


@contextmanager
def installation(models: int, candidates: int) -> Iterator[World]:
    """The world in a folder of its own, whatever the environment says; the environment is restored."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="ascend-ticks-") as folder, ticks_world.server() as address:
        root = Path(folder)
        try:
            for name in [n for n in os.environ if n.startswith(("ASCEND_", "DAGSTER_", "MODELSCOPE_"))]:
                del os.environ[name]
            os.environ |= {
                "ASCEND_STATE": str(root / "state"),
                "ASCEND_BENCHMARK_TOKEN": "token",
                "ASCEND_BENCHMARK_CHANNEL": address.replace("http://", "json://"),
                "DAGSTER_DISABLE_TELEMETRY": "1",
            }
            world = ticks_world.build(prepare(root), root, models, candidates, address)
            try:
                yield world
            finally:
                world.instance.dispose()
        finally:
            os.environ.clear()
            os.environ.update(before)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, measure, print. Exit code 1 where a tick is over the goal."""
    parser = argparse.ArgumentParser(description="Seconds of one tick of every sensor.")
    parser.add_argument("--models", type=int, default=100)
    parser.add_argument("--candidates", type=int, default=10_000)
    parser.add_argument("--only", default="", help="only this sensor")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", module=r"dagster(\..*)?")
    begin = time.perf_counter()
    with installation(options.models, options.candidates) as world:
        built = time.perf_counter() - begin
        every = sorted(world.definitions.get_repository_def().sensor_defs, key=lambda sensor: sensor.name)
        chosen = [sensor for sensor in every if options.only in {"", sensor.name}]
        found = [measure(world, sensor) for sensor in chosen]
        if options.profile:
            for sensor in chosen:
                print(f"== {sensor.name}\n{profiled(world, sensor)}")
    if options.as_json:
        print(json.dumps({"goal": GOAL, "built": built, "sensors": [{**asdict(m), "worst": m.worst} for m in found]}))
    else:
        print(f"{options.models} models, {options.candidates} past candidates, made in {built:.0f} s; goal {GOAL:g} s")
        for one in found:
            each = " ".join(f"{seconds:.2f}" for seconds in one.seconds)
            print(f"{one.worst:6.2f} s  {one.name:24} [{each}]  {one.runs} runs; {one.said[:100]}")
    return int(any(one.worst > GOAL for one in found))


if __name__ == "__main__":
    raise SystemExit(main())
