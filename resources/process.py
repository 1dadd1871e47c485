"""Child processes with bounds: a model's own code, and tools such as ruff and trivy.

Here belong time, output and memory limits, the clean environment, and errors that say what the child said. Not here:
how nothing is left behind when we die (`supervisor.py`), or git (`git_command.py`).
"""

import math
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from resources.output import Output, last_lines
from resources.supervised import DEATH_SECONDS, Supervised, started

ALLOWED = frozenset({"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TMP", "TEMP"})
"""Variables that a child inherits, beside LC_* and PYTHON*. All others may be secrets."""

_ALLOWED_PREFIXES = ("LC_", "PYTHON")
_READ = 64 * 1024
_REPORT = 64
_WAIT_SECONDS = 10.0


@dataclass(frozen=True)
class Limits:
    """Bounds of one child."""

    timeout: float = 600.0
    """Seconds of wall time."""
    output: int = 1024 * 1024
    """Bytes that are kept of stdout, and as many of stderr: head and tail."""
    memory: int | None = None
    """Bytes of address space for each process; None for no bound."""


@dataclass(frozen=True)
class Completed:
    """How a child ended. A negative `returncode` is the signal that killed it; `seconds` of wall time."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    seconds: float


class ProcessError(Exception):
    """Base of what goes wrong with a child. `completed` has what it printed."""

    def __init__(self, completed: Completed, what: str) -> None:
        self.completed = completed
        said = last_lines(completed.stderr) or last_lines(completed.stdout)
        super().__init__(f"{completed.argv[0]} {what}" + (f"; it said:\n{said}" if said else " and said nothing"))


class ProcessFailed(ProcessError):
    """The child ended with an error."""

    def __init__(self, completed: Completed) -> None:
        code = completed.returncode
        if code >= 0:
            super().__init__(completed, f"failed with exit code {code}")
            return
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = " (was memory short?)" if -code == signal.SIGKILL else ""
        super().__init__(completed, f"was killed by {name}{hint}")


class ProcessTimeout(ProcessError):
    """The child took longer than it may and was killed, with all that it had started."""

    def __init__(self, completed: Completed, limit: float) -> None:
        super().__init__(completed, f"took longer than {limit:g} s and was stopped")


class ProgramMissing(ProcessError):
    """There is no such program, or it may not be run."""


def run(  # noqa: PLR0913 - one child, and each of its bounds
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    limits: Limits = Limits(),
    env: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
    check: bool = True,
    stdin: Path | None = None,
    on_wait: Callable[[float], None] | None = None,
) -> Completed:
    """Run a program to its end, never through a shell, with nothing left behind.

    `env` adds to the allow-listed environment. `on_line` is told each line of both outputs as it comes, and `on_wait`
    every ten seconds how many have passed; what they raise ends the child. `stdin`: a file that the child reads;
    without one it finds nothing there. With `check` a non-zero exit raises `ProcessFailed`. Also raises
    `ProcessTimeout`, `ProgramMissing`, and `NotADirectoryError` for a missing `cwd`.
    """
    arguments = tuple(map(str, argv))
    if not cwd.is_dir():
        raise NotADirectoryError(f"{cwd}, where {arguments[0]} should run, is no folder")
    outputs, report = (Output(limits.output, on_line), Output(limits.output, on_line)), Output(_REPORT, None)
    started = time.monotonic()
    with (
        (stdin or Path(os.devnull)).open("rb") as source,
        _supervised(arguments, cwd, clean_environment(env), limits, source) as child,
    ):
        in_time = child.drain((*outputs, report), started + limits.timeout, _Beat(started, on_wait))
    word, _, number = report.text().partition(" ")
    completed = Completed(
        argv=arguments,
        returncode=int(number) if word == "exit" else -signal.SIGKILL,
        stdout=outputs[0].text(),
        stderr=outputs[1].text(),
        seconds=time.monotonic() - started,
    )
    if word == "error":
        raise ProgramMissing(completed, f"cannot be started: {os.strerror(int(number))}; is it installed and on PATH?")
    if not in_time:
        raise ProcessTimeout(completed, limits.timeout)
    if check and completed.returncode:
        raise ProcessFailed(completed)
    return completed


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of ours that a child may see, and `extra`."""
    kept = {k: v for k, v in os.environ.items() if k in ALLOWED or k.startswith(_ALLOWED_PREFIXES)}
    return {**kept, **(extra or {})}


class _Beat:
    """Tells, in the thread that waits, that a child still runs."""

    def __init__(self, started: float, tell: Callable[[float], None] | None) -> None:
        self._started = started
        self._tell = tell
        self.next = started + _WAIT_SECONDS if tell else math.inf

    def __call__(self) -> None:
        now = time.monotonic()
        if self._tell is not None and now >= self.next:
            self.next = now + _WAIT_SECONDS
            self._tell(now - self._started)


class _Child:
    """What a supervised child says until its end."""

    def __init__(self, held: Supervised) -> None:
        self._held = held

    def drain(self, outputs: tuple[Output, Output, Output], deadline: float, beat: _Beat) -> bool:
        """Read stdout, stderr and the report to their ends. False if the deadline came first, and ended the child."""
        in_time, process = True, self._held.process
        with selectors.DefaultSelector() as selector:
            for pipe, output in zip((process.stdout, process.stderr, self._held.report), outputs, strict=True):
                assert pipe is not None  # noqa: S101 - pipes were asked for
                selector.register(pipe, selectors.EVENT_READ, output)
            while selector.get_map():
                ready = selector.select(max(min(deadline, beat.next) - time.monotonic(), 0))
                beat()
                for key, _ in ready:
                    data = os.read(key.fd, _READ)
                    key.data.add(data)
                    if not data:
                        key.data.end()
                        selector.unregister(key.fileobj)
                if time.monotonic() >= deadline:
                    if not in_time:
                        break  # not even the supervisor could end it
                    in_time, deadline = False, time.monotonic() + DEATH_SECONDS
                    self._held.lifeline.close()
        return in_time


@contextmanager
def _supervised(
    argv: tuple[str, ...], cwd: Path, env: dict[str, str], limits: Limits, stdin: IO[bytes]
) -> Iterator[_Child]:
    with (
        started(argv, cwd=cwd, env=env, stdin=stdin, memory=limits.memory or 0) as held,
        held.process,
    ):
        try:
            yield _Child(held)
        finally:
            held.end()
