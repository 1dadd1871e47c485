"""msaccucmp's result table: one row for each tensor of each operator that it compared.

Here belongs the grammar of the CSV (msaccucmp's sources, CANN 5 to 9): two columns called DataType and two called
Address, one of which a side without addresses leaves out, in the header, in the rows, or in the rows alone; OverFlow
only on demand; three columns more from msit; reasons with commas; and in the first versions LeftOp and RightOp, without
types and shapes. So a row is read by position, from the two cells that tell where they are: TensorIndex and Shape. Not
here: which node a row is about (`layers.py`).
"""

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from resources.ascend.cann.errors import BadOutput

MAX_BYTES = 256 << 20
"""A table of 10,000 operators takes some 20 MB."""
MAX_ROWS = 1_000_000
MAX_CELLS = 4096
"""Cells of one row that are looked at."""
MAX_REASON = 500
"""Characters of a reason that are kept."""

_HEADER_WITHIN = 50
_NEEDED = ("NPUDump", "GroundTruth", "TensorIndex", "CosineSimilarity")
_FIRST_TITLES = {"LeftOp": "NPUDump", "RightOp": "GroundTruth"}
_TENSOR = re.compile(r"(?P<op>.+):(?P<kind>input|output):(?P<number>\d{1,6})", re.DOTALL)
_TYPE = re.compile(r"NaN|\*?|(?:b?float|u?int|bool|complex|hifloat|string)[0-9a-z_]*", re.IGNORECASE)
_ADDRESS = re.compile(r"\d+|0x[0-9a-f]+", re.IGNORECASE)
_QUOTES = " \t'\""
_LONGEST_NUMBER = 64


@dataclass(frozen=True)
class Row:
    """One tensor's comparison. `npu` and `truth` name operators, several parted by commas, `*` for none.

    `op`, `kind` and `number` say which tensor: the operator's and its place; empty, empty and -1 in a row without one,
    whose `reason` says why. NaN where the table has no number. `overflow`: None where nobody looked.
    """

    op_type: str
    npu: str
    truth: str
    op: str
    kind: str
    number: int
    dtype: str
    shape: tuple[int, ...] | None
    overflow: bool | None
    cosine: float
    max_absolute_error: float
    distance: float
    reason: str

    @property
    def compared(self) -> bool:
        """Whether the table has a number for it."""
        return not (math.isnan(self.cosine) and math.isnan(self.distance))


def parse(data: bytes, name: str) -> tuple[Row, ...]:
    """The rows in the table's order. Raises `BadOutput` for what has no header or is too large; `name` is for it."""
    if len(data) > MAX_BYTES:
        raise BadOutput(f"{name}: has {len(data):,} bytes where {MAX_BYTES:,} is the limit: compare fewer operators")
    text = data.decode("utf-8-sig", errors="replace").replace("\0", "")
    records = _records(text, name)
    header = next((found for record in _first(records) if (found := _header(record))), None)
    if header is None:
        raise BadOutput(f"{name}: has no line with {', '.join(_NEEDED)}: it is no result of msaccucmp compare")
    rows: list[Row] = []
    for record in records:
        if len(rows) >= MAX_ROWS:
            raise BadOutput(f"{name}: has more than {MAX_ROWS:,} rows: compare fewer operators")
        row = _row(header, record)
        if row is not None:
            rows.append(row)
    return tuple(rows)


def _records(text: str, name: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text))
    while True:
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise BadOutput(f"{name}, line {reader.line_num}: is no CSV ({error}): was it cut off?") from error
        if record is None:
            return
        yield [cell.strip(_QUOTES) for cell in record[:MAX_CELLS]]


def _first(records: Iterator[list[str]]) -> Iterator[list[str]]:
    for _, record in zip(range(_HEADER_WITHIN), records, strict=False):
        yield record


def _header(record: Sequence[str]) -> dict[str, int] | None:
    """Where each column is, the first of its name; None for a line that is no header."""
    places: dict[str, int] = {}
    for place, title in enumerate(record):
        plain = title.replace(" ", "")
        places.setdefault(_FIRST_TITLES.get(plain, plain), place)
    return places if all(title in places for title in _NEEDED) else None


