"""Fixtures: a PostgreSQL for the whole session, and a database of its own for each module of tests.

Here belongs handing them out. Not here: the server (`postgres.py`).
"""

from collections.abc import Iterator

import pytest
from postgres import VARIABLE, Postgres, PostgresMissing, running_postgres


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    try:
        with running_postgres(tmp_path_factory.mktemp("postgres")) as running:
            yield running
    except PostgresMissing as error:
        pytest.exit(str(error), returncode=1)


@pytest.fixture(scope="module")
def on_postgres(postgres: Postgres) -> Iterator[str]:
    """From here on Dagster's records are kept there, by this process and by what it starts; the database's address."""
    with pytest.MonkeyPatch.context() as patch:
        database = postgres.new_database()
        patch.setenv(VARIABLE, database)
        yield database
