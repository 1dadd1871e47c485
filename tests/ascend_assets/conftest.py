"""The project with one tiny model: see `tests/support`."""

from project_fixtures import checkout, edit, sandbox

__all__ = ["checkout", "edit", "sandbox"]
