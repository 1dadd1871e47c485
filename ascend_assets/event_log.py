"""Dagster's event log in SQLite, without paying for a new connection at every event.

Here belongs one thing: keeping the connection to each of its files. Dagster's own storage makes an engine and a
connection per event; that compiles every statement anew, and the last connection to close folds SQLite's write-ahead
log back into the file, which costs more than the event. `deploy/local/dagster.yaml` names this class.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from dagster._serdes import ConfigurableClassData
    from sqlalchemy.engine import Connection, Engine

_OPEN_FILES = 16
"""Files that are kept open: the index, and the runs that were looked at last."""


class KeptSqliteEventLogStorage(SqliteEventLogStorage):
    """`SqliteEventLogStorage` with one kept connection per file.

    `base_dir` is DAGSTER_HOME. `_connect` is Dagster's private seam, the only place where it opens a file; a test pins
    what it has to do.
    """

    def __init__(self, base_dir: str, inst_data: "ConfigurableClassData | None" = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        # Where Dagster keeps them by default, so that either storage reads what the other wrote.
        super().__init__(str(Path(base_dir) / "history" / "runs"), inst_data)

    @classmethod
    def from_config_value(
        cls,
        inst_data: "ConfigurableClassData | None",
        config_value: Any,  # noqa: ANN401 - as declared by Dagster
    ) -> "KeptSqliteEventLogStorage":
        """Made by Dagster from `dagster.yaml`."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator["Connection"]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> "Engine":
        from sqlalchemy import create_engine, event

        if shard not in self._engines:
            # The lock above lets one thread in at a time, so one connection is enough.
            engine = create_engine(
                self.conn_string_for_shard(shard),
                pool_size=1,
                max_overflow=1,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            event.listen(engine, "connect", _without_a_sync_per_event)
            self._engines[shard] = engine
            while len(self._engines) > _OPEN_FILES:
                _, oldest = self._engines.popitem(last=False)
                oldest.dispose()
        self._engines.move_to_end(shard)
        return self._engines[shard]

    def dispose(self) -> None:
        """Close all files."""
        while self._engines:
            _, engine = self._engines.popitem()
            engine.dispose()
        super().dispose()


def _without_a_sync_per_event(connection: Any, _record: object) -> None:  # noqa: ANN401 - a driver's own connection
    """With a write-ahead log, a power cut can cost the last events, never the file; a killed process costs none."""
    connection.execute("PRAGMA synchronous=NORMAL")
