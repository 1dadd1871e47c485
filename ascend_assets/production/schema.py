"""The pandera schema of a model's samples and of its feedback, made from the model's definition.

Here belong what a row must keep, and finding the rows that do not. Not here: reading files (`gathering.py`). The schema
looks at facts about a row (`facts.py`): it costs the same for four values and for a hundred thousand.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ascend_assets.production import facts, layout
from ascend_assets.spec import ModelSpec
from resources.production.reading import LONGEST_TEXT, BadFile, InputColumn, Layout
from resources.production.samples import AT, INPUT, LABEL, PREDICTION, REQUEST, SCORE, VERSION

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pandera.pandas as pa

CLOCKS = timedelta(minutes=5)
"""How far the clock that wrote a row may be ahead of ours."""
_VERSION = r"^[\w.+-]{1,100}$"
_SHOWN = 80


@dataclass(frozen=True)
class Broken:
    """A row that broke the schema: its place in the frame that was looked at."""

    place: int
    column: str
    check: str
    value: str


def of_samples(spec: ModelSpec, now: datetime) -> "pa.DataFrameSchema":
    """The schema of the facts about a model's samples. `now`: nothing comes from after it."""
    import pandera.pandas as pa

    ranges = spec.production.ranges if spec.production else {}
    columns = {
        **_common(now),
        VERSION: pa.Column(checks=[_there(), pa.Check.str_matches(_VERSION, error="is no version")], nullable=True),
        PREDICTION: _answer(layout.answer(spec) == "class"),
        SCORE: pa.Column(float, checks=_finite(), nullable=True, required=False),
    }
    for name, column in layout.of_samples(spec).inputs.items():
        columns |= _input(name, column, ranges.get(name))
    return pa.DataFrameSchema(columns)


def of_feedback(spec: ModelSpec, now: datetime) -> "pa.DataFrameSchema":
    """The schema of a model's feedback."""
    import pandera.pandas as pa

    return pa.DataFrameSchema({**_common(now), LABEL: _answer(layout.answer(spec) == "class")})


def broken(schema: "pa.DataFrameSchema", rows: "pd.DataFrame") -> "tuple[np.ndarray[Any, Any], pd.DataFrame]":
    """Which rows break the schema, as a mask, and pandera's failure cases: one line for each check of each such row.

    Raises `BadFile` for rows that no check can look at.
    """
    import numpy as np
    import pandas as pd
    from pandera.errors import SchemaErrors

    mask = np.zeros(len(rows), dtype=bool)
    try:
        schema.validate(rows, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
        if cases["index"].isna().any():  # a check that could not look, and not a row that broke it
            first = cases[cases["index"].isna()].iloc[0]
            raise BadFile("its rows cannot be judged", first["check"], str(first["column"])) from error
        mask[cases["index"].to_numpy(dtype=np.int64)] = True
        return mask, cases
    return mask, pd.DataFrame()


def listed(cases: "pd.DataFrame", table: Any, columns: Layout, most: int) -> Iterator[Broken]:  # noqa: ANN401 - pa.Table
    """The first of the failure cases, by row, each at the value that it is about: `in_image[17]`."""
    if cases.empty:
        return
    first = cases.assign(index=cases["index"].astype("int64")).sort_values("index", kind="stable").head(most)
    for place, column, check, value in zip(
        first["index"], first["column"], first["check"], first["failure_case"], strict=True
    ):
        said = _moment(value) if column == AT else shown(value)
        yield Broken(int(place), _where(table, int(place), str(column), columns), str(check), said)


def _where(table: Any, place: int, column: str, columns: Layout) -> str:  # noqa: ANN401 - pa.Table
    """The column, and for the smallest or largest of an input's values its place among them."""
    import numpy as np

    name, _, fact = column.rpartition(".")
    if f".{fact}" not in {facts.LENGTH, facts.SMALLEST, facts.LARGEST}:
        return column
    if f".{fact}" == facts.LENGTH or columns.inputs[name.removeprefix(INPUT)].length == 0:
        return name
    row = facts.floats(table[name].slice(place, 1).combine_chunks().flatten())
    # Both find NaN first.
    return f"{name}[{np.argmin(row) if f'.{fact}' == facts.SMALLEST else np.argmax(row)}]"


def _moment(seconds: float) -> str:
    """A time as a person reads it, where it is one."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return shown(seconds)


def shown(value: object) -> str:
    """A value in a few characters."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _common(now: datetime) -> "dict[str, pa.Column]":
    import pandera.pandas as pa

    latest = (now + CLOCKS).timestamp()
    text = pa.Check.str_length(1, LONGEST_TEXT, error=f"has not 1 to {LONGEST_TEXT} characters")
    not_later = pa.Check.le(latest, error="lies in the future")
    return {
        REQUEST: pa.Column(checks=[_there(), text], nullable=True),
        AT: pa.Column(float, checks=[_there(), not_later], nullable=True),
    }


def _there() -> "pa.Check":
    import pandera.pandas as pa

    return pa.Check(lambda column: column.notna(), error="is missing", ignore_na=False)


def _finite() -> "pa.Check":
    import numpy as np
    import pandera.pandas as pa

    return pa.Check(np.isfinite, error="is not finite", ignore_na=True)


def _answer(is_class: bool) -> "pa.Column":  # noqa: FBT001 - the one thing that it depends on
    import pandera.pandas as pa

    checks = [_there(), _finite()]
    if is_class:
        checks.append(pa.Check.ge(0, error="is no class"))
    return pa.Column(float, checks=checks, nullable=True)


def _input(name: str, column: InputColumn, bounds: tuple[float, float] | None) -> "dict[str, pa.Column]":
    import numpy as np
    import pandera.pandas as pa

    # NaN makes both NaN, and is told once.
    least = [pa.Check(lambda column: column > -np.inf, error="is not finite", ignore_na=False)]
    most = [pa.Check(lambda column: column != np.inf, error="is not finite", ignore_na=False)]
    if bounds is not None:
        least.append(pa.Check.ge(bounds[0], error=f"is less than {bounds[0]:g}"))
        most.append(pa.Check.le(bounds[1], error=f"is more than {bounds[1]:g}"))
    length = [_there()]
    if column.length:
        length.append(pa.Check.eq(column.length, error=f"has not {column.length} values"))
    prefix = INPUT + name
    return {
        prefix + facts.LENGTH: pa.Column(float, checks=length, nullable=True),
        prefix + facts.SMALLEST: pa.Column(float, checks=least, nullable=True),
        prefix + facts.LARGEST: pa.Column(float, checks=most, nullable=True),
    }
