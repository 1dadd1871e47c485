"""`ascend doctor`: is this machine, with its store and its policy, fit to release?

Here belongs the list. Not here: what is looked at (`ascend_assets/operations/doctor.py`).
"""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ascend_assets.cli import options
from ascend_assets.cli.console import Refused, clean, print_json, show

if TYPE_CHECKING:
    from ascend_assets.operations.finding import Finding

_STYLES = {"ok": "", "lacks": "yellow", "WRONG": "bold red"}


@click.command(short_help="Look at this machine, the store and the policy, and say what to mend.")
@options.as_json
def doctor(*, as_json: bool) -> None:
    """Look at this machine, the store and the policy, and say what to mend.

    `lacks` narrows what can be done here. Exit code 1: something is wrong without which nothing works.
    """
    from ascend_assets.operations import doctor as operation

    found = operation.examine()
    wrong = [finding for finding in found if not finding and finding.needed]
    if as_json:
        print_json({"fit": not wrong, "findings": [asdict(finding) for finding in found]})
    else:
        _show(found)
    if wrong:
        raise Refused(f"{len(wrong)} of {len(found)} things must be mended first: {', '.join(f.name for f in wrong)}")


def _show(found: "tuple[Finding, ...]") -> None:
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for wraps in (False, False, True):
        grid.add_column(no_wrap=not wraps, overflow="fold")
    for finding in found:
        word = "ok" if finding else "WRONG" if finding.needed else "lacks"
        grid.add_row(Text(word, style=_STYLES[word]), Text(clean(finding.name)), Text(clean(finding.said)))
        if finding.remedy:
            grid.add_row("", "", Text(f"-> {clean(finding.remedy)}"))
    show(grid)
