"""What a person is told when the database of Dagster's records cannot be used.

Here belong SQLite's and PostgreSQL's errors in one sentence, and that a connection is tried again. Not here: any use of
the database; that is Dagster's.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from resources.home import home

_RETRYING = "Retrying failed database connection"
"""How dagster-postgres begins what it logs before each of its attempts (dagster_postgres/utils.py)."""
_MAX_CHARACTERS = 300


def trouble(error: BaseException) -> str:
    """The sentence for an error that a database is the cause of; empty for any other.

    Neither the statement nor the address is told: the one is long, and in the other stands a password.
    """
    chain: BaseException | None = error
    while chain is not None:
        driver = getattr(chain, "orig", None)
        kind = type(driver).__module__.partition(".")[0]
        if kind == "sqlite3":
            where = home().dagster
            return f"{where}: Dagster's records cannot be used ({driver}): free space or give access, then try again"
        if kind == "psycopg2":
            return (
                f"Dagster's database cannot be used ({_first_line(driver)}): see that it is up, has space and lets in "
                "the user whom dagster.yaml names, then try again"
            )
        chain = chain.__cause__
    return ""


@contextmanager
def attempts_told(say: Callable[[str], None]) -> Iterator[None]:
    """Once, that a connection is tried again, in place of Dagster's three lines for each attempt."""
    root, told = logging.getLogger(), False

    def only_once(record: logging.LogRecord) -> bool:
        nonlocal told
        if not str(record.msg).startswith(_RETRYING):
            return True
        if not told:
            say("Dagster's database does not answer; trying again ...")
            told = True
        return False

    root.addFilter(only_once)
    try:
        yield
    finally:
        root.removeFilter(only_once)


def _first_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return " ".join(lines[0].split())[:_MAX_CHARACTERS] if lines else type(error).__name__
