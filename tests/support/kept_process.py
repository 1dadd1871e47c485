"""A process that a test starts and that dies with it, whatever happens to the test.

Here belongs that and no more. Not here: daemons that end others with themselves (`daemon.py`).
"""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_END_SECONDS = 30.0


@dataclass
class KeptProcess:
    """A running process and its log. The kernel kills it with the thread that started it."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @classmethod
    def start(cls, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path) -> "KeptProcess":
        with log.open("ab") as output:
            process = subprocess.Popen(
                ("setpriv", "--pdeathsig", "KILL", *argv),  # noqa: S607 - the system's own
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return cls(process, log)

    def alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """End it and what it started in its own session, at once."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            self.process.wait(_END_SECONDS)

    def tail(self, lines: int = 60) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
