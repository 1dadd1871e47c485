"""How many steps of a kind run at once, and that a dead run gives back what it held."""

import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._daemon.monitoring.concurrency import execute_concurrency_slots_iteration
from hypothesis import example, given
from hypothesis import strategies as st

from ascend_assets import graph, models, pools
from ascend_assets.event_log import KeptSqliteEventLogStorage
from ascend_assets.history import MODEL_TAG, STARTED_BY_TAG
from ascend_assets.walk import stages
from resources import home
from resources.ascend import device_nodes
from resources.ascend.cann.npus.devices import Device
from resources.home import PROJECT, prepare
from resources.locks import holder_of, is_alive, model_lock


@pytest.fixture(autouse=True)
def _host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_HOST", "Node-7.example")


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The instance that `ascend init` makes."""
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    prepare()
    with dg.DagsterInstance.get() as opened:
        yield opened


def device(npu: int, soc: str = "Ascend310P3", health: str = "OK") -> Device:
    return Device(npu, 0, npu, soc, soc.removeprefix("Ascend"), health, 1, npu)


def limits_of(instance: dg.DagsterInstance) -> dict[str, int]:
    return {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}


def test_what_needs_a_device_is_in_the_pool_of_its_soc_and_host() -> None:
    spec = models.load(models.DEFS / "digits_cnn")
    found = {stage.asset[1:]: pools.pool_of(stage) for stage in stages(spec)}
    for target in spec.targets:
        npu = f"npu_{re.sub(r'[^a-z0-9]', '', target.soc_version.lower())}_node_7_example"
        assert found[(target.key, "precision")] == found[(target.key, "benchmark")] == npu
        assert found[(target.key, "om")] == "atc_node_7_example"
    assert found[("onnx",)] == "export_node_7_example"
    assert {found[(name,)] for name in ("source", "lint", "dossier", "release")} == {None}


def test_an_asset_carries_its_pool() -> None:
    spec = models.load(models.DEFS / "digits_cnn")
    for stage in stages(spec):
        assert graph.build_asset(spec, stage).build().op.pool == pools.pool_of(stage)


def test_limits_follow_the_devices_that_may_be_used() -> None:
    devices = [device(0), device(1), device(2, health="Alarm"), device(7, "Ascend910_9391", "Warning")]
    assert pools.limits(devices, cores=16) == {
        "atc_node_7_example": 4,
        "export_node_7_example": 4,
        "npu_ascend310p3_node_7_example": 8,
        "npu_ascend9109391_node_7_example": 4,
    }
    assert pools.limits([device(0)], cores=1)["atc_node_7_example"] == 1


def test_a_machine_without_devices_limits_nothing() -> None:
    assert pools.limits([], cores=64) == {}
    assert pools.limits([device(0, health="Critical")], cores=64) == {}


def test_limits_are_set_one_by_one_and_taken_away_again(instance: dg.DagsterInstance) -> None:
    instance.event_log_storage.set_concurrency_slots("npu_ascend310p3_other_host", 8)
    instance.event_log_storage.set_concurrency_slots("somebody_elses", 1)
    pools.set_limits(instance, pools.limits([device(0), device(1)], cores=8))
    pools.set_limits(instance, pools.limits([device(0)], cores=8))
    others = {"npu_ascend310p3_other_host": 8, "somebody_elses": 1}
    ours = {"npu_ascend310p3_node_7_example": 4, "atc_node_7_example": 2, "export_node_7_example": 2}
    assert limits_of(instance) == {**others, **ours}
    info = instance.event_log_storage.get_concurrency_info("npu_ascend310p3_node_7_example")
    assert (info.slot_count, info.using_default_limit) == (4, False)
    pools.set_limits(instance, {})
    assert limits_of(instance) == others


@pytest.mark.parametrize(
    ("here", "elsewhere"), [("node1", "gpu_node1"), ("9391_node1", "node1"), ("node1", "9391_node1"), ("b", "a_b_b")]
)
def test_limits_of_a_host_whose_name_ends_as_ours_are_not_touched(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, here: str, elsewhere: str
) -> None:
    devices = [device(0), device(1, "Ascend910"), device(2, "Ascend910_9391")]
    monkeypatch.setenv("ASCEND_HOST", elsewhere)
    theirs = pools.limits(devices, cores=8)
    pools.set_limits(instance, theirs)
    monkeypatch.setenv("ASCEND_HOST", here)
    pools.set_limits(instance, pools.limits(devices, cores=8))
    pools.set_limits(instance, {})
    assert limits_of(instance) == theirs


def test_limits_of_a_cluster_whose_name_is_a_kind_of_pool_are_not_touched(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASCEND_HOST", "cluster")
    theirs = {"npu_ascend310p3_npu_cluster": 1, "atc_npu_cluster": 1, "atc_export_cluster": 1, "npu_cluster": 1}
    pools.set_limits(instance, theirs)
    pools.set_limits(instance, {})
    assert limits_of(instance) == theirs


_NAMES = st.from_regex(r"[a-z0-9]{1,6}([._-][a-z0-9]{1,6}){0,3}", fullmatch=True)
_SOCS = st.from_regex(r"[A-Za-z0-9_-]{3,40}", fullmatch=True)


@given(_NAMES, _NAMES, _SOCS)
@example("node1", "gpu-node1", "Ascend310P3")
@example("node1", "9391-node1", "Ascend910")
@example("9391-node1", "node1", "Ascend910_9391")
def test_a_pool_is_one_hosts_whatever_the_device_and_wherever_it_is_now(here: str, maker: str, soc: str) -> None:
    """A device that has gone is in no list of what is here, and its pool has to be known all the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASCEND_HOST", maker)
        made, makers_name = [pools.npu_pool(soc), *pools.limits([device(0)], cores=4)], pools.host()
        patch.setenv("ASCEND_HOST", here)
        assert {pools._is_ours(pool) for pool in made} == {makers_name == pools.host()}


