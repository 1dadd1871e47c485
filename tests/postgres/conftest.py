"""A checkout whose records Dagster keeps in PostgreSQL, as `dagster.yaml` says, in a database of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import dagster as dg
import pytest
from postgres import VARIABLE, Postgres, settings
from project_fixtures import make_checkout
from sandbox import Checkout

from resources.home import PROJECT


@pytest.fixture
def checkout(postgres: Postgres, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Checkout:
    monkeypatch.setenv(VARIABLE, postgres.new_database())
    made = make_checkout(tmp_path / "checkout")
    home = made.root / ".ascend" / "dagster"
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text(settings((PROJECT / "deploy" / "local" / "dagster.yaml").read_text()))
    return made


@pytest.fixture
def instance(checkout: Checkout) -> Iterator[dg.DagsterInstance]:
    with opened(checkout) as found:
        yield found


@contextmanager
def opened(checkout: Checkout) -> Iterator[dg.DagsterInstance]:
    home = str(checkout.root / ".ascend" / "dagster")
    with mock.patch.dict("os.environ", {"DAGSTER_HOME": home}):
        found = dg.DagsterInstance.from_config(home)
    with found:
        yield found
