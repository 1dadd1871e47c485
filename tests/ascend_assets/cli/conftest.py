"""The command line as a process and in this one: see `tests/support`."""

from cli_fixtures import ascend, here

__all__ = ["ascend", "here"]