def test_a_laptop_is_asked_nothing_and_limited_by_nothing(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_nodes, "npus", lambda: ())
    said: list[str] = []
    pools.set_up(instance, said.append)
    assert limits_of(instance) == {}
    assert said == []


def test_devices_that_cannot_be_used_are_told_and_limit_nothing(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(device_nodes, "npus", lambda: (Path("/dev/davinci0"),))
    monkeypatch.setenv("HOME", str(tmp_path))
    said: list[str] = []
    pools.set_up(instance, said.append)
    assert len(said) == 1
    assert said[0].startswith("no NPU can be used: ")
    assert limits_of(instance) == {}


def test_the_two_profiles_differ_in_how_many_runs_there_are() -> None:
    local, cann = (
        yaml.safe_load((PROJECT / "deploy" / name / "dagster.yaml").read_text()) for name in ("local", "cann")
    )
    assert local["concurrency"]["pools"] == {"granularity": "op"}
    assert local["run_monitoring"]["free_slots_after_run_end_seconds"] > 0
    assert local["concurrency"]["runs"].pop("max_concurrent_runs") < cann["concurrency"]["runs"].pop(
        "max_concurrent_runs"
    )
    assert local == cann


def test_a_machine_with_npus_gets_its_profile(tmp_path: Path) -> None:
    assert home.profile(tmp_path) == "local"
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "davinci_manager").touch()
    assert home.profile(tmp_path) == "local"
    (tmp_path / "dev" / "davinci3").touch()
    assert home.profile(tmp_path) == "cann"


def _run(instance: dg.DagsterInstance, model: str, status: dg.DagsterRunStatus, **tags: str) -> str:
    @dg.op
    def nothing() -> None:
        pass

    @dg.job
    def job() -> None:
        nothing()

    run = instance.create_run_for_job(job, status=status, tags={MODEL_TAG: model, **tags})
    return run.run_id


COMMAND_LINE = {STARTED_BY_TAG: "command line"}


