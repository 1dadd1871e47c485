"""Where Dagster keeps its records meanwhile: in SQLite, or in PostgreSQL where `ASCEND_TEST_STORAGE` says `postgres`."""

import os

import pytest
from on_postgres import on_postgres, postgres

__all__ = ["on_postgres", "postgres"]


@pytest.fixture(scope="module", autouse=True)
def _storage(request: pytest.FixtureRequest) -> None:
    if os.environ.get("ASCEND_TEST_STORAGE") == "postgres":
        request.getfixturevalue("on_postgres")
