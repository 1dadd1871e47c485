"""A remote is listed and fetched from within bounds, into a place of its own, by nobody's programs but git's."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from git_server import GitServer, bare_copy, http_server
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sandbox import GIT, git

from resources import git_remote, process
from resources.git_address import BadAddress, remote
from resources.git_remote import (
    RemoteFailed,
    RemoteTooLarge,
    Tip,
    fetch,
    forget,
    listing,
    mirrored,
    own_address,
    usable,
)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main", str(tmp_path / "here"))
    return tmp_path / "here"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A bare repository with a branch, a light tag and an annotated one."""
    work = tmp_path / "work"
    git(tmp_path, "init", "-q", "-b", "main", str(work))
    git(work, "commit", "-q", "--allow-empty", "-m", "first")
    git(work, "tag", "light")
    git(work, "tag", "-m", "full", "full")
    bare_copy(work, tmp_path / "served" / "there.git")
    return tmp_path / "served" / "there.git"


@pytest.fixture
def server(there: Path) -> Iterator[GitServer]:
    with http_server(there) as made:
        yield made


def test_tips_are_commits_and_a_tag_has_its_own_object(here: Path, there: Path) -> None:
    commit, tag = git(there, "rev-parse", "main"), git(there, "rev-parse", "full")
    found = listing(here, remote(str(there)))
    assert dict(found.tips) == {
        "heads/main": Tip(commit, commit),
        "tags/light": Tip(commit, commit),
        "tags/full": Tip(tag, commit),
    }
    assert found.unusable == 0


def test_what_is_fetched_stands_where_nobody_trips_over_it(here: Path, server: GitServer) -> None:
    where = remote(server.url)
    fetch(here, where, "origin", ["heads/main", "tags/full"])
    tips = listing(here, where).tips
    assert mirrored(here, "origin") == {ref: tips[ref].oid for ref in ("heads/main", "tags/full")}
    assert git(here, "branch", "--all") == ""
    assert git(here, "tag") == ""
    assert not (here / ".git" / "FETCH_HEAD").exists()
    forget(here, "origin", ["heads/main", "heads/never", "../../heads/x"])
    assert set(mirrored(here, "origin")) == {"tags/full"}
    fetch(here, where, "origin", [])
    assert mirrored(here, "other") == {}


def test_a_branch_that_stands_in_the_way_of_another_is_removed_first(here: Path, server: GitServer) -> None:
    where = remote(server.url)
    git(server.bare, "branch", "a", "main")
    fetch(here, where, "origin", ["heads/a"])
    git(server.bare, "branch", "-D", "a")
    git(server.bare, "branch", "a/b", "main")
    forget(here, "origin", ["heads/a"])
    fetch(here, where, "origin", ["heads/a/b"])
    assert set(mirrored(here, "origin")) == {"heads/a/b"}


def test_too_many_names_are_not_taken(here: Path, there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_remote, "MAX_REFS", 2)
    with pytest.raises(RemoteTooLarge, match="more than 2 branches and tags"):
        listing(here, remote(str(there)))


def test_a_fetch_that_grows_too_large_is_ended(here: Path, server: GitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_remote, "MAX_FETCH_BYTES", -1)
    monkeypatch.setattr(process, "_WAIT_SECONDS", 0.2)
    server.seconds, server.slow_on = 5.0, "/git-upload-pack"
    with pytest.raises(RemoteTooLarge):
        fetch(here, remote(server.url), "origin", ["heads/main"], seconds=60)
    assert mirrored(here, "origin") == {}


def test_what_killed_fetches_left_is_removed_and_what_goes_on_is_not(here: Path, server: GitServer) -> None:
    packs = here / ".git" / "objects" / "pack"
    old, young, kept = packs / "tmp_pack_old", packs / "tmp_pack_young", packs / "pack-1.pack"
    for path in (old, young, kept):
        path.write_bytes(b"x")
        os.utime(path, (time.time() - 7200, time.time() - (10 if path == young else 7200)))
    fetch(here, remote(server.url), "origin", ["heads/main"])
    assert (old.exists(), young.exists(), kept.exists()) == (False, True, True)


def test_a_branch_that_went_meanwhile_is_an_error_and_nothing_else(here: Path, server: GitServer) -> None:
    with pytest.raises(RemoteFailed, match="couldn't find remote ref"):
        fetch(here, remote(server.url), "origin", ["heads/gone"])


def test_ssh_asks_nobody_and_is_the_users_own(
    here: Path, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, owned = tmp_path / "log", tmp_path / "owned"
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$HOME $*" >> {log}\nfor last; do :; done\nexec sh -c "$last"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", "/home/ada")
    git(here, "config", "core.sshCommand", f"touch {owned}; false")
    where = remote(f"git@example.com:{there}")
    assert set(listing(here, where).tips) == {"heads/main", "tags/light", "tags/full"}
    fetch(here, where, "origin", ["heads/main"])
    said = log.read_text()
    assert said.startswith("/home/ada -o BatchMode=yes -o ConnectTimeout=8 ")
    assert "git@example.com" in said
    assert not owned.exists()


def test_only_what_the_address_needs_is_open(here: Path, server: GitServer, there: Path) -> None:
    git(here, "config", f"url.{there}.insteadOf", server.url)
    with pytest.raises(RemoteFailed, match="transport 'file' not allowed"):
        listing(here, remote(server.url))


def test_the_projects_own_remotes(here: Path) -> None:
    assert own_address(here, "origin") == ""
    git(here, "remote", "add", "origin", "https://example.com/a")
    assert own_address(here, "origin") == "https://example.com/a"
    with pytest.raises(BadAddress):
        own_address(here, "--all")


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet=st.sampled_from("ab/.@{}-~^:?*[\\ \x7flock\u00e9"), min_size=1, max_size=8))
@example("/@")
def test_a_name_that_is_followed_is_one_that_git_takes(name: str) -> None:
    taken = subprocess.run([GIT, "check-ref-format", f"refs/heads/{name}"], check=False).returncode == 0
    assert usable(f"heads/{name}") <= taken
    if name.isascii() and name.isalnum():
        assert usable(f"heads/{name}")
