"""CSV files that CANN's tools export: rows by the names of their columns, whatever the tool's generation.

Here belong reading within bounds, and cells that are no value (`N/A`, empty, 4294967295). Not here: what a column
means (`op_summary.py`, `prof_tables.py`), or the comparison tool's table, whose columns have no unique names.
"""

import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from resources.ascend.cann.errors import BadOutput

MAX_ROWS = 1_000_000
MAX_COLUMNS = 512
MAX_LINE = 1 << 20
"""Characters of one row: shapes of an operator with many inputs are long, and nothing else is."""

UNDEFINED = 4_294_967_295
"""msprof's word for an integer that it does not know."""

_NUMBER = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?", re.ASCII)
_NOTHING = frozenset({"", "n/a", "na", "-", "none", "null", "nan"})


@dataclass(frozen=True)
class Row:
    """One row. Columns are asked for by any of the names that they have had; what is not there is no value."""

    cells: Mapping[str, str]

    def text(self, *names: str) -> str:
        """The first of the columns that is there, stripped; empty for `N/A`."""
        for name in names:
            found = self.cells.get(_asked(name))
            if found is not None:
                return "" if found.lower() in _NOTHING else found
        return ""

    def number(self, *names: str) -> float:
        """The same as a finite number; NaN where it is none."""
        found = self.text(*names)
        if not _NUMBER.fullmatch(found):
            return math.nan
        value = float(found)
        return value if math.isfinite(value) else math.nan

    def integer(self, *names: str) -> int | None:
        """The same as a whole number; None where it is none, or is the tool's word for unknown."""
        value = self.number(*names)
        if math.isnan(value) or value != int(value) or int(value) == UNDEFINED:
            return None
        return int(value)


def canonical(name: str) -> str:
    """A column's name as it is compared: spaces at the ends, quotes and case do not count."""
    return name.strip("\ufeff \t\"'").lower()


@lru_cache(maxsize=256)
def _asked(name: str) -> str:
    """The same for a name that the code asks for, which it does in every row."""
    return canonical(name)


def read(path: Path) -> Iterator[Row]:
    """The rows of a file, one at a time; bytes that are no UTF-8 are replaced. Raises `BadOutput`."""
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            yield from rows(iter(partial(file.readline, MAX_LINE + 1), ""), path.name)
    except OSError as error:
        raise BadOutput(f"{path}: cannot be read ({error.strerror}): profile again") from error


def rows(lines: Iterable[str], name: str = "table") -> Iterator[Row]:
    """The rows below the first line, which names the columns; of columns of one name the first counts.

    Short rows lack their last cells, and further cells than there are columns are left out. Raises `BadOutput` for
    what is no table, or larger than any tool writes.
    """
    reader = csv.reader(_bounded(lines, name))
    header: Sequence[str] | None = None
    try:
        for number, cells in enumerate(reader):
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = _header(cells, name)
                continue
            if number > MAX_ROWS:
                raise BadOutput(f"{name}: more than {MAX_ROWS:,} rows: profile fewer runs")
            yield Row(_first_of_each(header, cells))
    except csv.Error as error:
        raise BadOutput(f"{name}: is no CSV ({error}): profile again") from error


def _bounded(lines: Iterable[str], name: str) -> Iterator[str]:
    for line in lines:
        if len(line) > MAX_LINE:
            raise BadOutput(f"{name}: a line of {len(line):,} characters, {MAX_LINE:,} are read: profile again")
        yield line.replace("\0", "")


def _header(cells: Sequence[str], name: str) -> tuple[str, ...]:
    if len(cells) > MAX_COLUMNS:
        raise BadOutput(f"{name}: {len(cells):,} columns, {MAX_COLUMNS} are read: this is no table of msprof's")
    return tuple(map(canonical, cells))


def _first_of_each(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, cell in zip(header, cells, strict=False):
        found.setdefault(name, cell.strip())
    return found
