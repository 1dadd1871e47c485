"""Git answers for the repository alone, runs nothing that the repository names, and freezes what would be committed."""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from resources import git
from resources.digests import sha256_file
from resources.git import UnknownFolder, UnknownRevision
from resources.git_command import GitError, GitMissing, GitTimeout, NotARepository, started
from resources.git_objects import LfsMissing, Submodule
from resources.tarball import ArchiveError, UnsafePath, unpack

Git = Callable[..., str]
MODEL = {"defs.yaml": "name: digits\n", "train.py": "print('train')\n", "data/x.csv": "1,2\n"}


def in_git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Ada Lovelacé", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
    env = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    command = ["git", *identity, "-c", "protocol.file.allow=always", *arguments]
    return subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True, text=True).stdout.strip()


def write(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, newline="")


def commit(repo: Path) -> str:
    in_git(repo, "add", "--all")
    in_git(repo, "commit", "--quiet", "--message", "a change")
    return in_git(repo, "rev-parse", "HEAD")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with one model, in `defs/digits`, and one commit."""
    top = tmp_path / "repo"
    in_git(tmp_path, "init", "--quiet", "--initial-branch=main", str(top))
    write(top / "defs" / "digits", MODEL)
    write(top, {".gitignore": "*.log\n__pycache__/\n", "README": "hello\n"})
    (top / "defs" / "digits" / "train.py").chmod(0o755)
    commit(top)
    return top


@pytest.fixture
def model(repo: Path) -> Path:
    return repo / "defs" / "digits"


class Frozen:
    """Archives and snapshots of the model, each in a file of its own, by what they hold."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _next(self) -> Path:
        return self.folder / f"{len(list(self.folder.iterdir()))}.tar"

    def archive(self, repo: Path, folder: str = "defs/digits", commit: str = "") -> Path:
        return git.archive(repo, commit or git.head(repo), folder, self._next())

    def snapshot(self, folder: Path) -> Path:
        return git.snapshot(folder, self._next())

    def files(self, archive: Path) -> dict[str, bytes]:
        into = unpack(archive, archive.with_suffix(""))
        return {str(p.relative_to(into)): p.read_bytes() for p in sorted(into.rglob("*")) if p.is_file()}


@pytest.fixture
def frozen(tmp_path: Path) -> Frozen:
    (tmp_path / "frozen").mkdir()
    return Frozen(tmp_path / "frozen")


def the_same(one: Path, other: Path) -> bool:
    return sha256_file(one) == sha256_file(other)


# What git knows.


def test_head_is_the_commit_that_is_checked_out(repo: Path, model: Path) -> None:
    assert git.head(repo) == git.head(model) == in_git(repo, "rev-parse", "HEAD")
    assert git.author(repo, git.head(repo)) == "Ada Lovelacé <ada@example.com>"
    assert git.repository(model) == repo


