"""A container as a process: started, logged, told to end, killed with all that it started.

Between us and it stands `resources/supervisor.py`, so that nothing is left behind whatever ends first: the container,
its shim, or the test. Its output is kept in a file in the form of container runtimes (CRI): a time, the stream, `F` for
a whole line or `P` for a part of one, the text. Times rise strictly, since Dagster's reader of logs tells lines apart
by them. Not here: what a pod is.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from resources import supervisor

_KILLED = 137
_LONGEST_LINE = 16384


class NotStarted(Exception):
    """A program that cannot be executed; the message is that of a container runtime."""


class Process:
    """One run of a container. `exit_code` is None while it runs; a signal counts as 128 and its number."""

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], folder: Path, log: Path, ended: Callable[[], None]
    ) -> None:
        """Start it. `ended` is called once, from another thread. Raises `NotStarted`."""
        self.exit_code: int | None = None
        self._ended = ended
        self._lock = threading.Lock()
        program = _program(argv, env)
        lifeline, self._lifeline = os.pipe()
        self._report, report = os.pipe()
        folder.mkdir(parents=True, exist_ok=True)
        self._log = log.open("ab")
        try:
            self._process = subprocess.Popen(
                (*_supervised(lifeline, report, env), program, *argv[1:]),
                cwd=folder,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(lifeline, report),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:  # ValueError: a NUL in an argument or the environment
            self._close()
            os.close(self._report)
            self._log.close()
            raise NotStarted(_not_started(argv[0], str(error))) from error
        finally:
            os.close(lifeline)
            os.close(report)
        threading.Thread(target=self._follow, name=f"container {argv[0]}", daemon=True).start()

    def tell(self, number: int = signal.SIGTERM) -> bool:
        """Send a signal to the container's first process, and to no other, as a container runtime does.

        False if there is no such process yet, or no more.
        """
        main = self._main()
        if self.exit_code is not None or not main:
            return False
        try:
            os.kill(main, number)
        except ProcessLookupError:
            return False
        return True

    def kill(self) -> None:
        """End it and all that it started, at once."""
        self._close()

    def pids(self) -> list[int]:
        """The processes of this container that live: its session's and their children."""
        return [] if self.exit_code is not None else _below(self._process.pid)

    def _main(self) -> int:
        children = _children(self._process.pid)
        return children[0] if children else 0

    def _close(self) -> None:
        with self._lock:
            if self._lifeline >= 0:
                os.close(self._lifeline)
                self._lifeline = -1

    def _follow(self) -> None:
        """Keep the output until all of it is there, then learn how it ended."""
        assert self._process.stdout is not None
        last = 0
        with self._log, self._process.stdout as output:
            while line := output.readline(_LONGEST_LINE):
                last = max(last + 1, time.time_ns())
                self._log.write(cri_line(last, line))
                self._log.flush()
        self._process.wait()
        with open(self._report, "rb") as pipe:  # noqa: PTH123 - a descriptor, not a path
            said = pipe.read().split()
        self._close()
        self.exit_code = _exit_code(said)
        self._ended()


def cri_line(nanoseconds: int, line: bytes) -> bytes:
    """A line of a container's log; without its end it is marked as a part."""
    seconds, rest = divmod(nanoseconds, 10**9)
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    whole = line.endswith(b"\n")
    return b"%s.%09dZ stdout %s %s" % (at.encode(), rest, b"F" if whole else b"P", line if whole else line + b"\n")


def _supervised(lifeline: int, report: int, env: Mapping[str, str]) -> tuple[str, ...]:
    # Python sets LC_CTYPE for its children where nothing names a locale (PEP 538).
    clean = () if "LC_CTYPE" in env else ("/usr/bin/env", "-u", "LC_CTYPE")
    return (sys.executable, "-I", "-S", supervisor.__file__, str(lifeline), str(report), "0", *clean)


def _program(argv: Sequence[str], env: Mapping[str, str]) -> str:
    """The program's path by the container's own PATH. Raises `NotStarted`."""
    if not argv:
        raise NotStarted("failed to create containerd container: no command specified")
    if "\0" in argv[0]:
        raise NotStarted(_not_started("", "embedded null byte"))
    found = shutil.which(argv[0], path=env.get("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"))
    if not found:
        missing = "no such file or directory" if "/" in argv[0] else "executable file not found in $PATH"
        raise NotStarted(_not_started(argv[0], missing))
    return found


def _not_started(program: str, why: str) -> str:
    said = (
        f'runc create failed: unable to start container process: error during container init: exec: "{program}": {why}'
    )
    return f"failed to create containerd task: failed to create shim task: OCI runtime create failed: {said}"


def _exit_code(said: Sequence[bytes]) -> int:
    if len(said) != 2:  # the supervisor was killed
        return _KILLED
    code = int(said[1])
    if said[0] == b"error":
        return 128
    return code if code >= 0 else 128 - code


def _children(process: int) -> list[int]:
    try:
        return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _below(process: int) -> list[int]:
    direct = _children(process)
    return [*direct, *(pid for child in direct for pid in _below(child))]
