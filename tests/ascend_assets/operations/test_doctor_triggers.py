"""What `ascend doctor` says of what starts by itself: its settings, and a daemon that died."""

import time
from pathlib import Path

import dagster as dg
import pytest
from sensor_history import beat, sensor

from ascend_assets.operations import doctor_triggers
from resources.home import Home, prepare


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("ASCEND_STORE", raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("ASCEND_TRIGGERS", str(tmp_path / "triggers.yaml"))
    found = prepare(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(found.dagster))
    return found


def test_without_a_daemon_nothing_is_wrong_and_nothing_is_made(places: Home) -> None:
    before = sorted(places.dagster.rglob("*"))
    found = doctor_triggers.daemon(places)
    assert found.ok
    assert "none ever ran here" in found.said
    assert sorted(places.dagster.rglob("*")) == before


def test_a_daemon_that_lives(places: Home) -> None:
    with dg.DagsterInstance.from_config(str(places.dagster)) as instance:
        beat(instance, time.time())
        sensor(instance, "deployed", ended=time.time())
    found = doctor_triggers.daemon(places)
    assert found.ok
    assert "asks 1 triggers" in found.said


def test_a_daemon_that_died(places: Home) -> None:
    with dg.DagsterInstance.from_config(str(places.dagster)) as instance:
        beat(instance, time.time() - 4000)
        sensor(instance, "deployed", ended=time.time() - 4000)
    found = doctor_triggers.daemon(places)
    assert not found.ok
    assert not found.needed, "the command line works without it"
    assert "daemon: no sign of life since" in found.said
    assert "ascend triggers" in found.remedy


def test_a_shell_that_does_not_know_the_folder_of_dagster(places: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with dg.DagsterInstance.from_config(str(places.dagster)) as instance:
        beat(instance, time.time())
        sensor(instance, "deployed", ended=time.time())
    monkeypatch.delenv("DAGSTER_HOME")
    assert doctor_triggers.daemon(places).ok


def test_records_that_cannot_be_read(places: Home) -> None:
    for name in ("history/runs.db", "schedules/schedules.db"):
        (places.dagster / name).parent.mkdir(exist_ok=True)
        (places.dagster / name).write_bytes(b"no database" * 1000)
    found = doctor_triggers.daemon(places)
    assert (found.name, found.ok, found.needed) == ("records", False, True)
    assert f"{places.dagster}: Dagster's records cannot be used (file is not a database)" in found.said


@pytest.mark.usefixtures("places")
def test_settings_that_are_good_and_bad(tmp_path: Path) -> None:
    assert "follows no repository, tells nobody" in doctor_triggers.settings().said
    (tmp_path / "triggers.yaml").write_text("repositories:\n  - name: origin\n")
    assert "follows origin" in doctor_triggers.settings().said
    (tmp_path / "triggers.yaml").write_text("repositories:\n  - brnches: [main]\n")
    found = doctor_triggers.settings()
    assert not found.ok
    assert found.needed
    assert "triggers.yaml:2" in found.said