@pytest.mark.parametrize(
    ("clock", "moment"),
    [
        ("1795185780 +0800", datetime(2026, 11, 20, 14, 43, tzinfo=UTC)),
        ("99999999999999999 +0000", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_commits_time_is_utc_and_its_committers_clock_is_not_trusted(
    repo: Path, clock: str, moment: datetime
) -> None:
    tree = in_git(repo, "rev-parse", "HEAD^{tree}")
    text = f"tree {tree}\nauthor A <a@b> 1 +0000\ncommitter B <b@c> {clock}\n\nauthor of nothing\n"
    write(repo, {"commit": text})
    made = in_git(repo, "hash-object", "-t", "commit", "-w", "--literally", "commit")
    assert git.committed_at(repo, made) == moment
    assert git.author(repo, made) == "A <a@b>"


def test_names_of_a_commit_are_resolved(repo: Path) -> None:
    first = git.head(repo)
    in_git(repo, "tag", "-a", "v1.0", "-m", "first")
    in_git(repo, "branch", "feature/a-b")
    write(repo, {"README": "changed"})
    second = commit(repo)
    for name in ("v1.0", "feature/a-b", "HEAD~1", "main^", first[:10], first, "refs/tags/v1.0", "@~"):
        assert git.resolve(repo, name) == first
    assert git.resolve(repo, "main") == second


@pytest.mark.parametrize(
    "name",
    ["", "-x", "--all", "--output=/tmp/x", "HEAD:README", ":/a", "a..b", "a b", "a\nb", "a\0", "$(id)", "x" * 300],
)
def test_what_is_no_name_of_a_commit_never_reaches_git(repo: Path, name: str) -> None:
    with pytest.raises(UnknownRevision, match="is no name of a commit"):
        git.resolve(repo, name)


def test_a_commit_that_is_not_here_is_told_with_what_may_be_wrong(repo: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownRevision, match="has no commit nope: `git fetch` if it is new"):
        git.resolve(repo, "nope")
    with pytest.raises(UnknownRevision):
        git.resolve(repo, "HEAD^{tree}")
    old = git.head(repo)
    write(repo, {"README": "changed"})
    commit(repo)
    in_git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repo}", "shallow")
    with pytest.raises(UnknownRevision, match="this clone is shallow: `git fetch --unshallow` first"):
        git.resolve(tmp_path / "shallow", old)
    with pytest.raises(UnknownRevision, match="shallow"):
        git.archive(tmp_path / "shallow", old, "defs/digits", tmp_path / "a.tar")


def test_a_repository_without_a_commit(tmp_path: Path, frozen: Frozen) -> None:
    in_git(tmp_path, "init", "--quiet", "new")
    write(tmp_path / "new", MODEL)
    with pytest.raises(UnknownRevision, match="it has no commit yet"):
        git.head(tmp_path / "new")
    assert git.is_dirty(tmp_path / "new")
    assert set(frozen.files(frozen.snapshot(tmp_path / "new"))) == set(MODEL)


def test_no_repository(tmp_path: Path) -> None:
    assert git.repository(tmp_path) is None
    for ask in (git.head, git.is_dirty):
        with pytest.raises(NotARepository, match="run `git init` there, or name another folder"):
            ask(tmp_path)
    with pytest.raises(NotARepository, match="is no folder"):
        git.head(tmp_path / "missing")


def test_a_bare_repository_has_commits_and_no_working_tree(repo: Path, tmp_path: Path, frozen: Frozen) -> None:
    in_git(tmp_path, "clone", "--quiet", "--bare", str(repo), "bare")
    assert git.head(tmp_path / "bare") == git.head(repo)
    assert the_same(frozen.archive(tmp_path / "bare"), frozen.archive(repo))
    with pytest.raises(NotARepository, match="name a clone that is not bare"):
        git.is_dirty(tmp_path / "bare")


def test_without_git_on_path_it_says_so(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitMissing, match="git is not on PATH: install it"):
        git.head(repo)


def test_git_that_hangs_is_stopped(repo: Path) -> None:
    began = time.monotonic()
    with (
        pytest.raises(GitTimeout, match=r"longer than 0.2 s"),
        started(repo, "cat-file", "--batch", timeout=0.2) as (_, out),
    ):
        out.read()
    assert time.monotonic() - began < 50


def test_variables_that_point_elsewhere_are_not_listened_to(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a git hook, which has GIT_DIR set for the repository that it runs in."""
    expected = git.head(repo)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    assert git.head(repo) == expected
    assert not git.is_dirty(repo)


# Dirty or not.


def test_a_fresh_commit_is_clean(repo: Path, model: Path) -> None:
    write(model, {"run.log": "ignored", "__pycache__/x.pyc": "ignored"})
    assert not git.is_dirty(repo)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda repo: write(repo, {"README": "changed"}), "README"),
        (lambda repo: write(repo, {"new file": ""}), "new file"),
        (lambda repo: (repo / "README").unlink(), "README"),
        (lambda repo: (repo / "README").chmod(0o755), "README"),
        (lambda repo: in_git(repo, "rm", "--quiet", "--cached", "README"), "README"),
        (lambda repo: in_git(repo, "mv", "README", "READ ME"), "READ ME"),
        (lambda repo: ((repo / "README").unlink(), (repo / "README").symlink_to("x")), "README"),
    ],
    ids=["changed", "new", "deleted", "mode", "unstaged", "moved", "link"],
)
def test_every_change_makes_it_dirty(repo: Path, change: Callable[[Path], object], path: str) -> None:
    change(repo)
    assert git.is_dirty(repo)
    assert path in git.dirty_files(repo)


def test_a_conflict_is_dirty(repo: Path) -> None:
    in_git(repo, "checkout", "--quiet", "-b", "other")
    write(repo, {"README": "theirs"})
    commit(repo)
    in_git(repo, "checkout", "--quiet", "main")
    write(repo, {"README": "ours"})
    commit(repo)
    with pytest.raises(subprocess.CalledProcessError):
        in_git(repo, "merge", "other")
    assert git.dirty_files(repo) == ("README",)


def test_ignore_rules_of_the_user_do_not_count(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine must give the same answer."""
    write(
        tmp_path,
        {"home/.config/git/ignore": "*.secret\n", "home/.gitconfig": "[core]\nexcludesFile=~/.config/git/ignore\n"},
    )
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))
    in_git(repo, "config", "core.excludesFile", str(tmp_path / "home" / ".config" / "git" / "ignore"))
    write(repo, {"x.secret": ""})
    assert git.dirty_files(repo) == ("x.secret",)


# Freezing sources.


def test_an_archive_is_the_folder_at_the_commit(repo: Path, model: Path, frozen: Frozen) -> None:
    at = git.head(repo)
    write(model, {"train.py": "changed", "new.py": "new"})
    assert frozen.files(frozen.archive(repo, commit=at)) == {k: v.encode() for k, v in MODEL.items()}
    assert the_same(frozen.archive(repo, str(model), commit=at), frozen.archive(model, "defs/digits/", commit=at))


def test_a_snapshot_is_the_folder_as_it_is(model: Path, frozen: Frozen) -> None:
    write(model, {"train.py": "changed", "new.py": "new", "run.log": "ignored"})
    (model / "data" / "x.csv").unlink()
    assert frozen.files(frozen.snapshot(model)) == {
        "defs.yaml": b"name: digits\n",
        "new.py": b"new",
        "train.py": b"changed",
    }


def test_neither_changes_the_repository(repo: Path, model: Path, frozen: Frozen) -> None:
    write(model, {"new.py": "new"})
    (model / "train.py").touch()

    def state() -> dict[str, str]:
        return {str(path): sha256_file(path) for path in repo.rglob("*") if path.is_file()}

    before = state()
    frozen.archive(repo)
    frozen.snapshot(model)
    git.is_dirty(repo)
    assert state() == before


def test_clean_archive_and_snapshot_are_the_same_bytes(repo: Path, model: Path, frozen: Frozen) -> None:
    assert the_same(frozen.archive(repo), frozen.snapshot(model))
    assert the_same(frozen.archive(repo, ""), frozen.snapshot(repo))


def test_a_snapshot_is_what_the_archive_will_be(repo: Path, model: Path, frozen: Frozen) -> None:
    write(model, {"train.py": "changed", "ü ber/\tnew.py": "new", "-x": "dash", "*": "star"})
    (model / "link").symlink_to("data/x.csv")
    (model / "run.sh").write_text("#!/bin/sh\n")
    (model / "run.sh").chmod(0o700)
    before = frozen.snapshot(model)
    commit(repo)
    assert the_same(before, frozen.archive(repo))


def test_outside_git_a_snapshot_of_the_same_files_is_the_same_bytes(
    model: Path, tmp_path: Path, frozen: Frozen
) -> None:
    write(tmp_path / "plain", {**MODEL, ".hidden": "x", ".venv/lib": "x", "__pycache__/x.pyc": "x", "a/.b/c": "x"})
    (tmp_path / "plain" / "train.py").chmod(0o700)
    assert the_same(frozen.snapshot(tmp_path / "plain"), frozen.snapshot(model))


def test_the_same_content_in_another_clone_is_the_same_bytes(repo: Path, tmp_path: Path, frozen: Frozen) -> None:
    in_git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repo}", "clone")
    in_git(tmp_path / "clone", "commit", "--quiet", "--allow-empty", "-m", "another commit")
    assert the_same(frozen.archive(tmp_path / "clone"), frozen.archive(repo))


