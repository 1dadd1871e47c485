"""Setting up a cluster: what has to be there before the first run, and after every deployment.

Here belong the order, and waiting for a database that starts at the same time. Not here: limits of pools (`pools.py`),
trials of a store (`resources/store/s3_probe.py`), or a clone (`resources/git_clone.py`).
"""

import os
import time
from collections.abc import Callable, Mapping

import dagster as dg

from ascend_assets import database, pools
from ascend_assets.cluster import cluster_file
from resources import git_clone
from resources.git_address import remote
from resources.home import home, repository
from resources.store.objects import BlobStore
from resources.store.opening import open_store

DATABASE_SECONDS = 300.0
"""How long Postgres may take to start beside us."""
_BETWEEN_SECONDS = 3.0


class NoDatabase(Exception):
    """Dagster's records cannot be reached."""


def run(
    say: Callable[[str], None], *, environ: Mapping[str, str] = os.environ, seconds: float = DATABASE_SECONDS
) -> None:
    """Do it all, saying what was done; whatever is as it should be stays so.

    Raises `BadCluster`, `StoreError`, `NoDatabase`, `GitError`.
    """
    cluster = cluster_file.in_force()
    say(f"cluster: {cluster.name}, {cluster_file.location()}")
    store = open_store(home().store)
    _try(store)
    say(f"store: {home().store} creates objects once and reads them back")
    with _instance(say, seconds) as instance:
        pools.set_limits(instance, pools.cluster_limits(cluster))
        for pool in sorted(instance.event_log_storage.get_pool_limits(), key=lambda pool: pool.name):
            say(f"pool: {pool.name}, {pool.limit} at once")
    _clone(say, environ)


def _try(store: BlobStore) -> None:
    from resources.store.s3 import S3Store

    if isinstance(store, S3Store):
        store.probe(force=True)


def _instance(say: Callable[[str], None], seconds: float) -> dg.DagsterInstance:
    """Dagster's instance, once its database answers. Raises `NoDatabase`."""
    begin = time.monotonic()
    while True:
        try:
            # Dagster makes its tables with it.
            return dg.DagsterInstance.get()
        except Exception as error:
            told = database.trouble(error)
            if not told:
                raise
        if time.monotonic() - begin >= seconds:
            raise NoDatabase(
                f"no database within {seconds:.0f} s; {told}. Its storage stands in {home().dagster / 'dagster.yaml'}"
            )
        say(f"waiting: {told}")
        time.sleep(_BETWEEN_SECONDS)


def _clone(say: Callable[[str], None], environ: Mapping[str, str]) -> None:
    address = environ.get("ASCEND_PROJECT_REMOTE", "").strip()
    if not address:
        say(f"project: {repository()}; ASCEND_PROJECT_REMOTE names no repository to clone")
        return
    where = remote(address, environ.get("ASCEND_PROJECT_TOKEN", "").strip())
    say(f"project: {git_clone.bring(repository(), where)}")
