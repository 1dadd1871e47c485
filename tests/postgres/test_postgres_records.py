"""What is asked of Dagster's records gives the same answers from PostgreSQL: pools, places in the log, order."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest
from sandbox import Checkout

from ascend_assets import pools
from ascend_assets.history import MODEL_TAG, STARTED_BY_TAG
from resources.locks import model_lock

pytestmark = pytest.mark.timeout(300)

POOL = "npu_ascend310p3_node_7_example"
WORKER = f"""
import time
import dagster as dg

@dg.op(pool={POOL!r})
def measure():
    print("measuring", flush=True)
    time.sleep(600)

@dg.job
def measured():
    measure()

with dg.DagsterInstance.get() as instance:
    tags = {{{MODEL_TAG!r}: "m", {STARTED_BY_TAG!r}: "command line"}}
    measured.execute_in_process(instance=instance, tags=tags)
"""


@pytest.fixture(autouse=True)
def _host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_HOST", "Node-7.example")


def limits_of(instance: dg.DagsterInstance) -> dict[str, int]:
    return {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}


def test_limits_of_pools_are_set_changed_and_taken_away(instance: dg.DagsterInstance) -> None:
    for wanted in ({POOL: 8, "atc_node_7_example": 2}, {POOL: 4}, {}):
        pools.set_limits(instance, wanted)
        assert limits_of(instance) == wanted


def test_a_killed_run_gives_its_slot_back(checkout: Checkout, instance: dg.DagsterInstance, tmp_path: Path) -> None:
    storage = instance.event_log_storage
    storage.set_concurrency_slots(POOL, 1)
    with subprocess.Popen(
        [sys.executable, "-c", WORKER], stdout=subprocess.PIPE, cwd=checkout.root, env=checkout.env(), text=True
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "measuring\n"
        (holder,) = storage.get_concurrency_info(POOL).active_run_ids
        with model_lock(tmp_path / "locks", "m"):
            assert pools.reclaim(instance, tmp_path / "locks") == (), "somebody is at it"
        worker.kill()
    assert storage.get_concurrency_info(POOL).active_run_ids == {holder}
    assert pools.reclaim(instance, tmp_path / "locks") == (holder,)
    assert not storage.get_concurrency_info(POOL).active_run_ids
    run = instance.get_run_by_id(holder)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.FAILURE


def test_slots_are_given_to_as_many_as_there_are_and_handed_on(instance: dg.DagsterInstance) -> None:
    storage = instance.event_log_storage
    storage.set_concurrency_slots(POOL, 3)
    names = [f"run{number}" for number in range(5)]
    claims = {name: storage.claim_concurrency_slot(POOL, name, "step").is_claimed for name in names}
    assert [name for name, claimed in claims.items() if claimed] == names[:3]
    storage.free_concurrency_slots_for_run("run1")
    claims = {name: storage.claim_concurrency_slot(POOL, name, "step").is_claimed for name in names[3:]}
    assert [name for name, claimed in claims.items() if claimed] == ["run3"]


def test_claims_in_the_same_moment_may_be_too_many_and_leave_none_behind(instance: dg.DagsterInstance) -> None:
    """Dagster 1.13.27 looks for a free slot and takes it in two statements, each committed for itself.

    So a pool is a queue that keeps most of a crowd waiting. What keeps two steps from one device is the cluster's
    scheduler, or a lease.
    """
    storage = instance.event_log_storage
    storage.set_concurrency_slots(POOL, 3)
    names = [f"run{number}" for number in range(12)]
    with ThreadPoolExecutor(len(names)) as at_once:
        claims = list(at_once.map(lambda name: storage.claim_concurrency_slot(POOL, name, "step"), names))
    assert sum(claim.is_claimed for claim in claims) >= 3
    for name in names:
        storage.free_concurrency_slots_for_run(name)
    info = storage.get_concurrency_info(POOL)
    assert (info.slot_count, info.active_slot_count, info.pending_step_count) == (3, 0, 0)