def test_attributes_neither_rewrite_nor_leave_out(repo: Path, model: Path, frozen: Frozen) -> None:
    """`git archive` would expand the first, leave out the second and convert the third."""
    write(model, {".gitattributes": "id.txt export-subst ident\ntests export-ignore\n*.bat text eol=crlf\n"})
    write(model, {"id.txt": "$Format:%H$ $Id$\n", "tests/x.py": "x", "run.bat": "a\r\nb\r\n"})
    commit(repo)
    in_git(repo, "checkout", "--quiet", "HEAD", "--", ".")
    files = frozen.files(frozen.archive(repo))
    assert files["id.txt"] == b"$Format:%H$ $Id$\n"
    assert files["tests/x.py"] == b"x"
    assert files["run.bat"] == b"a\nb\n"
    assert the_same(frozen.archive(repo), frozen.snapshot(model))


def test_line_ends_are_those_that_would_be_committed(repo: Path, model: Path, frozen: Frozen) -> None:
    in_git(repo, "config", "core.autocrlf", "true")
    write(model, {"train.py": "changed\r\nby hand\r\n"})
    before = frozen.snapshot(model)
    assert frozen.files(before)["train.py"] == b"changed\nby hand\n"
    commit(repo)
    assert the_same(before, frozen.archive(repo))


