"""Running a tool that writes a report to a file.

Here belongs what ruff and trivy have in common: one bounded run, one bounded report, one error. Not here: how a process
is bounded (`resources/process.py`), or what a report means.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from resources.process import Limits, ProcessError

MOST_REPORT_BYTES = 64 * 1024 * 1024


class Run(Protocol):
    """The part of `resources.process.run` that is used here."""

    def __call__(self, argv: Sequence[str], *, cwd: Path, limits: Limits, env: Mapping[str, str] | None) -> object:
        """Run to the end. Raises `ProcessError` where the program failed, hung or could not be started."""
        ...


class ToolFailedError(Exception):
    """A tool that left no report that can be read; the message says why, in one line."""


def report(
    run: Run, argv: Sequence[str], output: Path, *, cwd: Path, timeout: float, env: Mapping[str, str] | None = None
) -> bytes:
    """Run `argv` and return the bytes of the file that it wrote to `output`. Raises `ToolFailedError`."""
    try:
        run(argv, cwd=cwd, limits=Limits(timeout=timeout), env=env)
    except ProcessError as error:
        raise ToolFailedError(" ".join(str(error).split())[:500]) from error
    try:
        with output.open("rb") as stream:
            data = stream.read(MOST_REPORT_BYTES + 1)
    except OSError as error:
        raise ToolFailedError(f"it wrote no report ({error.strerror})") from error
    if len(data) > MOST_REPORT_BYTES:
        raise ToolFailedError(f"its report is larger than {MOST_REPORT_BYTES} bytes")
    return data
