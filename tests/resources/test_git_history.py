"""What a branch went through, and what each of its commits changed."""

from pathlib import Path

import pytest
from sandbox import git

from resources import git_history
from resources.git_command import GitError
from resources.git_history import Commit, TooMuch, changed, content, files, first_parents, folders, known


class Repo:
    def __init__(self, path: Path) -> None:
        self.path = path
        git(path.parent, "init", "-q", "-b", "main", str(path))

    def commit(self, name: str, text: str = "") -> str:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text or name)
        git(self.path, "add", "-A")
        git(self.path, "commit", "-qm", name, "--allow-empty")
        return git(self.path, "rev-parse", "HEAD")

    def git(self, *arguments: str) -> str:
        return git(self.path, *arguments)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "repo")


def ids(commits: tuple[Commit, ...]) -> list[str]:
    return [commit.id for commit in commits]


def test_a_branch_is_walked_from_the_oldest_on_along_first_parents(repo: Repo) -> None:
    first, second = repo.commit("a"), repo.commit("b")
    repo.git("checkout", "-qb", "side")
    repo.commit("c")
    repo.git("checkout", "-q", "main")
    third = repo.commit("d")
    repo.git("merge", "-q", "--no-ff", "-m", "m", "side")
    merge = repo.git("rev-parse", "HEAD")
    walked = first_parents(repo.path, merge, [first])
    assert walked == (Commit(second, first), Commit(third, second), Commit(merge, third))
    assert changed(repo.path, walked[-1], ["c", "d"]) == ("c",)
    assert first_parents(repo.path, merge, [])[0] == Commit(first, "")
    assert ids(first_parents(repo.path, merge, [], limit=2)) == [third, merge]
    assert first_parents(repo.path, first, [merge]) == ()


def test_changes_are_those_below_the_places_asked_for(repo: Repo) -> None:
    root = Commit(repo.commit("models/a/x"), "")
    assert changed(repo.path, root, ["models"]) == ("models/a/x",)
    odd = Commit(repo.commit("models/*/caf\u00e9\n"), root.id)
    assert changed(repo.path, odd, ["models"]) == ("models/*/caf\u00e9\n",)
    assert changed(repo.path, odd, ["models/a", "other"]) == ()
    repo.git("mv", "models/a/x", "models/a/y")
    moved = Commit(repo.commit("models/a/z"), odd.id)
    assert changed(repo.path, moved, ["models/a"]) == ("models/a/x", "models/a/y", "models/a/z")


def test_what_a_commit_holds(repo: Repo) -> None:
    commit = repo.commit("models/a/defs.yaml", "hello")
    (repo.path / "models" / "link").symlink_to("a")
    later = repo.commit("models/file")
    assert folders(repo.path, later, "models") == ("a",)
    assert folders(repo.path, later, "nothing") == ()
    found = files(repo.path, commit, ["models/a/defs.yaml", "models/link", "models/a"])
    assert set(found) == {"models/a/defs.yaml"}
    assert files(repo.path, later, ["models/link"])["models/link"].mode == "120000"
    assert files(repo.path, later, []) == {}
    assert content(repo.path, found["models/a/defs.yaml"].oid, limit=5) == b"hello"
    with pytest.raises(TooMuch):
        content(repo.path, found["models/a/defs.yaml"].oid, limit=4)


def test_only_commits_are_known_and_however_many_are_asked_for(repo: Repo) -> None:
    commit = repo.commit("a")
    tree = repo.git("rev-parse", "HEAD^{tree}")
    unknown = [f"{number:040x}" for number in range(3000)]
    assert known(repo.path, [commit, tree, "main", "--all", "", *unknown]) == {commit}
    assert known(repo.path, []) == frozenset()


@pytest.mark.parametrize("bad", ["main", "--all", "", "0" * 39, "HEAD\n--all"])
def test_only_full_ids_reach_git(repo: Repo, bad: str) -> None:
    commit = repo.commit("a")
    for ask in (
        lambda: first_parents(repo.path, bad, []),
        lambda: first_parents(repo.path, commit, [bad]),
        lambda: changed(repo.path, Commit(bad, ""), ["a"]),
        lambda: folders(repo.path, bad, "a"),
        lambda: files(repo.path, bad, ["a"]),
        lambda: content(repo.path, bad, limit=1),
    ):
        with pytest.raises(GitError):
            ask()


def test_what_is_not_there_is_an_error_and_not_nothing(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = repo.commit("a")
    with pytest.raises(GitError):
        first_parents(repo.path, "1" * 40, [])
    with pytest.raises(GitError):
        changed(repo.path, Commit("1" * 40, commit), ["a"])
    monkeypatch.setattr(git_history, "_SECONDS", 0.0)
    with pytest.raises(GitError, match="took longer"):
        first_parents(repo.path, commit, [])
