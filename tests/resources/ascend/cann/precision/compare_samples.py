"""msaccucmp's tables and files, in its grammar."""

import csv
import io
from collections.abc import Sequence
from typing import Any

METRICS = [
    *("CosineSimilarity", "MaxAbsoluteError", "AccumulatedRelativeError", "RelativeEuclideanDistance"),
    *("KullbackLeiblerDivergence", "StandardDeviation", "MeanAbsoluteError", "RootMeanSquareError"),
    *("MaxRelativeError", "MeanRelativeError", "CompareFailReason"),
]
HEADER = [
    *["Index", "OpType", "NPUDump", "DataType", "Address", "GroundTruth", "DataType", "TensorIndex", "Shape"],
    *METRICS,
]
"""As it is where the reference is NumPy data, which has no addresses."""


def figures(cosine: float | str = 1.0, distance: float | str = 0.0, largest: float | str = 0.0) -> list[str]:
    def text(value: float | str) -> str:
        return value if isinstance(value, str) else f"{value:.6f}"

    return [
        *(text(cosine), text(largest), "0.100000", text(distance), "0.000000", "(1.000;2.000),(1.000;2.000)"),
        *("0.000000", "0.000000", "0.000000", "0.000000"),
    ]


def row(op: str, truth: str = "", *, tensor: str = ":output:0", reason: str = "", **values: Any) -> list[str]:
    """One tensor of an operator `op`. `values`: index, op_type, dtype, shape, and those of `figures`."""
    shape = values.pop("shape", (1, 2))
    return [
        *(str(values.pop("index", 0)), values.pop("op_type", "Conv2D"), op, values.pop("dtype", "float16"), "40960"),
        *(truth or op, "float32", op + tensor, "[" + ",".join(map(str, shape)) + "]"),
        *figures(**values),
        reason,
    ]


def absent(op: str, truth: str, reason: str) -> list[str]:
    """The row of an operator that nothing was dumped of."""
    return ["0", "Conv2D", op, "NaN", "NaN", truth, "NaN", "NaN", "NaN", *["NaN"] * 10, reason]


def table(rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()
