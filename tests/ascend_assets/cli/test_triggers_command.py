"""`ascend triggers` in a terminal, for a script, and as what something outside of the daemon calls."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from sensor_history import beat, sensor

from ascend_assets import models
from resources.home import prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    Here = Callable[..., tuple[int, str, str]]


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Without models and repositories: what is always there."""
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("ASCEND_TRIGGERS", str(tmp_path / "triggers.yaml"))
    monkeypatch.delenv("ASCEND_STORE", raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    (tmp_path / "defs").mkdir()
    monkeypatch.setattr(models, "DEFS", tmp_path / "defs")
    places = prepare(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(places.dagster))
    return places.dagster


def alive(folder: Path, *, ago: float = 0.0, cursor: str | None = None) -> None:
    now = time.time() - ago
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        beat(instance, now)
        for name in ("deployed", "refused_candidates", "toolchain_changed", "hub_releases", "notices", "production"):
            sensor(instance, name, begun=now, ended=now, cursor=cursor if name == "deployed" else None)
        for name in ("repairs", "retraining", "retried_commits"):
            sensor(instance, name, begun=now, ended=now)


@pytest.mark.usefixtures("installation")
def test_where_no_daemon_ever_ran(here: "Here") -> None:
    code, out, err = here("triggers")
    assert code == 0
    assert "never ran here" in out
    assert "deployed" in out
    assert "nothing starts by itself" in err
    code, _, err = here("triggers", "--check")
    assert code == 1
    assert "no daemon ever ran here" in err


def test_all_is_well(installation: Path, here: "Here") -> None:
    alive(installation)
    code, out, err = here("triggers", "--check", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["well"]
    assert {one["word"] for one in found["triggers"]} <= {"ok"}


def test_a_dead_daemon_is_exit_code_1(installation: Path, here: "Here") -> None:
    alive(installation, ago=4000)
    code, out, err = here("triggers", "--check", "--json")
    assert code == 1
    assert "daemon has stopped: no sign of life since" in err
    assert json.loads(out)["stopped"][0]["name"] == "daemon"


def test_a_trouble_is_shown_and_exit_code_1(installation: Path, here: "Here") -> None:
    trouble = {"since": "2026-11-21T10:00:00+00:00", "times": 2, "why": "the store cannot be reached"}
    alive(installation, cursor=json.dumps({"trouble": trouble}))
    code, out, err = here("triggers")
    assert code == 0
    assert "trouble" in out
    assert "the store cannot be reached" in err
    assert here("triggers", "--check")[0] == 1


def test_settings_that_cannot_be_read_are_exit_code_2(installation: Path, here: "Here", tmp_path: Path) -> None:
    alive(installation)
    (tmp_path / "triggers.yaml").write_text("repositoris: []\n")
    code, _, err = here("triggers")
    assert code == 2
    assert "repositoris" in err
