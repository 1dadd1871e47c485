"""A child under its supervisor, from the parent's side.

Here belong its pipes: the lifeline, whose closing ends it, and the report of how it ended. Not here: what is read from
it (to its end in `process.py`, in turns in `ascend/cann/running/conversation.py`), or the supervisor (`supervisor.py`).
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from resources import supervisor

DEATH_SECONDS = 10.0
"""How long a supervisor may take to end what it started."""


@dataclass(frozen=True)
class Supervised:
    """A running child. `report` tells `exit CODE` or `error ERRNO` when it has ended."""

    process: "subprocess.Popen[bytes]"
    lifeline: IO[bytes]
    report: IO[bytes]

    def end(self) -> None:
        """Kill what still runs, and wait for that. Safe at any time."""
        self.lifeline.close()
        try:
            self.process.wait(DEATH_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def started(
    argv: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], stdin: IO[bytes] | int, memory: int = 0
) -> Iterator[Supervised]:
    """Start the child; if we die in whatever way, it and all that it has started are killed.

    `memory`: bytes of address space for each process, 0 for no bound. Whoever starts it ends it.
    """
    lifeline_read, lifeline_write = os.pipe()
    report_read, report_write = os.pipe()
    with open(lifeline_write, "wb", 0) as lifeline, open(report_read, "rb", 0) as report:  # noqa: PTH123 - descriptors
        try:
            process = subprocess.Popen(  # noqa: S603 - an argument vector, no shell
                [
                    *(sys.executable, "-I", "-S", supervisor.__file__),
                    *(str(lifeline_read), str(report_write), str(memory)),
                    *map(str, argv),
                ],
                cwd=cwd,
                env=dict(env),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=(lifeline_read, report_write),
                start_new_session=True,
            )
        finally:
            os.close(lifeline_read)
            os.close(report_write)
        yield Supervised(process, lifeline, report)
