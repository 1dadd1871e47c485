"""The project with one tiny model: see `tests/support`."""

from project_fixtures import sandbox

__all__ = ["sandbox"]
