"""Dagster's pools: how many steps of a kind run at once on one host, or in one cluster.

Here belong which pool a stage is in, what each pool's limit is, setting limits and taking back what dead runs hold.
Not here: which device a step gets (`resources/ascend/cann/npus/leases.py`): a pool is a counter and knows no devices.

A step has one pool. What needs an NPU is in the pool of its SoC and host; compiling and exporting have a pool each, so
that their processes leave cores to the programs that feed the NPUs. A pool without a limit costs nothing, and nothing
is limited where no NPU is: there one run at a time in a process is limit enough.

In profile k8s the cluster is what a host is elsewhere: its name stands in the pools', and `cluster.yaml` says how many.
"""

import logging
import os
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from ascend_assets.cluster import cluster_file
from ascend_assets.history import MODEL_TAG, STARTED_BY_TAG
from ascend_assets.stage import Stage
from resources.ascend import device_nodes
from resources.ascend.toolchain import ToolchainError
from resources.home import in_cluster
from resources.kubernetes.cluster import Cluster
from resources.locks import holder_of, is_alive

if TYPE_CHECKING:
    from resources.ascend.cann.npus.devices import Device

WAITING_PER_DEVICE = 3
"""Steps of a pool beyond its devices, per device: they wait for a lease, which is handed on within half a second.

Dagster gives a free slot to whoever asked first, even while his run is busy with another step: with a slot per device,
devices idle for minutes (`benchmarks/fleet.py`).
"""
CORES_PER_COMPILATION = 4
"""Cores per step that compiles (atc starts eight processes that do) or exports."""
RECLAIM_SECONDS = 10.0
"""How often a run that may wait for a slot takes back those of dead runs."""

_LOG = logging.getLogger("ascend_assets")
_CPU_POOLS = {"om": "atc", "onnx": "export"}
_ON_NPU = frozenset({"precision", "benchmark"})
_NPU = "npu"


def host(environ: Mapping[str, str] = os.environ) -> str:
    """This host in a pool's name: in profile k8s the cluster. `ASCEND_HOST` says otherwise, where names are shared."""
    if in_cluster():
        return cluster_file.in_force().name
    return _word(environ.get("ASCEND_HOST") or socket.gethostname()) or "localhost"


def pool_of(stage: Stage) -> str | None:
    """The pool of a stage's step, `npu_ascend310p3_<host>` say; None for what anybody may do at any time."""
    if stage.name in _ON_NPU:
        return npu_pool(stage.options["target"]["soc_version"])
    kind = _CPU_POOLS.get(stage.name)
    return f"{kind}_{host()}" if kind else None


def npu_pool(soc_version: str) -> str:
    """The pool of what needs an NPU of that SoC on this host."""
    return _npu_pool(soc_version, host())


