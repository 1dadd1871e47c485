"""Killed, interrupted, crowded or out of disk: nothing is half-written, and the next run succeeds."""

import errno
import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from sandbox import Checkout, Sandbox

from resources.registry import audit
from resources.registry.ledger import Ledger
from resources.registry.releases import Registry, Release
from resources.store import durable
from resources.store.folder import FolderStore

MOMENTS, GROUPS = 12, 3
RUN = (sys.executable, "-m", "ascend_assets.cli", "run", "tiny")
NAMES = re.compile(r"blobs/sha256/[0-9a-f]{64}|models/tiny/releases/[0-9.]+\.json|environments/dev/tiny/[0-9]{8}\.json")


def verify(root: Path) -> tuple[Release, ...]:
    """Every file under a final name is whole and what it says it is. Returns the releases."""
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        if path.is_dir() or name == ".lock" or name.startswith(".tmp/"):
            continue
        assert NAMES.fullmatch(name), name
        if name.startswith("blobs/"):
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    store = FolderStore(root)
    releases = Registry(store).releases("tiny")
    for release in releases:
        assert all((root / "blobs" / "sha256" / digest).is_file() for digest in release.blobs)
    assert audit.verify(store, "dev", "tiny")
    return releases


@dataclass(frozen=True)
class Place:
    """A checkout, and a state folder of one test's own."""

    checkout: Checkout
    state: Path

    @property
    def env(self) -> dict[str, str]:
        return self.checkout.env({"ASCEND_STATE": str(self.state), "DAGSTER_HOME": str(self.state / "dagster")})

    @property
    def store(self) -> Path:
        return self.state / "store"

    def start(self) -> "subprocess.Popen[str]":
        # A handler becomes the default in the child; a run in the background would hand on an ignored Ctrl-C.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return subprocess.Popen(
                RUN, cwd=self.checkout.root, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        finally:
            signal.signal(signal.SIGINT, before)

    def begun(self) -> "subprocess.Popen[str]":
        """A run that holds the model's lock and is about to do its work."""
        process = self.start()
        assert process.stderr is not None
        assert process.stderr.readline() == "tiny: what is checked out -> dev\n"
        return process

    def run(self) -> Release:
        with self.start() as process:
            out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert "is in dev" in out
        (release,) = verify(self.store)
        entry = Ledger(FolderStore(self.store)).current("dev", "tiny")
        assert entry is not None
        assert entry.release_digest == release.digest
        return release


def contents(release: Release) -> tuple[object, ...]:
    """What a release is, whenever it was made."""
    return release.version, release.commit, release.onnx.sha256, {k: t.om.sha256 for k, t in release.targets.items()}


def unfinished() -> list[str]:
    """Runs that Dagster's UI would show as going on."""
    with dg.DagsterInstance.get() as instance:
        return [run.run_id for run in instance.get_runs() if not run.is_finished]


@pytest.fixture
def place(checkout: Checkout, tmp_path: Path) -> Place:
    return Place(checkout, tmp_path / "state")


def test_a_run_killed_at_any_moment_leaves_nothing_half_written(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Place(place.checkout, tmp_path / "undisturbed").begun() as process:
        begin = time.monotonic()
        process.communicate(timeout=120)
        lasts = time.monotonic() - begin
    (expected,) = verify(tmp_path / "undisturbed" / "store")
    killed = 0
    for moment in range(MOMENTS):
        # Into each store go several killed runs, and one that is left alone.
        state = Place(place.checkout, tmp_path / f"state{moment % GROUPS}")
        with state.begun() as process:
            time.sleep(lasts * (moment + 0.5) / MOMENTS)
            process.kill()
            killed += process.wait(30) == -signal.SIGKILL
        verify(state.store)
    assert killed > MOMENTS // 2
    for number in range(GROUPS):
        state = Place(place.checkout, tmp_path / f"state{number}")
        assert contents(state.run()) == contents(expected)
        monkeypatch.setenv("DAGSTER_HOME", state.env["DAGSTER_HOME"])
        assert unfinished() == []


def test_ctrl_c_ends_a_run_cleanly_and_the_next_one_succeeds(place: Place) -> None:
    with place.begun() as process:
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert err.splitlines()[-1] == "ascend: interrupted"
    assert "Traceback" not in err
    verify(place.store)
    place.run()


def test_of_two_runs_at_once_one_is_told_who_holds_the_model(place: Place) -> None:
    with place.begun() as first:
        first.send_signal(signal.SIGSTOP)  # however long the second takes to start, the first is not done
        with place.start() as second:
            out, err = second.communicate(timeout=60)
        first.send_signal(signal.SIGCONT)
        assert second.returncode == 2
        assert out == ""
        assert err.startswith(f"ascend: model 'tiny' is busy: process {first.pid} ")
        assert err.count("\n") == 1
        first.communicate(timeout=60)
        assert first.returncode == 0
    verify(place.store)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A disk that has as many bytes for the store as the list's one entry says."""
    left = [sys.maxsize]
    write = os.write

    def limited(descriptor: int, data: bytes) -> int:
        if left[0] < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left[0] -= len(data)
        return write(descriptor, data)

    monkeypatch.setattr(f"{durable.__name__}.os.write", limited)
    yield left
    monkeypatch.undo()


@pytest.mark.parametrize("space", [0, 2_000, 20_000, 60_000])
def test_a_full_disk_stops_a_candidate_and_nothing_else(sandbox: Sandbox, disk: list[int], space: int) -> None:
    disk[0] = space
    result = sandbox.run()
    assert not result.success
    assert sandbox.store.ledger().current("dev", "tiny") is None
    said = [str(e.step_failure_data.error) for e in result.all_events if e.is_step_failure]
    assert any("No space left on device. Nothing was written: free some space" in text for text in said)
    if (sandbox.root.parent / "store").exists():
        verify(sandbox.root.parent / "store")
    disk[0] = sys.maxsize
    assert sandbox.run().success
    verify(sandbox.root.parent / "store")


def test_a_full_disk_is_told_in_one_line(place: Place) -> None:
    code = (
        "import errno, os\n"
        "from resources.store import durable\n"
        "def full(*_): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\n"
        "durable._write = full\n"
        "from ascend_assets.cli.main import main\n"
        "main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, "run", "tiny", "--json"],
        cwd=place.checkout.root,
        env=place.env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("ascend: tiny could not be built: source: ")
    assert line.endswith("No space left on device. Nothing was written: free some space or quota, then try again")
    assert '"deployed": false' in ended.stdout
    place.run()
