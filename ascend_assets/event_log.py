"""Dagster's event log in SQLite, without paying for it at every event.

Here belongs keeping its files open while a run writes to them. Dagster opens and closes a connection per event; the
last connection to close folds SQLite's write-ahead log back into the file, which costs more than the event. While
another connection stays open, that happens once, at the end.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from dagster import DagsterInstance


@contextmanager
def kept_open(instance: DagsterInstance) -> Iterator[Callable[[], None]]:
    """Keep the instance's SQLite files open; call what is yielded when there may be new ones (one per run).

    Does nothing for an instance that keeps no files.
    """
    held: set[Path] = set()
    with ExitStack() as connections:

        def hold() -> None:
            for path in _files(instance):
                if path not in held:
                    connection = connections.enter_context(closing(sqlite3.connect(path)))
                    # Only a connection that has read holds the write-ahead log.
                    connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
                    held.add(path)

        hold()
        yield hold


def _files(instance: DagsterInstance) -> list[Path]:
    if instance.is_ephemeral:
        return []
    root = Path(instance.root_directory)
    return sorted({*root.glob("history/**/*.db"), *root.glob("schedules/*.db")})
