"""`ascend init`: make the local profile's folders."""

import click

from ascend_assets.cli.console import say


@click.command(short_help="Make the state folders and Dagster's settings.")
def init() -> None:
    """Make the state folders and Dagster's instance settings where there are none yet. Changes nothing else."""
    from resources.home import prepare

    say(f"state: {prepare().state}")
