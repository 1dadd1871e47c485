"""A retraining that is killed half-way leaves nothing half, and the next one begins as if it had never been."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
from learner import TRAIN_PY, Learner
from learner_fixture import opened

from ascend_assets import history

RUN = """\
import sys
from pathlib import Path
import dagster as dg
sys.path[:0] = [{support!r}]
from sandbox import Sandbox
instance = dg.DagsterInstance.from_config({home!r})
box = Sandbox(Path({root!r}), instance)
box.definitions().resolve_job_def("tiny_retrain").execute_in_process(instance=instance, raise_on_error=False)
"""
SUPPORT = str(Path(__file__).resolve().parents[2] / "support")


def waited_for(path: Path, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < until, f"{path} never came"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """Where a training says that it has begun."""
    return tmp_path / "began"


def test_a_kill_leaves_no_challenger_and_no_training_behind(tmp_path: Path, slow: Path) -> None:
    with opened(tmp_path) as learner:
        trains_for_long(learner, slow)
        learner.produce("new")
        home = tmp_path / "dagster"
        home.mkdir()
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        instance = dg.DagsterInstance.from_config(str(home))
        job = learner.sandbox.definitions().resolve_job_def("tiny_production")
        assert job.execute_in_process(instance=instance).success

        script = RUN.format(support=SUPPORT, home=str(home), root=str(learner.sandbox.root))
        with subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            waited_for(slow)
            child = int(slow.read_text())
            os.kill(process.pid, signal.SIGKILL)
        until = time.monotonic() + 60
        while alive(child):
            assert time.monotonic() < until, "the training outlived its run"
            time.sleep(0.05)
        assert history.latest(instance, ("tiny", "challenger")) is None
        assert learner.sandbox.store.registry().latest("tiny") is None

        (learner.sandbox.model / "train.py").write_text(TRAIN_PY)
        learner.sandbox.commit("fast again")
        retrain = learner.sandbox.definitions().resolve_job_def("tiny_retrain")
        assert retrain.execute_in_process(instance=instance).success
        made = history.latest(instance, ("tiny", "challenger"))
        assert made is not None
        assert made.candidate.endswith("-ct-0001")
        release = learner.sandbox.store.registry().latest("tiny")
        assert release is not None
        assert release.version == "1.0.0", "without a champion the gates alone decide"


def trains_for_long(learner: Learner, began: Path) -> None:
    head = f"""\
import os, time
from pathlib import Path

partial = Path({str(began) + ".partial"!r})
partial.write_text(str(os.getpid()))
partial.rename({str(began)!r})
time.sleep(300)
"""
    (learner.sandbox.model / "train.py").write_text(head + TRAIN_PY)
    learner.sandbox.commit("slow")
