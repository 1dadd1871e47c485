"""Dagster's event log in SQLite, without paying for a new connection at every event.

Here belong two things. Keeping the connection to each of its files: Dagster's own storage makes an engine and a
connection per event; that compiles every statement anew, and the last connection to close folds SQLite's write-ahead
log back into the file, which costs more than the event. And waiting for a slot of a pool without using a core.
`deploy/*/dagster.yaml` name this class.
"""

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from dagster._serdes import ConfigurableClassData
    from dagster._utils.concurrency import ConcurrencyClaimStatus
    from sqlalchemy.engine import Connection, Engine

_OPEN_FILES = 16
"""Files that are kept open: the index, and the runs that were looked at last."""
CLAIM_SECONDS = 0.5
"""How long one claim of a slot waits; then its run may look for other steps that it can do."""
_LOOK_SECONDS = 0.25


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

    def claim_concurrency_slot(
        self, concurrency_key: str, run_id: str, step_key: str, priority: int | None = None
    ) -> "ConcurrencyClaimStatus":
        """A slot of a pool, waited for during `CLAIM_SECONDS`.

        Dagster's loop of steps in one process does not sleep while its steps wait for slots (it takes the least of 0
        and the time until its next claim): each waiting run would use a core, beside a benchmark. So the claim sleeps,
        and asks to be called again at once, by which a slot is taken half a second after it is free and not up to 15.
        """
        end = time.monotonic() + CLAIM_SECONDS
        status = super().claim_concurrency_slot(concurrency_key, run_id, step_key, priority)
        while not status.is_claimed and time.monotonic() < end:
            time.sleep(_LOOK_SECONDS)
            status = super().claim_concurrency_slot(concurrency_key, run_id, step_key, priority)
        return status if status.is_claimed else status.with_sleep_interval(0.0)

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