def test_a_change_in_the_moment_of_the_commit_is_seen(repo: Path, model: Path, frozen: Frozen) -> None:
    """Same size, same time: git reads such a file again, if the index that it looks at is no younger."""
    in_git(repo, "config", "core.trustctime", "false")
    write(model, {"train.py": "value = 1\n"})
    moment = (model / "train.py").stat().st_mtime_ns - 10**10
    os.utime(model / "train.py", ns=(moment, moment))
    commit(repo)
    write(model, {"train.py": "value = 2\n"})
    for path in (model / "train.py", repo / ".git" / "index"):
        os.utime(path, ns=(moment, moment))
    assert frozen.files(frozen.snapshot(model))["train.py"] == b"value = 2\n"


@pytest.mark.parametrize("target", ["/etc/passwd", "../../README", "data/../../other", ""])
def test_a_link_out_of_the_folder_is_refused(repo: Path, model: Path, frozen: Frozen, target: str) -> None:
    if not target:
        target = "x" * 1500
    (model / "link").symlink_to(target)
    with pytest.raises(UnsafePath, match="link"):
        frozen.snapshot(model)
    commit(repo)
    with pytest.raises(UnsafePath, match="link"):
        frozen.archive(repo)
    assert list(frozen.folder.iterdir()) == []


def test_a_folder_that_is_not_there(repo: Path, frozen: Frozen, tmp_path: Path) -> None:
    with pytest.raises(UnknownFolder, match="has no folder defs/letters: commit it first"):
        frozen.archive(repo, "defs/letters")
    with pytest.raises(UnknownFolder, match="README is no folder"):
        frozen.archive(repo, "README")
    with pytest.raises(UnknownFolder, match="not inside the repository"):
        frozen.archive(repo, str(tmp_path))
    with pytest.raises(UnknownFolder, match="leaves the repository"):
        frozen.archive(repo, "defs/../..")
    with pytest.raises(UnknownRevision, match="resolve the name first"):
        frozen.archive(repo, commit="main")
    with pytest.raises(UnknownRevision, match="has no commit 0000"):
        frozen.archive(repo, commit="0" * 40)


def test_a_folder_without_files(repo: Path, tmp_path: Path, frozen: Frozen) -> None:
    for folder in (tmp_path / "empty", repo / "empty"):
        folder.mkdir()
        with pytest.raises(ArchiveError, match="is the folder empty, or is all of it ignored"):
            frozen.snapshot(folder)


def test_a_folder_that_git_ignores(repo: Path, frozen: Frozen) -> None:
    write(repo, {"build.log/x.py": "x"})
    with pytest.raises(GitError, match="ignored"):
        frozen.snapshot(repo / "build.log")


