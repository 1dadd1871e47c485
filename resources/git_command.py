"""Running git without trusting the repository.

Here belong git's command line, environment, time limit and errors. Not here: what is asked (`git.py`).

A repository's own configuration can name programs: hooks, file system monitors, filters, transports. None is run.
Neither the system's nor the user's configuration is read, so that an answer depends on the repository alone.
"""

import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Protocol, cast

TIMEOUT = 120.0
"""Seconds for one command."""

_MAX_OUTPUT = 64 * 1024 * 1024
_MAX_MESSAGE = 2000

_SETTINGS = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.untrackedCache": "false",
    "core.attributesFile": os.devnull,
    "core.excludesFile": os.devnull,
    "core.safecrlf": "false",
    "core.sshCommand": "false",
    "core.fsync": "none",  # the only objects we write are temporary
    "core.compression": "0",
    "credential.helper": "",
    "protocol.allow": "never",
    "submodule.recurse": "false",
    # A container often runs as another user than the checkout's owner. What that check guards against is off.
    "safe.directory": "*",
}
_ENVIRONMENT = {
    "LC_ALL": "C",
    "HOME": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_LITERAL_PATHSPECS": "1",
}


class GitError(Exception):
    """Base of what git cannot do. The message names the folder and says what to do."""


class GitMissing(GitError):
    """There is no git on PATH."""


class NotARepository(GitError):
    """The folder is in no git repository, or in a bare one where a working tree is needed."""


class GitTimeout(GitError):
    """Git took too long."""


class GitFailed(GitError):
    """Git ended with an error. `message` is what it printed."""

    def __init__(self, command: str, folder: Path, message: str) -> None:
        self.message = message
        super().__init__(f"git {command} failed in {folder}: {message or 'no message'}")


def run(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None, settings: Mapping[str, str] | None = None
) -> bytes:
    """Run one git command and return what it prints; `settings` are configuration on top of the protective one.

    Raises `GitMissing`, `NotARepository`, `GitTimeout` and `GitFailed`, the last also beyond 64 MiB of output.
    """
    with started(folder, *arguments, env=env, settings=settings) as (_, stdout):
        output = stdout.read(_MAX_OUTPUT + 1)
        if len(output) > _MAX_OUTPUT:
            raise GitFailed(
                arguments[0], folder, f"more than {_MAX_OUTPUT} bytes of output: the repository is too large"
            )
    return output


@contextmanager
def started(
    folder: Path,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Standard input and output of a running git command, killed when the time is over. Raises as `run` does."""
    if not folder.is_dir():
        raise NotARepository(f"{folder} is no folder")
    late = threading.Event()
    with tempfile.TemporaryFile() as messages:
        process = _start(folder, arguments, environment(env or {}, settings or {}), messages)
        stdin, stdout = process.stdin, process.stdout
        timer = threading.Timer(timeout, _stop, (process, late))
        timer.daemon = True
        timer.start()
        failure: EOFError | BrokenPipeError | None = None
        try:
            yield stdin, stdout
            _close(stdin)
            process.wait()
        except (EOFError, BrokenPipeError) as error:
            failure = error  # git has ended: its own message says why
        finally:
            timer.cancel()
            process.kill()
            _close(stdin)
            stdout.close()
            process.wait()
        messages.seek(0)
        message = messages.read(_MAX_MESSAGE).decode(errors="replace").strip()
    if late.is_set():
        raise GitTimeout(f"git {arguments[0]} in {folder} took longer than {timeout:g} s and was stopped")
    if "not a git repository" in message:
        raise NotARepository(f"{folder} is in no git repository: run `git init` there, or name another folder")
    if process.returncode or failure:
        raise GitFailed(arguments[0], folder, message) from failure


def filters_off(folder: Path) -> dict[str, str]:
    """Settings that turn off every filter program that the repository's configuration names."""
    names = run(folder, "config", "--null", "--name-only", "--list").decode(errors="surrogateescape").split("\0")
    drivers = {name.split(".", 1)[1].rpartition(".")[0] for name in names if name.startswith("filter.")}
    return {
        f"filter.{driver}.{key}": value
        for driver in sorted(drivers)
        for key, value in (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false"))
    }


def environment(extra: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of git.

    Of ours it has PATH and a place for temporary files: variables such as GIT_DIR would make git answer for another
    repository, and any other may be a secret.
    """
    inherited = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    configuration = {"GIT_CONFIG_COUNT": str(len(_SETTINGS) + len(settings))}
    for index, (key, value) in enumerate([*_SETTINGS.items(), *settings.items()]):
        configuration |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return {**inherited, **_ENVIRONMENT, **configuration, **extra}


class _Process(Protocol):
    """A process with pipes: what is used of `Popen`, whose own type leaves it open whether there are any."""

    stdin: IO[bytes]
    stdout: IO[bytes]
    returncode: int

    def kill(self) -> None: ...

    def wait(self) -> int: ...


def _start(folder: Path, arguments: tuple[str, ...], env: dict[str, str], messages: IO[bytes]) -> _Process:
    try:
        process = subprocess.Popen(  # noqa: S603 - an argument vector of ours; revisions are validated
            ["git", "--no-pager", *arguments],  # noqa: S607 - the user's own git
            cwd=folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=messages,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise GitMissing("git is not on PATH: install it, or add its folder to PATH") from error
    return cast("_Process", process)


def _stop(process: _Process, late: threading.Event) -> None:
    late.set()
    process.kill()


def _close(pipe: IO[bytes]) -> None:
    with suppress(BrokenPipeError):  # what git did not read any more
        pipe.close()
