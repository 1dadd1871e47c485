"""The project's clone on a volume: made once, brought up to date, never taken from somebody."""

from pathlib import Path

import pytest
from sandbox import git as run

from resources import git, git_clone
from resources.git_address import RemoteError, remote
from resources.git_clone import NotOurs, bring
from resources.git_remote import own_address


def commit(folder: Path, text: str) -> str:
    """Another commit there."""
    (folder / "file").write_text(text)
    run(folder, "add", "-A")
    run(folder, "commit", "-qm", text)
    return git.head(folder)


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    folder = tmp_path / "upstream"
    folder.mkdir()
    run(folder, "init", "-q")
    commit(folder, "one")
    return folder


@pytest.mark.parametrize("there", ["missing", "empty", "new volume"])
def test_an_empty_folder_becomes_a_clone(tmp_path: Path, upstream: Path, there: str) -> None:
    folder = tmp_path / "clone"
    if there != "missing":
        folder.mkdir()
    if there == "new volume":
        (folder / "lost+found").mkdir()
    assert "is now at" in bring(folder, remote(str(upstream)))
    assert git.head(folder) == git.head(upstream)
    assert (folder / "file").read_text() == "one"
    assert own_address(folder, "origin") == str(upstream)


def test_it_is_brought_to_the_newest_commit_and_left_there(tmp_path: Path, upstream: Path) -> None:
    folder, where = tmp_path / "clone", remote(str(upstream))
    before = bring(folder, where)
    newest = commit(upstream, "two")
    assert newest[:12] in bring(folder, where)
    assert newest[:12] not in before
    assert (folder / "file").read_text() == "two"
    assert "is at" in bring(folder, where)


def test_history_that_was_written_anew_is_followed(tmp_path: Path, upstream: Path) -> None:
    folder, where = tmp_path / "clone", remote(str(upstream))
    commit(upstream, "two")
    bring(folder, where)
    run(upstream, "reset", "-q", "--hard", "HEAD~1")
    other = commit(upstream, "three")
    bring(folder, where)
    assert git.head(folder) == other


def test_somebodys_changes_are_not_lost(tmp_path: Path, upstream: Path) -> None:
    folder, where = tmp_path / "clone", remote(str(upstream))
    bring(folder, where)
    (folder / "file").write_text("mine")
    commit(upstream, "two")
    with pytest.raises(NotOurs, match="has changes that no commit has"):
        bring(folder, where)
    assert (folder / "file").read_text() == "mine"


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, upstream: Path) -> None:
    folder = tmp_path / "clone"
    folder.mkdir()
    (folder / "precious").touch()
    with pytest.raises(NotOurs, match="holds precious and is no git repository"):
        bring(folder, remote(str(upstream)))
    assert [path.name for path in folder.iterdir()] == ["precious"]


def test_a_remote_that_is_not_there_can_be_tried_again(tmp_path: Path, upstream: Path) -> None:
    folder = tmp_path / "clone"
    with pytest.raises(RemoteError):
        bring(folder, remote(str(tmp_path / "nowhere")))
    bring(folder, remote(str(upstream)))
    assert git.head(folder) == git.head(upstream)


def test_no_token_is_written_down(tmp_path: Path) -> None:
    where = remote("http://127.0.0.1:1/project.git", "glpat-secret")
    with pytest.raises(RemoteError) as caught:
        git_clone.bring(tmp_path / "clone", where, seconds=20)
    assert "secret" not in str(caught.value)
    assert all(b"secret" not in path.read_bytes() for path in (tmp_path / "clone").rglob("*") if path.is_file())
