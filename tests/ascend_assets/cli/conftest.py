"""The command line as a process and in this one, and a world of releases for it: see `tests/support`."""

from pathlib import Path

import governed
import pytest
from cli_fixtures import ascend, here

from ascend_assets import models

__all__ = ["ascend", "here"]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> governed.World:
    """A store, its policy and Grace, who may sign for staging: what commands in this process find."""
    made = governed.make_world(tmp_path / "world", monkeypatch)
    monkeypatch.setenv("ASCEND_STATE", str(made.folder))
    monkeypatch.setenv("DAGSTER_HOME", str(made.folder / "dagster"))
    monkeypatch.delenv("ASCEND_STORE", raising=False)
    monkeypatch.setattr("resources.ascend.emulator.toolchain.Emulator", governed.LoadsAnything)
    (tmp_path / "defs").mkdir()
    monkeypatch.setattr(models, "DEFS", tmp_path / "defs")
    return made
