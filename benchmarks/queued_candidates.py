"""How long from a commit to its release, with so many candidates queued at once, through a real daemon.

    python -m benchmarks.queued_candidates [--sizes 1 10] [--sizes 1 10 100] [--json]

Each size has an installation of its own in a temporary folder: so many tiny models of two layers, a remote repository
on the disk, Dagster's daemon with its code server, SQLite and settings as `ascend init` makes them for one machine (two
runs at once), triggers as shipped but that it looks every 10 s. One commit then gives every model other weights. Prints
for the first, the median and the last candidate the seconds from the commit until its release is in the registry, and
of what they consist: until the sensor has `seen` the commit, until the run has left the `queue` and its process has
begun, and until it is `built` and released. The ratio is of the candidates' releases a minute to those of one alone.

NPUs are emulated, the models' own work takes a second or two: it is the machinery that is measured. 100 take minutes.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest import mock

import dagster as dg

from benchmarks import checkouts, tiny_models
from resources import supervisor
from resources.home import PROJECT

SIZES = (1, 10)
_TRIGGERS = "repositories:\n  - {name: origin, branches: [main], every_seconds: 10}\n"
_READY_SECONDS = 300.0
_EACH_SECONDS = 120.0
"""A candidate that takes longer counts as lost."""
_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Candidate:
    """One candidate's seconds of the wall: from the commit to its release, and the parts of that."""

    model: str
    seen: float
    queue: float
    built: float

    @property
    def released(self) -> float:
        """Seconds from the commit until its release is there."""
        return self.seen + self.queue + self.built


@dataclass(frozen=True)
class Site:
    """An installation: the checkout that the daemon serves, and a clone whose pushes are new commits."""

    checkout: Path
    author: Path
    models: tuple[str, ...]

    @property
    def home(self) -> Path:
        """Dagster's."""
        return self.checkout / ".ascend" / "dagster"

    def push(self, seed: int) -> float:
        """Other weights for every model, in one commit at the remote; when it was committed, in seconds since 1970."""
        tiny_models.write_models(self.author / checkouts.DEFS, self.models, seed=seed)
        checkouts.git(self.author, "add", "-A")
        committed = time.time()
        checkouts.git(self.author, "commit", "-qm", f"weights {seed}")
        checkouts.git(self.author, "push", "-q", "origin", "main")
        return committed

    def release_of(self, model: str) -> float | None:
        """When a model's first release came into the registry; None while there is none."""
        folder = self.checkout / ".ascend" / "store" / "models" / model / "releases"
        return min((path.stat().st_mtime for path in folder.glob("*.json")), default=None)


def lay_out(folder: Path, count: int) -> Site:
    """The installation, committed, with its remote."""
    site = Site(folder / "checkout", folder / "author", tiny_models.names(count))
    checkouts.copy_code(site.checkout)
    tiny_models.write_models(site.checkout / checkouts.DEFS, site.models)
    (site.checkout / "triggers.yaml").write_text(_TRIGGERS, encoding="utf-8")
    checkouts.commit(site.checkout, "an installation")
    checkouts.git(folder, "clone", "-q", "--bare", str(site.checkout), str(folder / "remote.git"))
    checkouts.git(site.checkout, "remote", "add", "origin", (folder / "remote.git").as_uri())
    checkouts.git(folder, "clone", "-q", str(folder / "remote.git"), str(site.author))
    site.home.mkdir(parents=True)
    settings = (PROJECT / "deploy" / "local" / "dagster.yaml").read_bytes()
    (site.home / "dagster.yaml").write_bytes(settings)
    return site


@contextmanager
def daemon(site: Site) -> Iterator["subprocess.Popen[bytes]"]:
    """Dagster's daemon over the checkout; all that it started ends with it, and with this process."""
    read, lifeline = os.pipe()
    program = (str(Path(sys.executable).with_name("dagster-daemon")), "run", "-w", "workspace.yaml")
    env = checkouts.environment(PYTHONPATH=str(site.checkout), DAGSTER_HOME=str(site.home))
    with (site.home / "daemon.log").open("ab") as log, Path(os.devnull).open("wb") as report:
        process = subprocess.Popen(
            (sys.executable, "-I", "-S", supervisor.__file__, str(read), str(report.fileno()), "0", *program),
            cwd=site.checkout,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(read, report.fileno()),
            start_new_session=True,
        )
    os.close(read)
    try:
        yield process
    finally:
        os.close(lifeline)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)


