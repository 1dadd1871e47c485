"""Printing: lines, tables, numbers, JSON.

Here belongs how things look in a terminal, whatever a model file tries to do to it. Not here: verdicts
(`verdicts.py`); nothing here decides anything.
"""

import io
import json
import math
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDE = 160
"""Columns where there is no terminal: a log or a pipe is read in something that scrolls or wraps."""
_NARROWEST = 40


class Refused(Exception):
    """Judged, and refused: exit code 1."""


class Unusable(Exception):
    """Cannot be done with what was given: exit code 2. The message says what to do."""


@contextmanager
def refusing(*kinds: type[Exception], as_json: bool) -> Iterator[None]:
    """Take errors of these kinds for refusals: what was asked is possible, and the answer is no. A script reads why."""
    try:
        yield
    except kinds as error:
        if as_json:
            print_json({"refused": True, "because": str(error)})
        raise Refused(str(error)) from error


def print_json(value: object) -> None:
    """One JSON object on one line of stdout. NaN and infinity, which JSON has not, become null."""
    text = json.dumps(finite(value), ensure_ascii=False, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        # Escapes mean the same to whoever parses it, and fit every encoding.
        text = json.dumps(finite(value), allow_nan=False)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
    _echo(text)


def finite(value: Any) -> Any:  # noqa: ANN401 - JSON
    """The same JSON value with null for what is not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def say(text: str = "") -> None:
    """A line on stdout."""
    _echo(clean(text))


def _echo(text: str) -> None:
    """Text on stdout. Whoever read it may have gone (`| head`): the work, and its exit code, stay what they are."""
    try:
        click.echo(text)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def progress(text: str) -> None:
    """A line on stderr: what is being done, kept out of what a script reads."""
    click.echo(clean(text), err=True)


def clean(text: str) -> str:
    """Text on one line without control characters: a name from a file must not move a person's cursor."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def width() -> int:
    """Columns to fill: the terminal's, `COLUMNS` if that is set, `WIDE` where there is neither."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit():
        return max(_NARROWEST, shutil.get_terminal_size((WIDE, 24)).columns)
    return WIDE


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, wrap: int | None = None) -> None:
    """A plain table that fits the terminal, as long as what does not fit is in the column numbered `wrap`."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for index, header in enumerate(headers):
        grid.add_column(header, overflow="fold", no_wrap=index != wrap)
    for row in rows:
        grid.add_row(*(Text(clean(cell)) for cell in row))
    show(grid)


def show(*parts: "RenderableType") -> None:
    """Print what rich renders, without the blanks with which it fills every line.

    In colours only if stdout is a terminal, and not where `NO_COLOR` is set.
    """
    from rich.console import Console

    drawn = io.StringIO()
    canvas = Console(
        file=drawn, width=width(), highlight=False, markup=False, emoji=False, force_terminal=sys.stdout.isatty()
    )
    for part in parts:
        canvas.print(part)
    _echo("\n".join(line.rstrip() for line in drawn.getvalue().splitlines()))


def number(value: float | None) -> str:
    """A figure in four digits: `-` for none."""
    return "-" if value is None else f"{value:.4g}"
