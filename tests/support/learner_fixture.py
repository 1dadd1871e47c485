"""Fixture: a project whose model can be trained again, with a production of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from learner import Learner, write_learner
from sandbox import Sandbox, git


@contextmanager
def opened(folder: Path) -> Iterator[Learner]:
    """The project below `folder`. `ASCEND_PRODUCTION` names its production as long as it is open."""
    root, production = folder / "project", folder / "production"
    write_learner(root / "ascend_assets" / "defs" / "tiny")
    (root / "requirements.lock").write_text("numpy==2.0 --hash=sha256:0\n")
    git(folder, "init", "-q", "-b", "main", str(root))
    with dg.DagsterInstance.ephemeral() as instance, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASCEND_PRODUCTION", str(production))
        made = Sandbox(root, instance)
        made.commit("a model that learns")
        yield Learner(made, production / "tiny" / "dev")


@pytest.fixture
def learner(tmp_path: Path) -> Iterator[Learner]:
    with opened(tmp_path) as found:
        yield found