def measure(count: int, folder: Path) -> tuple[Candidate, ...]:
    """So many candidates at once, in the order of their releases. Raises `TimeoutError`, or `RuntimeError`."""
    site = lay_out(folder, count)
    with (
        mock.patch.dict(os.environ, {"DAGSTER_HOME": str(site.home)}),
        dg.DagsterInstance.get() as instance,
        daemon(site) as process,
    ):
        _until(lambda: _has_looked(instance), _READY_SECONDS, process, site, "the sensor's first look")
        committed = site.push(seed=1)
        limit = _READY_SECONDS + count * _EACH_SECONDS
        _until(lambda: all(map(site.release_of, site.models)), limit, process, site, "all releases")
        found = [_candidate(instance, site, model, committed) for model in site.models]
    return tuple(sorted(found, key=lambda candidate: candidate.released))


def _has_looked(instance: dg.DagsterInstance) -> bool:
    """Whether the sensor knows what the remote had before the commit."""
    states = instance.all_instigator_state()
    return any(state.name == "commits_origin" and _cursor(state.instigator_data) for state in states)


def _cursor(data: object) -> str:
    return str(getattr(data, "cursor", None) or "")


def _until(done: Callable[[], bool], seconds: float, process: "subprocess.Popen[bytes]", site: Site, what: str) -> None:
    end = time.monotonic() + seconds
    while not done():
        if process.poll() is not None or time.monotonic() > end:
            log = (site.home / "daemon.log").read_text(errors="replace")[-6000:]
            kind = TimeoutError if process.poll() is None else RuntimeError
            raise kind(f"no {what} within {seconds:g} s, or the daemon has ended; the end of its log:\n{log}")
        time.sleep(_LOOK_SECONDS)


def _candidate(instance: dg.DagsterInstance, site: Site, model: str, committed: float) -> Candidate:
    """What Dagster's records and the registry say of one."""
    (record,) = instance.get_run_records(dg.RunsFilter(job_name=f"{model}_candidate"))
    created, released = record.create_timestamp.timestamp(), site.release_of(model)
    if record.start_time is None or released is None:
        raise RuntimeError(f"{model}: run {record.dagster_run.run_id} is {record.dagster_run.status.value}")
    return Candidate(model, created - committed, record.start_time - created, released - record.start_time)


def a_minute(found: Sequence[Candidate]) -> float:
    """Releases a minute, from the commit to the last of them."""
    return 60 * len(found) / found[-1].released


def ratios(found: Mapping[int, Sequence[Candidate]]) -> dict[int, float]:
    """Candidates at once -> releases a minute by those of one alone; empty where that was not measured."""
    return {count: a_minute(each) / a_minute(found[1]) for count, each in found.items()} if 1 in found else {}


def table(found: Mapping[int, Sequence[Candidate]]) -> str:
    """For a person."""
    lines = [f"{'queued':>6} {'':8}{'released':>10}{'seen':>8}{'queue':>8}{'built':>8}{'a minute':>10}{'ratio':>7}"]
    for count, each in found.items():
        chosen = {"first": each[0], "median": each[(len(each) - 1) // 2], "last": each[-1]}
        lines += [
            f"{count:6} {name:8}{one.released:10.1f}{one.seen:8.1f}{one.queue:8.1f}{one.built:8.1f}"
            for name, one in chosen.items()
        ]
        lines[-1] += f"{a_minute(each):10.2f}" + (f"{ratios(found)[count]:7.2f}" if 1 in found else "")
    return "\n".join([*lines, "seconds from a commit; releases a minute"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Every size, one after the other, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args(arguments)
    found: dict[int, Sequence[Candidate]] = {}
    for count in options.sizes:
        with tempfile.TemporaryDirectory(prefix="ascend-queued-") as folder:
            found[count] = measure(count, Path(folder))
    if options.as_json:
        told = {count: [{**asdict(one), "released": one.released} for one in each] for count, each in found.items()}
        print(json.dumps({"candidates": told, "ratios": ratios(found)}))
        return
    print(table(found))


if __name__ == "__main__":
    main()
