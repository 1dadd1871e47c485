"""The event log keeps its files open, and is otherwise Dagster's own: either storage reads what the other wrote."""

import threading
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from sqlalchemy import event
from sqlalchemy.engine import Engine

from ascend_assets.event_log import _OPEN_FILES, KeptSqliteEventLogStorage
from resources.home import prepare


@dg.asset
def something() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"value": 1})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    return prepare().dagster


@pytest.fixture
def connections() -> Iterator[list[str]]:
    opened: list[str] = []

    def count(connection: object, _record: object) -> None:
        opened.append(str(connection))

    event.listen(Engine, "connect", count)
    yield opened
    event.remove(Engine, "connect", count)


def materialised(instance: dg.DagsterInstance) -> int:
    return len(instance.fetch_materializations(dg.AssetKey("something"), limit=10).records)


def test_the_local_profile_uses_it(home: Path) -> None:
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.event_log_storage, KeptSqliteEventLogStorage)
        assert dg.materialize([something], instance=instance).success
        assert materialised(instance) == 1
    assert (home / "history" / "runs" / "index.db").is_file()


def test_dagsters_own_storage_reads_what_it_wrote_and_it_reads_back(home: Path) -> None:
    with dg.DagsterInstance.get() as instance:
        dg.materialize([something], instance=instance)
    settings = yaml.safe_load((home / "dagster.yaml").read_text())
    del settings["event_log_storage"]
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings))
    with dg.DagsterInstance.get() as instance:
        assert not isinstance(instance.event_log_storage, KeptSqliteEventLogStorage)
        assert materialised(instance) == 1
        dg.materialize([something], instance=instance)
    (home / "dagster.yaml").unlink()
    prepare()
    with dg.DagsterInstance.get() as instance:
        assert materialised(instance) == 2


@pytest.mark.usefixtures("home")
def test_a_file_is_opened_once_however_many_events(connections: list[str]) -> None:
    with dg.DagsterInstance.get() as instance:
        dg.materialize([something], instance=instance)
        storage = instance.event_log_storage
        assert isinstance(storage, KeptSqliteEventLogStorage)
        before = len(connections)
        for _ in range(50):
            assert storage.get_records_for_run(next(iter(storage.get_all_run_ids()))).records
            assert materialised(instance) == 1
        assert len(connections) == before


@pytest.mark.usefixtures("home")
def test_only_so_many_files_stay_open() -> None:
    with dg.DagsterInstance.get() as instance:
        storage = instance.event_log_storage
        assert isinstance(storage, KeptSqliteEventLogStorage)
        for number in range(_OPEN_FILES + 5):
            storage.get_records_for_run(f"run-{number}")
        assert len(storage._engines) == _OPEN_FILES
    assert not storage._engines


@pytest.mark.usefixtures("home")
def test_threads_take_turns() -> None:
    with dg.DagsterInstance.get() as instance:
        failed: list[Exception] = []

        def work() -> None:
            try:
                for _ in range(5):
                    materialised(instance)
                    instance.report_runless_asset_event(dg.AssetMaterialization("something"))
            except Exception as error:  # noqa: BLE001 - whatever a thread meets fails the test
                failed.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        assert len(instance.fetch_materializations(dg.AssetKey("something"), limit=100).records) == 20
