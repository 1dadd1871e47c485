"""The table of requirements: what stands against a move comes first, each with what to do about it.

Here belongs the layout. Not here: what is required (`ascend_assets/gates/admission.py`).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from ascend_assets.cli.console import clean, show
from resources.registry.admissions import Requirement

_STYLES = {"unmet": "bold red", "met": ""}


def requirement_table(requirements: Sequence[Requirement]) -> None:
    """Every requirement, unmet ones first; below each of those its remedy."""
    from rich.table import Table
    from rich.text import Text

    if not requirements:
        return
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for wraps in (False, False, True):
        grid.add_column(no_wrap=not wraps, overflow="fold")
    for requirement in sorted(requirements, key=lambda each: each.met):
        word = "met" if requirement else "unmet"
        grid.add_row(Text(word, style=_STYLES[word]), Text(clean(requirement.name)), Text(_line(requirement.why)))
        if requirement.remedy and not requirement:
            grid.add_row("", "", Text(f"-> {_line(requirement.remedy)}"))
    show(grid)


def listed(requirements: Iterable[Requirement]) -> list[dict[str, Any]]:
    """The same as JSON."""
    return [requirement.model_dump(mode="json") for requirement in requirements]


def _line(text: str) -> str:
    return clean(" ".join(text.split()))
