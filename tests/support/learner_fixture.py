"""Fixture: a project whose model can be trained again, with a production of its own."""

from pathlib import Path

import pytest
from learner import Learner, write_learner
from sandbox import Sandbox


@pytest.fixture
def learner(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Learner:
    write_learner(sandbox.model)
    sandbox.commit("a model that learns")
    monkeypatch.setenv("ASCEND_PRODUCTION", str(tmp_path / "production"))
    return Learner(sandbox, tmp_path / "production" / "tiny" / "dev")
