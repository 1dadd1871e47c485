"""Whatever the remote does, a tick ends within its time, says so, and loses nothing."""

import base64
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from git_server import GitServer, daemon, silent
from sandbox import GIT, Sandbox, git
from tiny import write_tiny
from upstream import DEFS, Follower, Upstream, follow, keep, upstream

from ascend_assets.commits import refs, requests
from resources import git_remote

__all__ = ["follow", "upstream"]

Follow = Callable[..., Follower]
TOKEN = "glpat-Very_Secret.1234567890"  # noqa: S105 - nobody's
VARIABLE = "GIT_TOKEN"
BASIC = base64.b64encode(f"oauth2:{TOKEN}".encode()).decode()


def test_a_remote_that_is_down_is_told_since_when_and_nothing_is_lost(follow: Follow, upstream: Upstream) -> None:
    follower = follow()
    before = follower.state.refs
    commit = upstream.pushed()
    upstream.server.status = 503
    for times in (1, 2):
        assert follower.tick() == []
        assert follower.state.trouble is not None
        assert follower.state.trouble.times == times
        assert "503" in follower.state.trouble.why
        assert follower.told == follower.state.trouble.why
    assert follower.state.trouble is not None
    assert follower.state.trouble.since.endswith("+00:00")
    assert follower.state.refs == before
    upstream.server.status = 0
    assert follower.tick() == [("tiny", commit)]
    assert follower.state.trouble is None


@pytest.mark.parametrize(
    "nonsense", [b"hello\n", b"\x00" * 5000, b"ffff" + b"x" * 100_000, b"001e# service=git-upload-pack\n0000zzzz"]
)
def test_garbage_is_trouble(follow: Follow, upstream: Upstream, nonsense: bytes) -> None:
    follower = follow()
    upstream.server.garbage = nonsense
    assert follower.tick() == []
    assert follower.state.trouble is not None
    assert follower.told.isprintable()


def test_nobody_listens(follow: Follow) -> None:
    follower = follow()
    listening, port = silent()
    listening.close()
    follower.settings["url"] = f"http://127.0.0.1:{port}/models.git"
    assert follower.tick() == []
    assert follower.state.trouble is not None
    assert "Failed to connect" in follower.told or "onnection refused" in follower.told


