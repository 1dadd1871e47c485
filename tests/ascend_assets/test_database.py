"""What is told of a database that cannot be used: one sentence, and neither statement nor address."""

import logging
import sqlite3

import psycopg2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError, ProgrammingError

from ascend_assets import database


def wrapped(driver: BaseException) -> Exception:
    """As Dagster hands it on: what the driver said, in SQLAlchemy's error, in Dagster's own."""
    error = RuntimeError("too many retries for DB connection")
    error.__cause__ = OperationalError("SELECT secret", {"password": "hunter2"}, driver)
    return error


def test_postgres_is_quoted_in_its_first_line() -> None:
    refused = psycopg2.OperationalError("connection refused\n\tIs the server running on that host?\n")
    said = database.trouble(wrapped(refused))
    assert said.startswith("Dagster's database cannot be used (connection refused): ")
    assert "hunter2" not in said
    assert "SELECT" not in said


def test_a_driver_that_says_nothing_is_named() -> None:
    assert "(InterfaceError)" in database.trouble(wrapped(psycopg2.InterfaceError()))


def test_sqlite_is_told_with_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "/somewhere")
    said = database.trouble(wrapped(sqlite3.OperationalError("disk is full")))
    assert said.startswith("/somewhere: Dagster's records cannot be used (disk is full): ")


@pytest.mark.parametrize(
    "error", [ValueError("no"), OSError(28, "No space left"), ProgrammingError("x", {}, ValueError("none of ours"))]
)
def test_any_other_error_is_somebody_elses(error: Exception) -> None:
    assert database.trouble(error) == ""


@given(st.text())
def test_whatever_a_server_says_stays_one_short_line(text: str) -> None:
    said = database.trouble(wrapped(psycopg2.OperationalError(text)))
    assert len(said.splitlines()) == 1
    assert len(said) < 600


def test_attempts_are_told_once_and_nothing_else_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    dagster = logging.getLogger()
    with database.attempts_told(told.append):
        for _ in range(3):
            dagster.warning("Retrying failed database connection: %s", "refused")
        dagster.warning("something else")
    dagster.warning("Retrying failed database connection: %s", "afterwards")
    assert len(told) == 1
    assert [record.message for record in caplog.records] == [
        "something else",
        "Retrying failed database connection: afterwards",
    ]
