"""Which operators `atc` could not parse, as it leaves them in `check_result.json`.

Here belongs the file's grammar, which is GE's pre-checker's: `{name, result, total, pass, fail, op: [{name, type,
result, cause: [{code, message}]}]}`. Not here: where the file lies (`atc_workspace.py`), or which ONNX nodes are meant
(`node_names.py`).
"""

import json
from dataclasses import dataclass

from resources.ascend.cann.errors import BadOutput

MAX_BYTES = 64 * 1024 * 1024
"""Size of a file that is read."""
_MAX_TEXT = 1000


@dataclass(frozen=True)
class FailedOp:
    """One operator that was refused. `op`: its type, as `ai.onnx::11::Foo`. `message`: why."""

    name: str
    op: str
    message: str


def parse(text: str | bytes) -> tuple[FailedOp, ...]:
    """The operators that failed, in the graph's order. Raises `BadOutput` for what is no such file, or too large."""
    if len(text) > MAX_BYTES:
        raise BadOutput(f"check_result.json has more than {MAX_BYTES:,} bytes: it is not read")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadOutput(f"check_result.json is no JSON: {error}") from error
    operators = value.get("op", []) if isinstance(value, dict) else None
    if not isinstance(operators, list):
        raise BadOutput("check_result.json has no list of operators")
    return tuple(
        FailedOp(_text(item.get("name")), _text(item.get("type")), _why(item.get("cause")))
        for item in operators
        if isinstance(item, dict) and item.get("result") == "failed"
    )


def _why(causes: object) -> str:
    said = (
        [_text(cause.get("message")) for cause in causes if isinstance(cause, dict)] if isinstance(causes, list) else []
    )
    return " ".join(dict.fromkeys(filter(None, said)))[:_MAX_TEXT]


def _text(value: object) -> str:
    return value[:_MAX_TEXT] if isinstance(value, str) else ""
