"""`ascend init`: make what the profile in force needs before anything runs.

Here belongs telling a person. Not here: what a cluster needs (`ascend_assets/operations/bootstrap.py`).
"""

import click

from ascend_assets.cli.console import progress, say


@click.command(short_help="Make the state folders and Dagster's settings, or set up a cluster.")
def init() -> None:
    """Make the state folders and Dagster's instance settings where there are none yet.

    On a machine with NPUs it also sets the limits of Dagster's pools by the devices that are there now. In profile k8s
    it waits for the database, tries the store, sets the pools' limits by cluster.yaml, and brings the clone of the
    project to the remote's newest commit. Changes nothing else, and may be called again at any time.
    """
    from resources.ascend.device_nodes import npus
    from resources.home import in_cluster, prepare

    say(f"state: {prepare().state}")
    if in_cluster():
        from ascend_assets.operations import bootstrap

        bootstrap.run(say)
    elif npus():
        _limit()


def _limit() -> None:
    from ascend_assets import pools
    from ascend_assets.cli import session

    with session.instance() as instance:
        pools.set_up(instance, progress)
        for pool in sorted(instance.event_log_storage.get_pool_limits(), key=lambda pool: pool.name):
            say(f"pool: {pool.name}, {pool.limit} at once")