def test_a_nested_repository_is_refused(repo: Path, model: Path, tmp_path: Path, frozen: Frozen) -> None:
    in_git(tmp_path, "clone", "--quiet", str(repo), str(model / "nested"))
    with pytest.raises(Submodule, match="nested is a submodule or a nested repository"):
        frozen.snapshot(model)
    commit(repo)
    with pytest.raises(Submodule):
        frozen.archive(repo)


def test_a_missing_object_is_told(repo: Path, frozen: Frozen) -> None:
    blob = in_git(repo, "rev-parse", "HEAD:defs/digits/train.py")
    (repo / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(GitError, match=f"{blob} is missing.*git fsck"):
        frozen.archive(repo)
    assert list(frozen.folder.iterdir()) == []


def test_what_cannot_be_read_outside_git_is_told(tmp_path: Path, frozen: Frozen) -> None:
    write(tmp_path / "plain", MODEL)
    os.mkfifo(tmp_path / "plain" / "pipe")
    with pytest.raises(ArchiveError, match="pipe is neither a file nor a symbolic link"):
        frozen.snapshot(tmp_path / "plain")
    with pytest.raises(ArchiveError, match="missing cannot be read"):
        frozen.snapshot(tmp_path / "missing")


# Git LFS, without its program.

WEIGHTS = b"weights" * 1000
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{DIGEST}\nsize {len(WEIGHTS)}\n"


@pytest.fixture
def lfs_file(repo: Path, model: Path) -> Path:
    """The content of a committed pointer, in the repository's LFS folder and in the working tree, as LFS does."""
    write(model, {".gitattributes": "*.onnx filter=lfs diff=lfs merge=lfs -text\n", "m.onnx": POINTER})
    commit(repo)
    stored = repo / ".git" / "lfs" / "objects" / DIGEST[:2] / DIGEST[2:4] / DIGEST
    stored.parent.mkdir(parents=True)
    stored.write_bytes(WEIGHTS)
    (model / "m.onnx").write_bytes(WEIGHTS)
    return stored


def test_an_archive_has_the_file_and_not_its_pointer(repo: Path, model: Path, lfs_file: Path, frozen: Frozen) -> None:
    assert lfs_file.exists()
    assert frozen.files(frozen.archive(repo))["m.onnx"] == WEIGHTS
    assert the_same(frozen.archive(repo), frozen.snapshot(model))


def test_a_fetched_file_is_no_change_and_a_changed_one_is(repo: Path, model: Path, lfs_file: Path) -> None:
    assert lfs_file.exists()
    assert not git.is_dirty(repo)
    (model / "m.onnx").write_bytes(WEIGHTS[::-1])
    assert git.dirty_files(repo) == ("defs/digits/m.onnx",)


def test_a_file_that_was_not_fetched_is_told(repo: Path, lfs_file: Path, frozen: Frozen) -> None:
    lfs_file.unlink()
    with pytest.raises(LfsMissing, match=r"m\.onnx is a Git LFS pointer and its file is not here: run `git lfs fetch`"):
        frozen.archive(repo)


def test_a_damaged_file_is_never_taken(repo: Path, lfs_file: Path, frozen: Frozen) -> None:
    lfs_file.write_bytes(WEIGHTS[::-1])
    with pytest.raises(LfsMissing, match="is damaged"):
        frozen.archive(repo)


# A repository that wants to run programs.


def sprung_by_git_itself(repo: Path, mark: Path) -> bool:
    """Whether git as anybody runs it springs the trap. What it waits for then is no matter: it is killed."""
    silent = subprocess.DEVNULL
    command = [shutil.which("git") or "git", "status"]
    with subprocess.Popen(
        command, cwd=repo, stdin=silent, stdout=silent, stderr=silent, start_new_session=True
    ) as git_:
        deadline = time.monotonic() + 30
        while not mark.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(git_.pid, signal.SIGKILL)
    return mark.exists()


def test_nothing_that_a_repository_names_is_run(repo: Path, model: Path, tmp_path: Path, frozen: Frozen) -> None:
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\ncat\n")
    trap.chmod(0o755)
    for hook in ("post-index-change", "pre-commit", "post-checkout", "reference-transaction", "fsmonitor-watchman"):
        (repo / ".git" / "hooks" / hook).write_bytes(trap.read_bytes())
        (repo / ".git" / "hooks" / hook).chmod(0o755)
    write(model, {".gitattributes": "* filter=evil.one diff=evil\n*.csv filter=evil.two\n"})
    commit(repo)
    for key in (
        *("core.fsmonitor", "core.pager", "core.sshCommand", "core.askPass", "core.editor", "diff.external"),
        *("diff.evil.command", "diff.evil.textconv", "filter.evil.one.clean", "filter.evil.one.smudge"),
        *(
            "filter.evil.one.process",
            "filter.evil.two.process",
            "gpg.program",
            "credential.helper",
            "uploadpack.packObjectsHook",
        ),
    ):
        in_git(repo, "config", key, str(trap))
    in_git(repo, "config", "filter.evil.two.required", "true")
    in_git(repo, "config", "log.showSignature", "true")
    write(model, {"train.py": "changed", "data/x.csv": "changed", "new.csv": "new"})
    (tmp_path / "sprung").unlink()  # by making the commit
    git.author(repo, git.head(repo))
    assert "defs/digits/train.py" in git.dirty_files(repo)
    frozen.archive(repo)
    assert frozen.files(frozen.snapshot(model))["data/x.csv"] == b"changed"
    assert not (tmp_path / "sprung").exists()
    assert sprung_by_git_itself(repo, tmp_path / "sprung"), "the trap does not work"


def test_a_partial_clone_fetches_nothing(repo: Path, tmp_path: Path, frozen: Frozen) -> None:
    """Fetching a missing object would run what the configuration calls the other side's program."""
    in_git(repo, "config", "uploadpack.allowFilter", "true")
    in_git(tmp_path, "clone", "--quiet", "--no-checkout", "--filter=blob:none", f"file://{repo}", "partial")
    in_git(tmp_path / "partial", "config", "remote.origin.uploadpack", f"touch {tmp_path}/sprung; git-upload-pack")
    with pytest.raises(GitError):
        frozen.archive(tmp_path / "partial", commit=git.head(repo))
    assert not (tmp_path / "sprung").exists()


def test_a_replaced_commit_is_what_its_id_says(repo: Path, model: Path, frozen: Frozen) -> None:
    honest, before = git.head(repo), frozen.archive(repo)
    write(model, {"train.py": "evil"})
    in_git(repo, "replace", honest, commit(repo))
    assert the_same(frozen.archive(repo, commit=honest), before)


def test_a_working_tree_elsewhere_is_not_read(repo: Path, model: Path, tmp_path: Path, frozen: Frozen) -> None:
    write(tmp_path / "elsewhere", {"secret": "not yours"})
    in_git(repo, "config", "core.worktree", str(tmp_path / "elsewhere"))
    for ask in (frozen.snapshot, git.is_dirty):
        with pytest.raises(NotARepository, match=r"elsewhere: unset core\.worktree"):
            ask(model)


def test_a_repository_of_another_owner_is_read(repo: Path, model: Path, frozen: Frozen) -> None:
    """A container often runs as another user than the owner of the checkout, which git refuses by default."""
    before = frozen.archive(repo)
    if os.geteuid() == 0:
        os.chown(repo, 65534, 65534)
        os.chown(repo / ".git", 65534, 65534)
    assert the_same(frozen.archive(repo), before)
    assert the_same(frozen.snapshot(model), before)


def test_subjects_tell_what_changed_a_folder_since_a_commit(repo: Path, model: Path) -> None:
    first = git.head(repo)
    write(model, {"train.py": "print(2)\n"})
    in_git(repo, "commit", "--all", "--quiet", "--message", "Train again")
    write(repo, {"README": "bye\n"})
    in_git(repo, "commit", "--all", "--quiet", "--message", "Other words")
    write(model, {"train.py": "print(3)\n"})
    in_git(repo, "commit", "--all", "--quiet", "--message", "Train once more")
    found = git.subjects(repo, first, git.head(repo), model)
    assert [line.split(" ", 1)[1] for line in found] == ["Train once more", "Train again"]
    assert len(git.subjects(repo, first, git.head(repo), "")) == 3
    assert len(git.subjects(repo, first, git.head(repo), model, limit=1)) == 1
    assert git.subjects(repo, "0" * 40, git.head(repo), model) == ()


def commit_by(repo: Path, name: str, mail: str, message: str = "change") -> str:
    (repo / "defs" / "digits" / "train.py").write_text(f"# {name} {mail} {message}\n")
    in_git(repo, "add", "-A")
    in_git(repo, "commit", "-q", f"--author={name} <{mail}>", "-m", message)
    return git.head(repo)


def test_authors_are_all_who_wrote_since_a_commit(repo: Path, model: Path) -> None:
    first = git.head(repo)
    commit_by(repo, "Bob", "bob@example.com")
    last = commit_by(repo, "Eve", "eve@example.com", "together\n\nCo-authored-by: Zoe <zoe@example.com>")
    (repo / "elsewhere.txt").write_text("x")
    in_git(repo, "add", "-A")
    in_git(repo, "commit", "-q", "--author=Mallory <m@example.com>", "-m", "another folder")
    here = git.head(repo)
    assert git.authors(repo, first, here, model) == (
        "Bob <bob@example.com>",
        "Eve <eve@example.com>",
        "Zoe <zoe@example.com>",
    )
    assert git.authors(repo, last, here, model) == ()


@pytest.mark.parametrize("since", ["", "0" * 40])
def test_where_it_is_not_known_since_when_everybody_is_an_author(repo: Path, model: Path, since: str) -> None:
    last = commit_by(repo, "Bob", "bob@example.com")
    assert git.authors(repo, since, last, model) == ("Ada Lovelacé <ada@example.com>", "Bob <bob@example.com>")


def test_an_author_known_by_two_names_has_both(repo: Path, model: Path) -> None:
    (repo / ".mailmap").write_text("Bob Work <bob@work.example> <bob@example.com>\n")
    first = git.head(repo)
    last = commit_by(repo, "Bob", "bob@example.com")
    assert git.authors(repo, first, last, model) == ("Bob <bob@example.com>", "Bob Work <bob@work.example>")


def test_a_tag_is_set_once(repo: Path) -> None:
    first = git.head(repo)
    assert git.tag(repo, "digits/v1.0.0", first, "digits 1.0.0 -m x\nsecond line")
    assert not git.tag(repo, "digits/v1.0.0", first, "again")
    assert in_git(repo, "cat-file", "-t", "digits/v1.0.0") == "tag"
    assert in_git(repo, "for-each-ref", "--format=%(contents)", "refs/tags/digits/v1.0.0").startswith("digits 1.0.0 -m")
    last = commit_by(repo, "Bob", "bob@example.com")
    with pytest.raises(git.TagExists, match=f"names commit {first[:12]}, not {last[:12]}"):
        git.tag(repo, "digits/v1.0.0", last, "moved")
    assert git.resolve(repo, "digits/v1.0.0") == first


@pytest.mark.parametrize("name", ["", "-d", "a b", "a//b", "../x", "a\n", "a..b", "a.lock", "refs/"])
def test_a_bad_name_of_a_tag_is_refused(repo: Path, name: str) -> None:
    with pytest.raises(GitError):
        git.tag(repo, name, git.head(repo), "x")
    assert in_git(repo, "tag") == ""


def test_a_tag_and_a_log_run_no_program_that_the_repository_names(repo: Path, model: Path, tmp_path: Path) -> None:
    program = tmp_path / "gpg"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    for key in ("tag.gpgSign", "tag.forceSignAnnotated", "log.showSignature"):
        in_git(repo, "config", key, "true")
    in_git(repo, "config", "gpg.program", str(program))
    first = git.head(repo)
    last = commit_by(repo, "Bob", "bob@example.com")
    git.tag(repo, "digits/v1.0.0", last, "x")
    git.authors(repo, first, last, model)
    git.subjects(repo, first, last, model)
    assert not (tmp_path / "ran").exists()
