"""What goes wrong with CANN's tools, by name.

Here belong the exceptions that more than one module raises. A refusal of the compiler is `CompileRefused`, a file that
cannot be loaded `NotLoadable`, both of `resources/ascend/toolchain.py`. Every message says what happened, to which
tool, file or device, and what to do.
"""

from resources.ascend.toolchain import ToolchainError


class NoInstallation(ToolchainError):
    """There is no usable CANN here. `looked` says where it was looked for."""

    def __init__(self, message: str, looked: tuple[str, ...] = ()) -> None:
        self.looked = looked
        super().__init__(message)


class ToolFailed(ToolchainError):
    """One of CANN's tools failed for a reason that is not the model's. `log` is what it printed, bounded."""

    def __init__(self, message: str, log: str = "") -> None:
        self.log = log
        super().__init__(message)


class BadOutput(ToolchainError):
    """A tool's output does not have the form that it has in any known generation, or is too large to be read."""


class NoDevice(ToolchainError):
    """No NPU here can do the work: none of that SoC, none healthy, or none free in time."""
