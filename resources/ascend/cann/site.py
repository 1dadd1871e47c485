"""Where CANN's tools run: one installation, its environment, and the bounds of every child.

Here belongs starting a tool of the installation. Not here: what is in the environment (`child_environment.py`), which
device a tool may use (`leases.py`), or what a tool's output means.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from resources.ascend.cann.environment import child_environment
from resources.ascend.cann.environment.installation import Installation
from resources.process import Completed, Limits, ProcessError, run

LOG_BYTES = 4 * 1024 * 1024
"""What is kept of each output of a tool: head and tail."""


@dataclass(frozen=True)
class Site:
    """One machine's CANN. `say` is told about progress, in words."""

    installation: Installation
    say: Callable[[str], None] = field(default=lambda _: None)
    root: Path = Path("/")
    """Where the machine's files begin: another folder in tests alone."""
    ended: Callable[[Completed, Path], None] = field(default=lambda *_: None)
    """Told how each tool ended, and in which folder; also of one that failed, was stopped or could not be started."""

    def run(  # noqa: PLR0913 - one child, and each of its bounds
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path,
        timeout: float,
        devices: Sequence[int] = (),
        for_atc: bool = False,
        on_line: Callable[[str], None] | None = None,
        check: bool = False,
        doing: str = "",
    ) -> Completed:
        """Run a tool to its end in the private folder `cwd`, with CANN's environment.

        `timeout` in seconds. `devices`: logical ids that the child may see, none for all. `for_atc` adds the stub
        libraries that stand for a missing driver, which break everything else. `doing`: what is said of it every ten
        seconds while it runs; else the program's name. Raises `ProcessTimeout`, `ProgramMissing`, and with `check`
        `ProcessFailed`.
        """
        try:
            completed = run(
                argv,
                cwd=cwd,
                limits=Limits(timeout=timeout, output=LOG_BYTES),
                env=child_environment.variables(self.installation, work=cwd, devices=devices, for_atc=for_atc),
                on_line=on_line,
                check=check,
                on_wait=lambda seconds: self.say(f"{doing or Path(argv[0]).name}: {seconds:.0f} s"),
            )
        except ProcessError as error:
            self.ended(error.completed, cwd)
            raise
        self.ended(completed, cwd)
        return completed
