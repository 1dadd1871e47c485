"""Where Dagster keeps its records in all tests: see `tests/support/on_postgres.py`."""

from on_postgres import _storage, on_postgres, postgres

__all__ = ["_storage", "on_postgres", "postgres"]
