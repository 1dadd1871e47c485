"""Running ais_bench's command on a leased device.

Here belongs one call: its environment, its time, and its end as an exception with a name. Not here: the arguments
(`ais_bench.py`), or what a call leaves behind (`inference.py`, `benchmark.py`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from resources.ascend.cann.errors import ToolFailed
from resources.ascend.cann.running import ais_bench
from resources.ascend.cann.running.ais_failures import failure
from resources.ascend.cann.site import Site
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import ToolchainError
from resources.process import ProcessError, ProcessTimeout

if TYPE_CHECKING:
    from resources.ascend.cann.npus.devices import Device
    from resources.ascend.cann.om.om_file import OmFile


class TookTooLong(ToolFailed):
    """A tool did not end in time, and was stopped."""


@dataclass(frozen=True)
class Work:
    """One model on one leased device. `folder` is private; every file of a run lies in it."""

    site: Site
    device: "Device"
    om: "OmFile"
    options: CompileOptions
    folder: Path

    def run(self, tool: ais_bench.Tool, request: ais_bench.Request, timeout: float) -> str:
        """Run ais_bench's command; what it printed. `timeout` in seconds.

        Raises `ToolFailed`, `TookTooLong`, `NoDevice`, `NotLoadable`.
        """
        argv = ais_bench.arguments(tool, request)
        try:
            done = self.site.run(argv, cwd=self.folder, timeout=timeout, devices=(self.device.logic,), doing=tool.name)
        except ProcessTimeout as error:
            log = f"{error.completed.stdout}\n{error.completed.stderr}"
            raise TookTooLong(f"{tool.name}, running {self.om.path}, did not end within {timeout:g} s", log) from error
        except ProcessError as error:
            raise ToolFailed(f"{tool.name}: {error}") from error
        log = f"{done.stdout}\n{done.stderr}"
        if done.returncode:
            raise self.failure(f"{tool.name} ended with exit code {done.returncode}", log)
        return log

    def failure(self, what: str, log: str) -> ToolchainError:
        """The exception that the log stands for; `what`: who failed and how, in words."""
        return failure(what, log, om=self.om, options=self.options, inputs=[port.name for port in self.om.inputs])
