"""A commit whose definition is not the loaded one is built by its own, in a process that reads it."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from project_fixtures import checkout, edit
from sandbox import Checkout, git
from tiny import write_tiny

from ascend_assets.commits import child
from ascend_assets.commits.child import CandidateRefused, CandidateUnusable
from resources import process
from resources.locks import ModelBusy, model_lock

__all__ = ["checkout", "edit"]


@pytest.fixture
def inside(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """The checkout is the project, and its environment ours."""
    monkeypatch.setattr(child, "PROJECT", checkout.root)
    monkeypatch.setattr(os, "environ", dict(checkout.env()))
    return checkout


def committed(project: Checkout) -> str:
    """What lies there, as a commit; the working tree returns to the one before."""
    git(project.root, "add", "-A")
    git(project.root, "commit", "-qm", "another")
    commit = git(project.root, "rev-parse", "HEAD")
    git(project.root, "reset", "-q", "--hard", "HEAD~1")
    return commit


def test_a_commit_is_built_by_the_definition_that_it_has(
    inside: Checkout, edit: Callable[[Path, str, str], None], tmp_path: Path
) -> None:
    model = inside.root / "ascend_assets" / "defs" / "tiny"
    edit(model / "defs.yaml", "task: classification", "task: another")
    own = committed(inside)
    write_tiny(model, scale=1e6)
    overflows = committed(inside)
    said: list[str] = []
    ended = child.build("tiny", own, tmp_path / "locks", said.append)
    assert ended.deployed
    assert own[:12] in ended.candidate
    assert ended.environment == "dev"
    with pytest.raises(CandidateRefused, match=f"tiny at {overflows[:12]} is refused: ."):
        child.build("tiny", overflows, tmp_path / "locks", said.append)
    assert any("is refused" in line for line in said), "what it says is heard"
    assert not any(line.startswith("{") for line in said)


def test_what_cannot_be_built_says_why(inside: Checkout, tmp_path: Path) -> None:
    with pytest.raises(CandidateUnusable, match="nothing at"):
        child.build("nothing", git(inside.root, "rev-parse", "HEAD"), tmp_path / "locks", lambda _: None)


def test_somebody_at_the_model_is_waited_for_and_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_POLL_SECONDS", 0.05)
    monkeypatch.setattr(process, "run", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("begun")))
    said: list[str] = []
    with model_lock(tmp_path, "tiny", "by hand"):
        with pytest.raises(ModelBusy):
            child.build("tiny", "1" * 40, tmp_path, said.append, busy_seconds=0.2)
        assert "waiting: model 'tiny' is busy" in said[0]
        assert "by hand" in said[0]
        waited = threading.Thread(target=lambda: raises_begun(tmp_path, said))
        waited.start()
        time.sleep(0.2)
        assert "begun" not in said
    waited.join(30)
    assert "begun" in said


def raises_begun(locks: Path, said: list[str]) -> None:
    try:
        child.build("tiny", "1" * 40, locks, said.append)
    except RuntimeError as error:
        said.append(str(error))


@pytest.mark.parametrize("printed", ["", "no json", '{"candidate": 3}', "{", '{"because": "' + "x" * 30_000 + '"}'])
def test_what_the_child_prints_is_not_believed_blindly(printed: str) -> None:
    assert child._read(printed) is None
