"""The project's git repository on a volume of its own: cloned once, and brought to the remote's newest commit.

Here belongs what changes that clone. Not here: how a remote is spoken to (`git_remote.py`), or the branches that a
sensor follows, which are fetched beside and touch no working tree.
"""

from pathlib import Path

from resources import git, git_remote
from resources.git_address import Remote
from resources.git_command import GitError, run

SECONDS = 900.0
"""A first clone may be large."""
NAME = "origin"
_SAFE = {"core.fsync": "all"}


class NotOurs(GitError):
    """The folder holds something else than a clone, or somebody's changes."""


def bring(folder: Path, where: Remote, *, seconds: float = SECONDS) -> str:
    """Clone into a folder that is empty or missing, else bring its working tree to the remote's default branch.

    The commit that is checked out then is detached: nobody commits here. Returns a sentence of what was done. Raises
    `NotOurs` for a folder of something else and for changed files, `RemoteError`, `GitError`.
    """
    _begin(folder)
    run(folder, "config", "remote.origin.url", where.address, settings=_SAFE)
    commit = git_remote.fetch_head(folder, where, NAME, seconds=seconds)
    before = _head(folder)
    if before == commit:
        return f"{folder} is at {commit[:12]}, the newest of {where}"
    if before and git.is_dirty(folder):
        raise NotOurs(f"{folder} has changes that no commit has: move them away, then try again")
    run(folder, "checkout", "--quiet", "--force", "--detach", commit, settings=_SAFE)
    return f"{folder} is now at {commit[:12]}, the newest of {where}" + (f"; it was at {before[:12]}" if before else "")


def _begin(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / ".git").is_dir():
        return
    # A new volume's file system may have a folder of its own.
    foreign = sorted(path.name for path in folder.iterdir() if path.name != "lost+found")
    if foreign:
        raise NotOurs(f"{folder} holds {foreign[0]}{' and more' if len(foreign) > 1 else ''} and is no git repository")
    run(folder, "init", "--quiet", "--template=", settings=_SAFE)


def _head(folder: Path) -> str:
    try:
        return git.head(folder)
    except git.UnknownRevision:
        return ""
