"""The database away, full, or restarted under a run: nothing is released twice or half, and people are told why."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from held_models import Hold, write_model
from installation import commit, model_folder
from postgres import VARIABLE, Postgres
from sandbox import Checkout

from ascend_assets import history

pytestmark = pytest.mark.timeout(1500)

WITHIN = 480.0
STARTED, FAILURE, SUCCESS = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS


def wait(look: Callable[[], object], what: str) -> None:
    end = time.monotonic() + WITHIN
    while not look():
        assert time.monotonic() < end, f"not within {WITHIN:g} s: {what}"
        time.sleep(0.1)


@pytest.fixture
def hold(checkout: Checkout, tmp_path: Path) -> Hold:
    """`tiny`, whose export waits."""
    folder = model_folder(checkout.root, "tiny")
    write_model(folder, "tiny", soc_version="Ascend310P3", hold=tmp_path / "hold")
    (folder / "requirements.txt").write_text("numpy==2.0\n")
    definition = folder / "defs.yaml"
    definition.write_text(f"{definition.read_text()}  requirements: {{python: requirements.txt}}\n")
    commit(checkout.root, "an export that waits")
    return Hold(tmp_path / "hold")


def begun(checkout: Checkout, hold: Hold) -> "subprocess.Popen[str]":
    """`ascend run tiny`, in the middle of its export."""
    argv = (sys.executable, "-m", "ascend_assets.cli", "run", "tiny", "--json")
    running = subprocess.Popen(
        argv, cwd=checkout.root, env=checkout.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait(lambda: hold.began() or running.poll() is not None, "an export begins")
    assert running.poll() is None, running.communicate()
    return running


def told_in_a_line(checkout: Checkout, *arguments: str) -> str:
    """What a command that cannot be used says at last."""
    done = checkout.ascend(*arguments, timeout=WITHIN)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    *_, last = done.stderr.splitlines()
    assert last.startswith("ascend: Dagster's database cannot be used (")
    assert "try again" in last
    return last


def test_a_database_that_is_away_is_told_in_a_line(postgres: Postgres, checkout: Checkout) -> None:
    postgres.stop()
    try:
        for arguments in (("run", "tiny"), ("status", "tiny")):
            last = told_in_a_line(checkout, *arguments)
            assert "Connection refused" in last
            assert postgres.password not in last
        doctor = checkout.ascend("doctor", "--json", timeout=WITHIN)
        assert doctor.returncode == 1
        (found,) = (one for one in json.loads(doctor.stdout)["findings"] if one["name"] == "records")
        assert "Connection refused" in found["said"]
        assert "Traceback" not in doctor.stderr
        assert postgres.password not in doctor.stdout + doctor.stderr
    finally:
        postgres.start()


def test_a_database_that_takes_nothing_any_more_is_told_in_a_line(postgres: Postgres, checkout: Checkout) -> None:
    """As managed servers do when their disk is full: they let nobody write."""
    assert checkout.ascend("status", "tiny", timeout=WITHIN).returncode == 0
    database = os.environ[VARIABLE].rpartition("/")[2]
    postgres.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    assert "read-only transaction" in told_in_a_line(checkout, "run", "tiny")
    listed = json.loads(checkout.ascend("model", "list", "tiny", "--json").stdout)
    assert listed["releases"] == []


def test_a_restart_while_a_run_works_is_not_noticed(
    postgres: Postgres, checkout: Checkout, hold: Hold, instance: dg.DagsterInstance
) -> None:
    """Dagster connects anew for every question."""
    running = begun(checkout, hold)
    postgres.kill()
    postgres.start()
    hold.let_go()
    said, wrong = running.communicate(timeout=WITHIN)
    assert running.returncode == 0, wrong
    assert json.loads(said)["deployed"]
    (run,) = instance.get_runs()
    assert run.status == SUCCESS


def test_a_database_that_stays_away_ends_the_run_and_the_next_one_is_whole(
    postgres: Postgres, checkout: Checkout, hold: Hold, instance: dg.DagsterInstance
) -> None:
    running = begun(checkout, hold)
    postgres.kill()
    hold.let_go()
    said, wrong = running.communicate(timeout=WITHIN)
    postgres.start()
    assert running.returncode == 2
    assert said == ""
    assert "Traceback" not in wrong
    assert wrong.splitlines()[-1].startswith("ascend: Dagster's database cannot be used (")
    (cut,) = instance.get_runs()
    assert cut.status == STARTED, "nobody could write that it ended"
    assert history.latest(instance, ("tiny", "release")) is None

    again = checkout.ascend("run", "tiny", "--json", timeout=WITHIN)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["deployed"]
    ended = {run.run_id: run.status for run in instance.get_runs()}
    assert ended.pop(cut.run_id) == FAILURE, "whoever comes next says that it ended"
    assert set(ended.values()) == {SUCCESS}
    listed = json.loads(checkout.ascend("model", "list", "tiny", "--json").stdout)
    assert [release["version"] for release in listed["releases"]] == ["1.0.0"]
