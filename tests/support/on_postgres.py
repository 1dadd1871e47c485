"""Fixtures: a PostgreSQL for the whole session, and Dagster's records in it.

Here belongs handing them out. Not here: the server (`postgres.py`).
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from postgres import VARIABLE, Postgres, PostgresMissing, dagster_yaml, running_postgres


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    try:
        with running_postgres(tmp_path_factory.mktemp("postgres")) as running:
            yield running
    except PostgresMissing as error:
        # Not `pytest.exit`: in a worker of pytest-xdist that is an internal error, which says nothing.
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="module")
def on_postgres(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """Dagster's records are kept there: a module's own, and each passing instance's in a database for itself."""

    def passing(*_: Any, **__: Any) -> dg.DagsterInstance:
        return instance_on(postgres, tmp_path_factory.mktemp("instance"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, postgres.new_database())
        patch.setattr(dg.DagsterInstance, "ephemeral", staticmethod(passing))
        yield postgres


def instance_on(postgres: Postgres, folder: Path) -> dg.DagsterInstance:
    """An instance whose records are in a database of its own. `folder`: where its settings are written."""
    (folder / "dagster.yaml").write_text(dagster_yaml())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, postgres.new_database())
        return dg.DagsterInstance.from_config(str(folder))


@pytest.fixture(scope="module", autouse=True)
def _storage(request: pytest.FixtureRequest) -> None:
    """In `conftest.py`: the same tests on PostgreSQL, where `ASCEND_TEST_STORAGE` says `postgres`."""
    if os.environ.get("ASCEND_TEST_STORAGE") == "postgres":
        request.getfixturevalue("on_postgres")