def test_slots_of_dead_runs_are_taken_back_and_those_of_the_living_are_not(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    storage, pool, locks = instance.event_log_storage, pools.npu_pool("Ascend310P3"), tmp_path / "locks"
    storage.set_concurrency_slots(pool, 5)
    started = dg.DagsterRunStatus.STARTED
    alive = _run(instance, "alive", started, **COMMAND_LINE)
    killed = _run(instance, "killed", started, **COMMAND_LINE)
    daemons = _run(instance, "daemons", started)
    over = _run(instance, "over", dg.DagsterRunStatus.SUCCESS)
    for run_id in (alive, killed, daemons, over):
        storage.claim_concurrency_slot(pool, run_id, "step")
    with model_lock(locks, "alive"):
        _kill_a_holder(locks, "killed")
        assert set(pools.reclaim(instance, locks)) == {killed, over}
        assert pools.reclaim(instance, locks) == ()
    assert storage.get_concurrency_info(pool).active_run_ids == {alive, daemons}
    run = instance.get_run_by_id(killed)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.FAILURE


def test_what_other_hosts_hold_is_theirs(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    storage = instance.event_log_storage
    storage.set_concurrency_slots("npu_ascend310p3_other_host", 1)
    run_id = _run(instance, "m", dg.DagsterRunStatus.STARTED, **COMMAND_LINE)
    storage.claim_concurrency_slot("npu_ascend310p3_other_host", run_id, "step")
    assert pools.reclaim(instance, tmp_path) == ()


def test_a_living_run_of_a_host_whose_name_ends_as_ours_is_not_reported_as_failed(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process and its lock are on that host: nobody here holds the lock."""
    storage, pool = instance.event_log_storage, "npu_ascend310p3_gpu_node1"
    monkeypatch.setenv("ASCEND_HOST", "node1")
    storage.set_concurrency_slots(pool, 1)
    run_id = _run(instance, "m", dg.DagsterRunStatus.STARTED, **COMMAND_LINE)
    storage.claim_concurrency_slot(pool, run_id, "step")
    assert pools.reclaim(instance, tmp_path) == ()
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.STARTED


def _kill_a_holder(locks: Path, model: str) -> None:
    child = os.fork()
    if child == 0:
        with model_lock(locks, model):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    holder = holder_of(locks, model)
    assert holder is not None
    assert not is_alive(holder)


def test_one_that_waits_takes_back_what_another_lost(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "RECLAIM_SECONDS", 0.05)
    storage, pool = instance.event_log_storage, pools.npu_pool("Ascend310P3")
    storage.set_concurrency_slots(pool, 1)
    killed = _run(instance, "killed", dg.DagsterRunStatus.STARTED, **COMMAND_LINE)
    storage.claim_concurrency_slot(pool, killed, "step")

    @dg.op(pool=pool)
    def measure() -> int:
        return 1

    @dg.job(executor_def=dg.in_process_executor)
    def waits() -> None:
        measure()

    with pools.reclaiming(instance, tmp_path / "locks"):
        assert waits.execute_in_process(instance=instance).success
    assert not storage.get_concurrency_info(pool).active_run_ids


def test_a_run_that_waits_for_a_slot_uses_no_core_and_takes_it_soon(instance: dg.DagsterInstance) -> None:
    """Dagster's own loop spins meanwhile, and looks after 1 to 15 seconds."""
    storage, pool = instance.event_log_storage, pools.npu_pool("Ascend310P3")
    storage.set_concurrency_slots(pool, 1)
    other = _run(instance, "other", dg.DagsterRunStatus.STARTED)
    storage.claim_concurrency_slot(pool, other, "step")
    begun: list[float] = []
    freed: list[float] = []

    @dg.op(pool=pool)
    def measure() -> None:
        begun.append(time.monotonic())

    @dg.job(executor_def=dg.in_process_executor)
    def waits() -> None:
        measure()

    def free() -> None:
        freed.append(time.monotonic())
        storage.free_concurrency_slots_for_run(other)

    timer = threading.Timer(8, free)
    timer.start()
    cpu = time.process_time()
    assert waits.execute_in_process(instance=instance).success
    assert time.process_time() - cpu < 5
    assert begun[0] - freed[0] < 10
    timer.join()


def test_slots_of_runs_that_are_over_are_freed_by_the_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `free_slots_after_run_end_seconds` of our settings does: the daemon's own function, a second later."""
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    settings = prepare().dagster / "dagster.yaml"
    text = settings.read_text()
    assert text.count("free_slots_after_run_end_seconds: 60") == 1
    settings.write_text(text.replace("free_slots_after_run_end_seconds: 60", "free_slots_after_run_end_seconds: 1"))
    with dg.DagsterInstance.get() as instance:
        storage, pool = instance.event_log_storage, pools.npu_pool("Ascend310P3")
        storage.set_concurrency_slots(pool, 1)
        with subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE, cwd=PROJECT, text=True) as worker:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "measuring\n"
            worker.kill()
        (held,) = storage.get_concurrency_info(pool).active_run_ids
        run = instance.get_run_by_id(held)
        assert run is not None
        instance.report_run_failed(run)  # as Dagster's code server does for a worker of its that died
        time.sleep(1.5)
        workspace: Any = SimpleNamespace(instance=instance)
        list(execute_concurrency_slots_iteration(workspace, logging.getLogger()))
        assert not storage.get_concurrency_info(pool).active_run_ids


WORKER = """
import os, sys, time
import dagster as dg
from ascend_assets import pools

@dg.op(pool=pools.npu_pool("Ascend310P3"))
def measure() -> None:
    print("measuring", flush=True)
    time.sleep(60)

@dg.job(executor_def=dg.in_process_executor)
def candidate() -> None:
    measure()

with dg.DagsterInstance.get() as instance:
    candidate.execute_in_process(instance=instance, tags={"ascend/model": "m", "ascend/started_by": "command line"})
"""


def test_a_killed_run_gives_its_slot_back(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """A real run in a process of its own, killed with -9 in the middle of a step that holds a slot."""
    storage, pool = instance.event_log_storage, pools.npu_pool("Ascend310P3")
    assert isinstance(storage, KeptSqliteEventLogStorage)
    storage.set_concurrency_slots(pool, 1)
    with subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE, cwd=PROJECT, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "measuring\n"
        (holder,) = storage.get_concurrency_info(pool).active_run_ids
        with model_lock(tmp_path / "locks", "m"):
            assert pools.reclaim(instance, tmp_path / "locks") == ()
        worker.kill()
    assert storage.get_concurrency_info(pool).active_run_ids == {holder}
    begin = time.monotonic()
    assert pools.reclaim(instance, tmp_path / "locks") == (holder,)
    assert not storage.get_concurrency_info(pool).active_run_ids
    assert time.monotonic() - begin < 50


def test_in_a_cluster_pools_are_named_for_it_and_have_a_slot_per_card(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npus = {
        "Ascend310P3": {"resource": "huawei.com/Ascend310P-2c", "cards": 12},
        "Ascend910B3": {"resource": "huawei.com/Ascend910", "cards": 16},
    }
    images = {"cann": {"8.0.0": "registry.example/step:1"}}
    file = tmp_path / "cluster.yaml"
    file.write_text(yaml.safe_dump({"name": "west", "runtime": "mounts", "npus": npus, "images": images}))
    pools.set_limits(instance, {pools.npu_pool("Ascend310P3"): 4})
    monkeypatch.setenv("ASCEND_PROFILE", "k8s")
    monkeypatch.setenv("ASCEND_CLUSTER", str(file))
    assert pools.host() == "west"
    pools.set_up(instance, print)
    own = {"npu_ascend310p3_west": 12, "npu_ascend910b3_west": 16}
    # Those of a host that shares the records stay: nobody here can tell what it has.
    assert limits_of(instance) == {"npu_ascend310p3_node_7_example": 4, **own}
