"""`ascend store gc`: delete blobs that nothing refers to.

Here belong options and words. Not here: what must stay (`ascend_assets/operations/gc.py`).
"""

import re
from datetime import timedelta

import click

from ascend_assets.cli import options
from ascend_assets.cli.console import print_json, refusing, say, table
from ascend_assets.cli.tools import registry_tools

_AGE = re.compile(r"([0-9]{1,5})([hd])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}


@click.group()
def store() -> None:
    """The store of artefacts."""


def age(_context: click.Context, _parameter: click.Parameter, value: str) -> timedelta:
    """`36h` or `14d`, long enough for a candidate to be published. Raises `click.BadParameter`."""
    from ascend_assets.operations.gc import YOUNGEST

    match = _AGE.fullmatch(value)
    if not match:
        raise click.BadParameter(f"{value!r} is no age: give hours or days, such as 36h or 14d")
    found = int(match[1]) * _UNITS[match[2]]
    if found < YOUNGEST:
        raise click.BadParameter("give at least 24h: younger blobs may belong to a candidate on its way")
    return found


@store.command("gc")
@click.option(
    "--older-than",
    default="14d",
    show_default=True,
    metavar="AGE",
    callback=age,
    help="Hours or days, at least 24h: younger blobs may belong to a candidate on its way.",
)
@options.dry_run
@options.as_json
def collect(*, older_than: timedelta, dry_run: bool, as_json: bool) -> None:
    """Delete blobs that no release, bundle or ledger refers to: what refused candidates left behind.

    Exit code 1: it cannot be said what must stay, so that nothing was deleted.
    """
    from ascend_assets.operations import gc as operation

    with refusing(operation.GcRefused, as_json=as_json):
        swept = operation.gc(registry_tools(), older_than=older_than, dry_run=dry_run)
    if as_json:
        blobs = [{"key": blob.key, "size": blob.size, "age_seconds": blob.age.total_seconds()} for blob in swept.blobs]
        print_json({"dry_run": dry_run, "bytes": swept.bytes, "kept": swept.kept, "blobs": blobs})
        return
    if dry_run and swept.blobs:
        rows = [(f"{b.size:,}", f"{b.age.total_seconds() / 86_400:.1f}", b.key) for b in swept.blobs]
        table(("bytes", "days old", "blob"), rows, wrap=2)
    word = "would go" if dry_run else "are gone"
    say(f"{len(swept.blobs):,} blobs of {swept.bytes:,} bytes {word}; {swept.kept:,} are referred to and stay")
