"""A git repository elsewhere: which branches and tags it has, and fetching some of them into a repository here.

Here belong how a token or ssh is used, and bounds on a remote: time, number of names, bytes.
Not here: what an address may be (`git_address.py`), how git is shielded from a repository (`git_command.py`), questions
about commits (`git_history.py`), or which branches are wanted.

What is fetched lies under `refs/ascend/<name>/` of the repository here, where no branch, no tag and no working tree
shows it. No token stands in an argument, an error or a file: git gets it by its environment.
"""

import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from resources import process
from resources.git_address import BadAddress, Remote, RemoteError
from resources.git_command import GitFailed, GitMissing, environment, run, started
from resources.process import Limits, ProcessError, ProcessFailed, ProcessTimeout, ProgramMissing

LIST_SECONDS = 10.0
"""A remote that has not told its branches by then is down."""
FETCH_SECONDS = 20.0
"""What a fetch may take while somebody waits for it."""
MAX_REFS = 50_000
MAX_FETCH_BYTES = 20 * 2**30

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHORT = re.compile(
    r"(heads|tags)/(?!.*(?:\.\.|@\{|//|/\.|\.lock/|\.lock$|[./]$))[^./\x00-\x20\x7f~^:?*\[\\][^\x00-\x20\x7f~^:?*\[\\]*"
)
_MAX_SHORT = 200
_STALE_SECONDS = 3600.0
_PROXY = ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
_TRUST = ("SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "CURL_CA_BUNDLE")
_SSH = "ssh -o BatchMode=yes -o ConnectTimeout=8 -o ServerAliveInterval=5 -o ServerAliveCountMax=2"
_SETTINGS = {
    # A redirected request would carry our token to wherever the answer says.
    "http.followRedirects": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "fetch.writeCommitGraph": "false",
    "fetch.recurseSubmodules": "false",
    "fetch.parallel": "1",
    "core.fsync": "all",  # these objects stay
    "core.compression": "-1",
}


class RemoteFailed(RemoteError):
    """The remote is down, refuses us, or answers nonsense."""


class RemoteTimeout(RemoteError):
    """The remote takes longer than it may."""


class RemoteTooLarge(RemoteError):
    """The remote has or sends more than is taken."""


@dataclass(frozen=True)
class Tip:
    """Where a branch or tag points. `oid`: the object, an annotated tag's own; `commit`: what that is about."""

    oid: str
    commit: str


@dataclass(frozen=True)
class Listing:
    """A remote's branches and tags by short name, `heads/main` and `tags/v1`. `unusable`: how many names are not."""

    tips: Mapping[str, Tip]
    unusable: int


def own_address(repo: Path, name: str) -> str:
    """The address of the repository's own remote of that name; empty where there is none. Raises `GitError`."""
    if not _NAME.fullmatch(name):
        raise BadAddress(f"{name[:80]!r} is no name of a remote")
    try:
        return run(repo, "remote", "get-url", name).decode(errors="replace").strip()
    except GitFailed as error:
        if "No such remote" in error.message:
            return ""
        raise


def listing(repo: Path, where: Remote, *, seconds: float = LIST_SECONDS) -> Listing:
    """Ask which branches and tags there are. Raises `RemoteError`."""
    lines: list[str] = []

    def take(line: str) -> None:
        if len(lines) >= MAX_REFS:
            raise RemoteTooLarge(f"{where} has more than {MAX_REFS} branches and tags: they are not followed")
        lines.append(line)

    _git(repo, where, ("ls-remote", "--quiet", "--heads", "--tags", "--", where.address), seconds, on_line=take)
    return _parsed(lines)


def fetch(repo: Path, where: Remote, name: str, wanted: Iterable[str], *, seconds: float = FETCH_SECONDS) -> None:
    """Bring branches and tags, by short name, into `refs/ascend/<name>/` here; whatever stood there is replaced.

    What a fetch has not finished is not there: the next one begins anew. Raises `RemoteError`.
    """
    refspecs = [f"+refs/{short}:{_mirror(name, short)}" for short in wanted if usable(short)]
    if not refspecs:
        return
    packs = _packs(repo)
    _tidy(packs)

    def watch(_seconds: float) -> None:
        if sum(path.stat().st_size for path in packs.glob("tmp_*")) > MAX_FETCH_BYTES:
            raise RemoteTooLarge(f"{where} sends more than {MAX_FETCH_BYTES // 2**30} GiB: fetch it by hand")

    flags = ("--no-tags", "--no-prune", "--no-recurse-submodules", "--no-write-fetch-head", "--no-auto-maintenance")
    more = ("--no-show-forced-updates", "--refmap=", "--upload-pack=git-upload-pack", "--stdin", "--", where.address)
    with tempfile.NamedTemporaryFile("w", prefix="ascend-refspecs-", encoding="utf-8") as file:
        file.write("\n".join(refspecs) + "\n")
        file.flush()
        _git(repo, where, ("fetch", "--quiet", *flags, *more), seconds, stdin=Path(file.name), on_wait=watch)


def fetch_head(repo: Path, where: Remote, name: str, *, seconds: float) -> str:
    """Bring the tip of the remote's default branch here, and return its commit's id. Raises `RemoteError`."""
    mirror = f"refs/ascend_head/{_checked(name)}"
    flags = ("--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--no-auto-maintenance", "--refmap=")
    more = ("--upload-pack=git-upload-pack", "--", where.address, f"+HEAD:{mirror}")
    _git(repo, where, ("fetch", "--quiet", *flags, *more), seconds)
    return run(repo, "rev-parse", "--verify", "--end-of-options", f"{mirror}^{{commit}}").decode().strip()


def mirrored(repo: Path, name: str) -> dict[str, str]:
    """What was fetched of a remote: short name -> object. Raises `GitError`."""
    prefix = f"refs/ascend/{_checked(name)}/"
    listed = run(repo, "for-each-ref", "--format=%(objectname) %(refname)", prefix).decode(errors="replace")
    pairs = (line.partition(" ") for line in listed.splitlines())
    return {refname.removeprefix(prefix): oid for oid, _, refname in pairs}


def forget(repo: Path, name: str, shorts: Iterable[str]) -> None:
    """Remove what was fetched of branches that are gone: their names could stand in the way of others."""
    lines = [f"delete {_mirror(name, short)}\n" for short in shorts if usable(short)]
    if lines:
        with started(repo, "update-ref", "--stdin") as (stdin, _):
            stdin.write("".join(lines).encode())


def usable(short: str) -> bool:
    """Whether a short name is one that git takes, that is printable, and that is not too long to be followed."""
    return len(short) <= _MAX_SHORT and short.isprintable() and bool(_SHORT.fullmatch(short)) and "\ufffd" not in short


def _git(
    repo: Path,
    where: Remote,
    arguments: tuple[str, ...],
    seconds: float,
    *,
    stdin: Path | None = None,
    on_line: Callable[[str], None] | None = None,
    on_wait: Callable[[float], None] | None = None,
) -> None:
    """Run git against a remote under a supervisor: with git itself its helpers (curl, ssh) are killed too."""
    limits = Limits(timeout=seconds, output=64 * 1024)
    try:
        process.run(
            ("git", "--no-pager", *arguments),
            cwd=repo,
            limits=limits,
            env=_environment(where),
            stdin=stdin,
            on_line=on_line,
            on_wait=on_wait,
        )
    except ProcessTimeout as error:
        raise RemoteTimeout(f"{where} did not finish `git {arguments[0]}` within {seconds:g} s") from error
    except ProgramMissing as error:
        raise GitMissing("git is not on PATH: install it, or add its folder to PATH") from error
    except ProcessFailed as error:
        raise RemoteFailed(_told(where, error, arguments[0])) from None
    except ProcessError as error:
        raise RemoteFailed(f"{where} cannot be asked: {where.clean(str(error))}") from None


def _told(where: Remote, error: ProcessFailed, command: str) -> str:
    said = where.clean(error.completed.stderr) or "it said nothing"
    hint = ""
    if re.search(r"returned error: 30\d", said):
        hint = ". It redirects to another place: write that one's address down instead"
    elif re.search(r"terminal prompts disabled|Authentication failed|returned error: 40[13]", said):
        hint = ". It asks who we are: name a variable that holds a token (token_env)"
    return f"{where} cannot be used: git {command} says: {said}{hint}"


def _environment(where: Remote) -> dict[str, str]:
    """Git's environment, opened for exactly what the address needs."""
    settings = {**_SETTINGS, f"protocol.{where.protocol}.allow": "always"}
    # An empty program is none: git would otherwise ask those that the repository's configuration names.
    extra = {"GIT_ALLOW_PROTOCOL": where.protocol, "GIT_ASKPASS": "", "GIT_PROXY_COMMAND": ""}
    kept: tuple[str, ...] = ()
    if where.protocol in {"http", "https"}:
        kept = (*_PROXY, *_TRUST)
        if where.login:
            place = "/".join(where.address.split("/")[:3])
            # Two spellings of one setting, for it is a list: the first empties it.
            settings[f"http.{place}/.extraHeader"] = ""
            settings[f"http.{place}/.extraheader"] = f"Authorization: Basic {where.encoded}"
    elif where.protocol == "ssh":
        kept = ("HOME", "SSH_AUTH_SOCK", "USER", "LOGNAME")
        extra |= {"GIT_SSH_COMMAND": _SSH, "GIT_SSH_VARIANT": "ssh"}
    extra |= {name: os.environ[name] for name in kept if name in os.environ}
    return environment(extra, settings)


def _parsed(lines: Iterable[str]) -> Listing:
    """Lines of `git ls-remote`; `^{}` marks the commit that an annotated tag is about."""
    found: dict[str, str] = {}
    peeled: dict[str, str] = {}
    unusable = 0
    for line in lines:
        oid, tab, refname = line.partition("\t")
        if not tab or not _OID.fullmatch(oid):
            continue  # what else git says, on stderr
        short = refname.removeprefix("refs/")
        if short.endswith("^{}"):
            peeled[short.removesuffix("^{}")] = oid
        elif usable(short):
            found[short] = oid
        else:
            unusable += 1
    return Listing({short: Tip(oid, peeled.get(short, oid)) for short, oid in found.items()}, unusable)


def _mirror(name: str, short: str) -> str:
    return f"refs/ascend/{_checked(name)}/{short}"


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadAddress(f"{name[:80]!r} is no name of a repository: lower-case letters, digits and '_'")
    return name


def _packs(repo: Path) -> Path:
    path = run(repo, "rev-parse", "--path-format=absolute", "--git-path", "objects/pack")
    return Path(path.decode(errors="surrogateescape").removesuffix("\n"))


def _tidy(packs: Path) -> None:
    """Remove what killed fetches left: git does so when it collects garbage, which is not ours to start."""
    for path in packs.glob("tmp_*"):
        try:
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                path.unlink()
        except FileNotFoundError:
            continue  # its own process has just finished with it