def _row(header: dict[str, int], record: list[str]) -> Row | None:
    """One row; None for a line that is too short to be one."""
    place, found = _tensor(header, record)
    shift = place - header["TensorIndex"] if found else min(0, len(record) - 1 - max(header.values()))
    cells = _joined(record, header["Shape"] + shift) if "Shape" in header else record

    def cell(title: str) -> str:
        at = header.get(title, -1) + shift
        return cells[at] if title in header and 0 <= at < len(cells) else ""

    npu = header["NPUDump"]
    if npu >= len(cells) or not any(cells):
        return None
    return Row(
        op_type=_at(cells, header.get("OpType", -1)),
        npu=cells[npu],
        truth=_truth(header, cells),
        op=found["op"] if found else "",
        kind=found["kind"] if found else "",
        number=int(found["number"]) if found else -1,
        dtype=_at(cells, npu + 1) if "DataType" in header else "",
        shape=_shape(cell("Shape")) if found else None,
        overflow={"YES": True, "NO": False}.get(cell("OverFlow").upper()) if found else None,
        cosine=_number(cell("CosineSimilarity")) if found else math.nan,
        max_absolute_error=_number(cell("MaxAbsoluteError")) if found else math.nan,
        distance=_number(cell("RelativeEuclideanDistance")) if found else math.nan,
        reason=_reason(header, cells, shift),
    )


def _at(cells: Sequence[str], place: int) -> str:
    return cells[place] if 0 <= place < len(cells) else ""


def _tensor(header: dict[str, int], record: Sequence[str]) -> tuple[int, re.Match[str] | None]:
    """Where TensorIndex is in this row: where the header has it, or up to two cells beside."""
    for beside in (0, -1, 1, -2, 2):
        place = header["TensorIndex"] + beside
        match = _TENSOR.fullmatch(_at(record, place))
        if match:
            return place, match
    return -1, None


def _joined(record: list[str], place: int) -> list[str]:
    """The row with its shape in one cell, should the commas in it have parted it."""
    if not _at(record, place).startswith("["):
        return record
    end = next((i for i in range(place, min(len(record), place + 32)) if record[i].endswith("]")), place)
    return [*record[:place], ",".join(record[place : end + 1]), *record[end + 1 :]]


def _truth(header: dict[str, int], cells: Sequence[str]) -> str:
    """GroundTruth: one cell to the left where the device's own Address is missing and a type stands in its place."""
    place = header["GroundTruth"]
    here, before = _at(cells, place), _at(cells, place - 1)
    is_name = not (_TYPE.fullmatch(before) or _ADDRESS.fullmatch(before))
    return before if _TYPE.fullmatch(here) and here != "*" and is_name and place - 1 > header["NPUDump"] else here


def _shape(text: str) -> tuple[int, ...] | None:
    inner = text.removeprefix("[").removesuffix("]").replace(" ", "")
    if not inner:
        return () if text.startswith("[") else None
    dims = inner.split(",")
    if all(dim.isascii() and dim.isdigit() and len(dim) < 20 for dim in dims):  # noqa: PLR2004 - digits of 64 bits
        return tuple(map(int, dims))
    return None


def _number(text: str) -> float:
    """A figure; NaN for `NaN`, `*`, nothing and anything else that is none."""
    try:
        return float(text[:_LONGEST_NUMBER])
    except ValueError:
        return math.nan


def _reason(header: dict[str, int], cells: Sequence[str], shift: int) -> str:
    """CompareFailReason, with the commas that parted it; what msit adds behind it is left out."""
    place = header.get("CompareFailReason")
    if place is None:
        return ""
    behind = max(0, max(header.values()) - place)
    end = len(cells) - behind
    parts = cells[max(0, place + shift) : max(end, place + shift + 1)]
    return ", ".join(part for part in parts if part and math.isnan(_number(part)) and part != "NaN")[:MAX_REASON]