def test_a_remote_that_never_answers_is_given_up(follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
    follower = follow()
    listening, port = silent()
    monkeypatch.setattr(git_remote.listing, "__kwdefaults__", {"seconds": 0.5})
    with listening:
        for address in (f"http://127.0.0.1:{port}/models.git", f"git://127.0.0.1:{port}/models.git"):
            follower.settings["url"] = address
            begin = time.monotonic()
            assert follower.tick() == []
            assert time.monotonic() - begin < 30
            assert "did not finish `git ls-remote` within 0.5 s" in follower.told
    assert not running(f"127.0.0.1:{port}/"), "its helper is dead too"


def test_an_empty_remote_makes_nothing_forgotten(follow: Follow, tmp_path: Path) -> None:
    follower = follow()
    git(tmp_path, "init", "-q", "--bare", str(tmp_path / "empty.git"))
    follower.settings["url"] = str(tmp_path / "empty.git")
    before = follower.state.refs
    assert follower.tick() == []
    assert "has no branch at all" in follower.told
    assert follower.state.refs == before


def test_a_slow_fetch_is_left_to_one_job(
    follow: Follow, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    follower = follow()
    commit = upstream.pushed()
    monkeypatch.setattr(git_remote.fetch, "__kwdefaults__", {"seconds": 0.7})
    upstream.server.seconds, upstream.server.slow_on = 3.0, "/git-upload-pack"
    monkeypatch.setattr("resources.git_remote.LIST_SECONDS", 60.0)
    monkeypatch.setattr(git_remote, "listing", quick_listing(upstream.server, git_remote.listing))
    assert follower.tick() == []
    (request,) = follower.asked
    assert request.job_name == "fetch_commits"
    assert request.run_key == "fetch:origin:1"
    assert request.run_config == {"ops": {"fetch_commits_step": {"config": {"repository": "origin"}}}}
    assert request.tags["ascend/why"] == "slow_fetch"
    run = keep(sandbox.instance, request, dg.DagsterRunStatus.STARTED)
    assert follower.tick() == []
    assert follower.asked == []
    assert follower.told == "a run of fetch_commits goes on. not here yet: heads/main"
    upstream.server.seconds = 0.0
    git(sandbox.root, "fetch", "-q", upstream.server.url, "+refs/heads/main:refs/ascend/origin/heads/main")
    assert follower.tick() == [("tiny", commit)], "what has come is handled while the job goes on"
    sandbox.instance.delete_run(run)
    assert follower.tick() == []
    assert follower.told == "no branch has a new commit"


def quick_listing(server: GitServer, real: Callable[..., Any]) -> Callable[..., Any]:
    """Only the fetch is slow: listing goes to the same address."""

    def _listing(*arguments: Any) -> Any:
        seconds, server.seconds = server.seconds, 0.0
        try:
            return real(*arguments)
        finally:
            server.seconds = seconds

    return _listing


def test_no_redirect_is_followed(follow: Follow, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, TOKEN)
    follower = follow(token_env=VARIABLE)
    listening, port = silent()
    with listening:
        upstream.server.redirect = f"http://127.0.0.1:{port}"
        assert follower.tick() == []
        listening.settimeout(0.0)
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert "It redirects to another place" in follower.told


def test_a_token_is_used_and_seen_nowhere(
    follow: Follow, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    monkeypatch.setenv(VARIABLE, TOKEN)
    upstream.server.demand = f"Basic {BASIC}"
    upstream.server.seconds, upstream.server.slow_on = 0.3, "info/refs"
    seen: list[str] = []
    over = threading.Event()
    watcher = threading.Thread(target=watch, args=(seen, over))
    watcher.start()
    follower = follow(token_env=VARIABLE)
    commit = upstream.commit()
    subprocess.run([GIT, "push", "-q", str(upstream.server.bare), "HEAD:main"], cwd=upstream.work, check=True)
    assert follower.tick() == [("tiny", commit)]
    cursors = [follower.cursor or ""]
    upstream.server.status = 403
    upstream.server.demand = ""
    follower.tick()
    upstream.server.demand = "Basic other"
    cursors.append(follower.told)
    follower.tick()
    over.set()
    watcher.join()
    told = "\n".join([*cursors, follower.told, follower.cursor or ""])
    assert "token_env" in told
    assert any("ls-remote" in line for line in seen), "the processes were watched"
    everywhere = "\n".join([told, *seen, (sandbox.root / ".git" / "config").read_text()])
    assert TOKEN not in everywhere
    assert BASIC not in everywhere


def test_a_token_that_is_not_there_is_told(follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
    follower = follow()
    monkeypatch.delenv(VARIABLE, raising=False)
    follower.settings["token_env"] = VARIABLE
    assert follower.tick() == []
    assert f"{VARIABLE} is not set where this runs" in follower.told


def test_without_an_address_the_projects_own_remote_is_followed(
    upstream: Upstream, sandbox: Sandbox, tmp_path: Path
) -> None:
    follower = Follower(sandbox, upstream, {"url": ""})
    assert follower.tick() == []
    assert "no remote 'origin'" in follower.told
    with daemon(upstream.server.bare.parent) as address:
        git(sandbox.root, "remote", "add", "origin", f"{address}/{upstream.server.bare.name}")
        assert follower.tick() == []
        commit = upstream.pushed()
        assert follower.tick() == [("tiny", commit)]
    outside = Follower(Sandbox(tmp_path / "outside", sandbox.instance), upstream, {"url": ""})
    write_tiny(outside.sandbox.model)
    assert outside.tick() == []
    assert "is in no git repository" in outside.told


@pytest.mark.parametrize(
    "url", ["ext::sh -c 'touch /tmp/owned'", "--upload-pack=touch", "fd::3", "http://", "ftp://a/b"]
)
def test_an_address_that_git_must_not_get_is_told(follow: Follow, url: str) -> None:
    follower = follow()
    follower.settings["url"] = url
    assert follower.tick() == []
    assert "address must be" in follower.told


def test_thousands_of_branches_are_bounded(follow: Follow, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refs, "MAX_FOLLOWED", 200)
    head = upstream.git("rev-parse", "HEAD")
    packed = "".join(f"{head} refs/heads/b/{number:05}\n" for number in range(5000))
    (upstream.server.bare / "packed-refs").write_text(
        f"# pack-refs with: peeled fully-peeled sorted \n{packed}{head} refs/heads/main\n"
    )
    begin = time.monotonic()
    follower = follow()
    commit = upstream.pushed()
    assert follower.tick() == [], "main is not among the first by name"
    assert time.monotonic() - begin < 60
    assert f"{5001 - refs.MAX_FOLLOWED} branches and tags are not followed" in follower.told
    assert len(follower.state.refs or {}) == refs.MAX_FOLLOWED
    assert len(follower.cursor or "") < 100 * refs.MAX_FOLLOWED
    follower.settings["branches"] = ["main"]
    assert follower.tick() == []
    assert follower.state.refs == {"heads/main": commit}
    assert "followed from here on: 1 branch or tag more" in follower.told


def test_hostile_names_are_not_followed(follow: Follow, upstream: Upstream) -> None:
    head = upstream.git("rev-parse", "HEAD")
    bad = ["a..b", "x.lock", ".x", "a//b", "a:b", "\u202eevil", "l" * 220, "-\x1b[2J", "end.", "a@{b", "\udcff"]
    good = ["main", "caf\u00e9", "--upload-pack=x", "deep/er/name"]
    upstream.server.garbage = advertised({f"refs/heads/{name}": head for name in (*bad, *good)})
    follower = Follower(follow().sandbox, upstream)
    assert follower.tick() == []
    assert set(follower.state.refs or {}) == {f"heads/{name}" for name in good}
    assert f"{len(bad)} branches or tags have names that are not followed" in follower.told
    assert follower.told.isprintable()


def test_odd_names_are_followed_like_others(follow: Follow, upstream: Upstream) -> None:
    follower = follow()
    commits = {}
    for name in ("--all", "caf\u00e9", "l" * 150, "#1", "a/b"):
        upstream.git("checkout", "-q", "--detach", "main")
        commits[name] = upstream.commit(text=name)
        upstream.push(f"HEAD:refs/heads/{name}")
    assert dict(zip(commits.values(), commits, strict=True)).keys() == {commit for _, commit in follower.ticks(3)}
    names = {requests.tag_of(f"heads/{name}") for name in commits}
    assert len(names) == len(commits)
    assert all(len(name) <= 63 and name.isascii() for name in names)


def advertised(refs_shown: dict[str, str]) -> bytes:
    """What a server says that git's own would not."""
    lines = [f"{oid} {name}" for name, oid in refs_shown.items()]
    lines[0] += "\0report-status agent=x"
    packets = [
        b"# service=git-upload-pack\n",
        None,
        *(f"{line}\n".encode(errors="surrogateescape") for line in lines),
        None,
    ]
    return b"".join(b"0000" if each is None else f"{len(each) + 4:04x}".encode() + each for each in packets)


def watch(seen: list[str], over: threading.Event) -> None:
    """Command lines of all processes, as anybody on the machine sees them."""
    while not over.wait(0.01):
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if "git" in line and line not in seen:
                seen.append(line)


def running(argument: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if argument in line:
            found.append(line)
    return found


def test_what_a_repository_says_of_programs_is_not_run(
    follow: Follow, upstream: Upstream, sandbox: Sandbox, tmp_path: Path
) -> None:
    owned = tmp_path / "owned"
    for key in ("core.sshCommand", "core.askPass", "core.gitProxy", "credential.helper", "core.fsmonitor"):
        git(sandbox.root, "config", key, f"touch {owned}; false")
    hook = sandbox.root / ".git" / "hooks" / "reference-transaction"
    hook.write_text(f"#!/bin/sh\ntouch {owned}\n")
    hook.chmod(0o755)
    follower = follow()
    upstream.server.demand = "Basic nothing"
    follower.tick()
    assert "It asks who we are" in follower.told
    upstream.server.demand = ""
    commit = upstream.pushed(f"{DEFS}/tiny/other.txt")
    assert follower.tick() == [("tiny", commit)]
    with daemon(upstream.server.bare.parent) as address:
        follower.settings["url"] = f"{address}/{upstream.server.bare.name}"
        follower.tick()
    assert not owned.exists()
