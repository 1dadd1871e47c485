"""`ascend init` in profile k8s: what it sets up, that it may be called again, and how it says what is missing."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from s3_server import CREDENTIALS, moto_server, new_bucket
from sandbox import git

from ascend_assets import pools
from ascend_assets.cli import commands
from ascend_assets.cluster.cluster_file import BadCluster
from ascend_assets.operations import bootstrap
from ascend_assets.operations.bootstrap import NoDatabase
from resources.store.objects import BadSetting

CLUSTER = {
    "name": "west",
    "runtime": "mounts",
    "npus": {"Ascend310P3": {"resource": "huawei.com/Ascend310P", "cards": 4}},
    "images": {"cann": {"8.0.0": "registry.example/step:1"}},
    "compiling": 2,
}
NOWHERE = {
    "hostname": "127.0.0.1",
    "port": 1,
    "username": "u",
    "password": "hush",
    "db_name": "d",
    "scheme": "postgresql+psycopg2",
}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto_server() as server:
        yield server


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> Path:
    """A cluster that is to be set up, as the chart leaves it."""
    (tmp_path / "cluster.yaml").write_text(yaml.safe_dump(CLUSTER))
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    variables = {
        "ASCEND_PROFILE": "k8s",
        "ASCEND_CLUSTER": str(tmp_path / "cluster.yaml"),
        "ASCEND_STATE": str(tmp_path / "state"),
        "ASCEND_STORE": f"s3://{new_bucket(endpoint)}/models",
        "ASCEND_S3_ENDPOINT": endpoint,
        "ASCEND_S3_ADDRESSING": "path",
        "ASCEND_PROJECT": str(tmp_path / "project"),
        "DAGSTER_HOME": str(tmp_path / "dagster"),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ASCEND_PROJECT_REMOTE", raising=False)
    return tmp_path


def limits() -> dict[str, int]:
    with dg.DagsterInstance.get() as instance:
        return {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}


@pytest.mark.usefixtures("place")
def test_it_tries_the_store_and_limits_the_pools_and_says_so() -> None:
    said: list[str] = []
    bootstrap.run(said.append)
    assert limits() == {"npu_ascend310p3_west": 4, "atc_west": 2}
    assert [line.partition(":")[0] for line in said] == ["cluster", "store", "pool", "pool", "project"]


@pytest.mark.usefixtures("place")
def test_called_again_it_changes_what_the_file_has_changed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap.run(print)
    bootstrap.run(print)
    other = place / "other.yaml"
    npus = {"Ascend910B3": {"resource": "huawei.com/Ascend910", "cards": 16}}
    other.write_text(yaml.safe_dump({**CLUSTER, "npus": npus}))
    monkeypatch.setenv("ASCEND_CLUSTER", str(other))
    bootstrap.run(print)
    assert limits() == {"npu_ascend910b3_west": 16, "atc_west": 2}


@pytest.mark.usefixtures("place")
def test_pools_of_others_are_left_alone() -> None:
    with dg.DagsterInstance.get() as instance:
        instance.event_log_storage.set_concurrency_slots("npu_ascend310p3_east", 7)
    bootstrap.run(print)
    assert limits()["npu_ascend310p3_east"] == 7


def test_it_clones_the_project(place: Path) -> None:
    upstream = place / "upstream"
    upstream.mkdir()
    git(upstream, "init", "-q")
    git(upstream, "commit", "-q", "--allow-empty", "-m", "one")
    bootstrap.run(print, environ={"ASCEND_PROJECT_REMOTE": str(upstream)})
    assert git(place / "project", "rev-parse", "HEAD") == git(upstream, "rev-parse", "HEAD")


def test_a_store_in_a_folder_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_STORE", str(place / "store"))
    with pytest.raises(BadSetting, match="set ASCEND_STORE to s3://bucket/prefix"):
        bootstrap.run(print)
    assert limits() == {}


def test_a_database_that_does_not_answer_is_waited_for_and_then_named(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_postgres.utils.calculate_delay", lambda **_: 0.01)
    (place / "dagster" / "dagster.yaml").write_text(yaml.safe_dump({"storage": {"postgres": {"postgres_db": NOWHERE}}}))
    said: list[str] = []
    with pytest.raises(NoDatabase, match="no database within 1 s") as caught:
        bootstrap.run(said.append, seconds=1.0)
    assert "hush" not in "".join(said) + str(caught.value)


def test_a_cluster_that_cannot_be_is_told_first(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_CLUSTER", str(place / "none.yaml"))
    with pytest.raises(BadCluster):
        bootstrap.run(print)
    assert limits() == {}


def test_the_command_does_all_that(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.run(["init"]) == 0
    assert f"state: {place / 'state'}" in capsys.readouterr().out
    assert limits()["npu_ascend310p3_west"] == 4


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("command", [("run", "digits_cnn"), ("release", "digits_cnn"), ("run", "x", "--repair")])
def test_no_candidate_is_built_where_the_command_line_runs(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands.run(command) == 2
    assert f"launch the job {command[1]}_candidate" in capsys.readouterr().err


@pytest.mark.usefixtures("place")
def test_slots_of_other_pods_are_not_taken_back_by_this_ones_locks(tmp_path: Path) -> None:
    bootstrap.run(print)
    with dg.DagsterInstance.get() as instance:
        storage = instance.event_log_storage
        storage.claim_concurrency_slot("npu_ascend310p3_west", "a-run-of-another-pod", "step")
        assert pools.reclaim(instance, tmp_path / "locks") == ()
        with pools.reclaiming(instance, tmp_path / "locks"):
            pass
        assert storage.get_concurrency_info("npu_ascend310p3_west").active_slot_count == 1
