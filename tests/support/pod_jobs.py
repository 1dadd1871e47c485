"""Small jobs whose steps run in pods of profile k8s: one that can be lost, one whose gate says no.

Here belong the jobs; a step's process imports this file. Not here: the cluster, or what is tested
(`tests/ascend_assets/cluster/test_cluster_steps.py`).
"""

import os
import time
from pathlib import Path

import dagster as dg

from ascend_assets.cluster.executor import k8s
from ascend_assets.cluster.restarting import restarted
from resources.store.objects import StoreUnreachable

FOLDER = "POD_JOBS"
"""Variable that names the folder in which steps leave marks."""
TAGS = {"dagster-k8s/config": {"container_config": {"image": "registry.test/step:1"}}}
DEADLINE = {"active_deadline_seconds": 15}
SECONDS = 120.0


def marks() -> list[str]:
    """What steps have left, in order."""
    return sorted(path.name for path in Path(os.environ[FOLDER]).iterdir())


def _mark(name: str) -> int:
    """Leave a mark, and say which of its name it is."""
    folder = Path(os.environ[FOLDER])
    number = len(list(folder.glob(f"{name}-*"))) + 1
    (folder / f"{name}-{number}").touch()
    return number


@dg.asset(op_tags=TAGS)
def work() -> int:
    """Waits for its end the first time, so that it can be lost."""
    if _mark("work") == 1:
        time.sleep(SECONDS)
    return 1


@dg.asset(op_tags=TAGS)
@restarted
def drained() -> int:
    """As `work`, wrapped as every step of the project is."""
    if _mark("drained") == 1:
        time.sleep(SECONDS)
    return 1


@dg.asset(op_tags=TAGS)
@restarted
def asks_store() -> int:
    """Its store is away the first time."""
    if _mark("asks_store") == 1:
        raise StoreUnreachable("no answer")
    return 1


@dg.asset(op_tags=TAGS)
def fails() -> int:
    """Raises what a step of ours raises."""
    _mark("fails")
    raise ValueError("no good")


@dg.asset(op_tags={"dagster-k8s/config": {**TAGS["dagster-k8s/config"], "job_spec_config": DEADLINE}})
@restarted
def slow() -> int:
    """Takes longer than it may."""
    _mark("slow")
    time.sleep(SECONDS)
    return 1


@dg.asset(op_tags=TAGS, check_specs=[dg.AssetCheckSpec("gate", asset="judged", blocking=True)])
def judged() -> object:
    """Says no, and is then lost before it has ended."""
    yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=False, check_name="gate")])
    if _mark("judged") == 1:
        time.sleep(SECONDS)


@dg.asset(op_tags=TAGS)
def before() -> None:
    """Has ended before the run goes on in another pod."""
    _mark("before")


@dg.asset(op_tags=TAGS, deps=[before])
def after() -> None:
    """Comes after it."""
    _mark("after")


@dg.definitions
def defs() -> dg.Definitions:
    """One job per asset."""
    assets = [work, drained, asks_store, fails, slow, judged]
    jobs = [dg.define_asset_job(f"{asset.key.path[-1]}_job", [asset]) for asset in assets]
    jobs.append(dg.define_asset_job("chain_job", [before, after]))
    return dg.Definitions(assets=[*assets, before, after], jobs=jobs, executor=k8s)


def _job(name: str) -> dg.JobDefinition:
    return defs().get_job_def(name)


def work_job() -> dg.JobDefinition:
    """The job of `work`."""
    return _job("work_job")


def fails_job() -> dg.JobDefinition:
    """The job of `fails`."""
    return _job("fails_job")


def slow_job() -> dg.JobDefinition:
    """The job of `slow`."""
    return _job("slow_job")


def chain_job() -> dg.JobDefinition:
    """The job of `before` and `after`."""
    return _job("chain_job")


def judged_job() -> dg.JobDefinition:
    """The job of `judged`."""
    return _job("judged_job")


def drained_job() -> dg.JobDefinition:
    """The job of `drained`."""
    return _job("drained_job")


def asks_store_job() -> dg.JobDefinition:
    """The job of `asks_store`."""
    return _job("asks_store_job")