def limits(devices: Sequence["Device"], cores: int) -> dict[str, int]:
    """Pool -> how many steps at once, for the devices that may be used here; none where there is no device.

    A SoC without a fit device has no limit: its step is to fail at once and say why, and not to wait for ever.
    """
    from resources.ascend.cann.npus.devices import unfit

    fit = Counter(device.soc_version for device in devices if not unfit(device, for_benchmark=False))
    if not fit:
        return {}
    compiling = max(1, cores // CORES_PER_COMPILATION)
    found = {f"{kind}_{host()}": compiling for kind in _CPU_POOLS.values()}
    return {**found, **{npu_pool(soc): count * (1 + WAITING_PER_DEVICE) for soc, count in fit.items()}}


def cluster_limits(cluster: Cluster) -> dict[str, int]:
    """Pool -> how many steps at once in a cluster: as many per SoC as there are cards.

    None waits beyond them, as steps on a host do: a step that has a slot has its pod at once, and one too many would
    wait in the cluster, where it counts as lost after `waiting_minutes`. A SoC that the cluster does not have has no
    limit: its step is to fail at once and say why.
    """
    compiling = {"atc": cluster.compiling, "export": cluster.exporting}
    found = {f"{kind}_{cluster.name}": limit for kind, limit in compiling.items() if limit is not None}
    return {**found, **{_npu_pool(soc, cluster.name): npus.cards for soc, npus in cluster.npus.items()}}


def set_limits(instance: dg.DagsterInstance, wanted: Mapping[str, int]) -> None:
    """Make the limits of this host's pools what is wanted, and take away those that are not. Idempotent.

    Set one by one and not by a default: a fresh instance heeds a default only once a pool has been used.
    """
    storage = instance.event_log_storage
    there = {pool.name: pool.limit for pool in storage.get_pool_limits()}
    for pool in there.keys() - wanted.keys():
        if _is_ours(pool):
            storage.delete_concurrency_limit(pool)
    for pool, limit in wanted.items():
        if there.get(pool) != limit:
            storage.set_concurrency_slots(pool, limit)


def set_up(instance: dg.DagsterInstance, say: Callable[[str], None]) -> None:
    """Limit this host's pools by the devices that are here now; in profile k8s the cluster's by what it has."""
    if in_cluster():
        set_limits(instance, cluster_limits(cluster_file.in_force()))
        return
    set_limits(instance, limits(devices_here(say), os.cpu_count() or 1))


def devices_here(say: Callable[[str], None]) -> "tuple[Device, ...]":
    """The NPUs that this process may use; none where the kernel shows none, or CANN or the driver cannot be used."""
    if not device_nodes.npus():
        return ()
    from resources.ascend.cann.environment import installation
    from resources.ascend.cann.npus import devices
    from resources.ascend.cann.site import Site

    try:
        return devices.devices(Site(installation.find(), say=say))
    except ToolchainError as error:
        say(f"no NPU can be used: {error}")
        return ()


def reclaim(instance: dg.DagsterInstance, locks: Path) -> tuple[str, ...]:
    """Free what runs hold that are over or whose process is dead, and return their ids.

    Dagster's daemon frees the slots of runs that are over. A run of the command line that was killed is not over in
    Dagster's records, and nothing may be there to notice it: whoever waits for its slot does. `locks`: the folder of
    the models' locks, which name the process that works on each. In profile k8s it frees nothing: a run's process is in
    another pod, where no lock of this one tells of it, and Dagster's run monitoring knows whether that pod lives.
    """
    if in_cluster():
        return ()
    storage = instance.event_log_storage
    ours = [pool.name for pool in storage.get_pool_limits() if _is_ours(pool.name)]
    freed = []
    holders = {
        run_id
        for info in storage.get_concurrency_infos(ours).values()
        for run_id in (*(s.run_id for s in info.claimed_slots), *(p.run_id for p in info.pending_steps))
    }
    for run_id in sorted(holders):
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            if not _is_dead(run, locks):
                continue
            instance.report_run_failed(run, "The process of this run was killed; its slots are free again.")
        storage.free_concurrency_slots_for_run(run_id)
        freed.append(run_id)
    return tuple(freed)


@contextmanager
def reclaiming(instance: dg.DagsterInstance, locks: Path) -> Iterator[None]:
    """Take back slots of dead runs for as long as a run of this process may wait for one; not where none is limited."""
    if in_cluster() or not any(_is_ours(pool.name) for pool in instance.event_log_storage.get_pool_limits()):
        yield
        return
    over = threading.Event()

    def work() -> None:
        while not over.wait(RECLAIM_SECONDS):
            try:
                freed = reclaim(instance, locks)
            except (SQLAlchemyError, dg.DagsterError):
                # Another process may have the database for itself just now; the next turn comes soon.
                _LOG.exception("slots of dead runs could not be taken back now")
            else:
                for run_id in freed:
                    _LOG.info("run %s is over or was killed: its slots are free again", run_id)

    thread = threading.Thread(target=work, name="ascend-reclaim", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _is_dead(run: dg.DagsterRun, locks: Path) -> bool:
    """Whether a run of this host's command line has lost its process: then nobody alive holds its model's lock."""
    model = run.tags.get(MODEL_TAG, "")
    if STARTED_BY_TAG not in run.tags or not model:
        return False
    holder = holder_of(locks, model)
    return holder is None or not is_alive(holder)


def _npu_pool(soc_version: str, place: str) -> str:
    """The SoC is one word without `_`, so that what follows is the host's name, whole, whatever that is."""
    return f"{_NPU}_{_word(soc_version).replace('_', '')}_{place}"


def _is_ours(pool: str) -> bool:
    """Whether a pool is this host's, of whatever SoC: another host's processes and locks are not seen from here.

    The host's name is compared whole: `node1` ends as `gpu_node1` does.
    """
    kind, _, rest = pool.partition("_")
    if kind == _NPU:
        return rest.partition("_")[2] == host()
    return kind in _CPU_POOLS.values() and rest == host()


def _word(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
