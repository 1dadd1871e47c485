"""`ascend init`: make the local profile's folders, and limit Dagster's pools by the NPUs that are here."""

import click

from ascend_assets.cli.console import progress, say


@click.command(short_help="Make the state folders and Dagster's settings.")
def init() -> None:
    """Make the state folders and Dagster's instance settings where there are none yet.

    On a machine with NPUs it also sets the limits of Dagster's pools by the devices that are there now. Changes nothing
    else.
    """
    from resources.ascend.device_nodes import npus
    from resources.home import prepare

    say(f"state: {prepare().state}")
    if npus():
        _limit()


def _limit() -> None:
    from ascend_assets import pools
    from ascend_assets.cli import session

    with session.instance() as instance:
        pools.set_up(instance, progress)
        for pool in sorted(instance.event_log_storage.get_pool_limits(), key=lambda pool: pool.name):
            say(f"pool: {pool.name}, {pool.limit} at once")
