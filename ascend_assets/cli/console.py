"""Printing: tables, marks, numbers, JSON.

Here belongs how things look in a terminal. Nothing here decides anything.
"""

import json
import math
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

from ascend_assets.environments import ENVIRONMENT_NAMES
from ascend_assets.gates.verdict import Verdict


class Refused(Exception):
    """Judged, and refused: exit code 1."""


class Unusable(Exception):
    """Cannot be done with what was given: exit code 2. The message says what to do."""


def print_json(value: object) -> None:
    """One JSON object on stdout. NaN and infinity, which JSON has not, become null."""
    click.echo(json.dumps(finite(value), ensure_ascii=False, allow_nan=False))


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
    click.echo(text)


def progress(text: str) -> None:
    """A line on stderr: what is being done, kept out of what a script reads."""
    click.echo(text, err=True)


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, wrap: int | None = None) -> None:
    """A plain table that fits the terminal; the column numbered `wrap` takes what is left and wraps."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = None if sys.stdout.isatty() else 160
    grid = Table(box=SIMPLE, pad_edge=False, show_edge=False)
    for index, header in enumerate(headers):
        grid.add_column(header, overflow="fold", no_wrap=index != wrap, ratio=1 if index == wrap else None)
    for row in rows:
        grid.add_row(*(Text(clean(cell)) for cell in row))
    Console(width=width, highlight=False).print(grid)


def clean(text: str) -> str:
    """Text from a model file without control characters: a node's name must not move a person's cursor."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def verdict_table(verdicts: Sequence[Verdict]) -> None:
    """One row per verdict: what was judged, where, the value, what admits it, and why."""
    rows = [
        (
            verdict.criterion,
            verdict.target or "-",
            number(verdict.value),
            bounds(verdict),
            *(mark(verdict, environment) for environment in ENVIRONMENT_NAMES),
            verdict.why,
        )
        for verdict in verdicts
    ]
    table(("criterion", "target", "value", "limit", *ENVIRONMENT_NAMES, "why"), rows, wrap=4 + len(ENVIRONMENT_NAMES))


def mark(verdict: Verdict, environment: str) -> str:
    """What an environment says to a verdict, in one word."""
    if environment not in verdict.admits:
        return "no"
    return "yes" if verdict.judged else "open"


def bounds(verdict: Verdict) -> str:
    """The limits, once where every environment has the same."""
    values = [f"{verdict.limits[name]:g}" for name in ENVIRONMENT_NAMES]
    return f"{verdict.sense} {values[0] if len(set(values)) == 1 else ' / '.join(values)}"


def number(value: float | None) -> str:
    """A figure, short."""
    return "-" if value is None else f"{value:.4g}"
