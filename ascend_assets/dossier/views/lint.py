"""What reading the ONNX file and the model's code found.

Here belong the rows of the findings. Not here: their verdicts, which stand in the table of verdicts.
"""

from dataclasses import dataclass

from ascend_assets.dossier import text
from ascend_assets.dossier.content import Content

SHOWN = 40
"""Findings shown."""


@dataclass(frozen=True)
class Findings:
    """Rows: criterion, code, where, message."""

    rows: tuple[tuple[str, str, str, str], ...]
    more: int


def findings(content: Content) -> Findings:
    """The findings of all criteria in the record's order; none where lint did not run."""
    counts = content.lint.counts if content.lint else ()
    rows = [
        (
            count.criterion,
            text.clean(f.code, 30),
            text.name(f.where) if f.where else "the file",
            text.clean(f.message, 300),
        )
        for count in counts
        for f in count.findings
    ]
    return Findings(tuple(rows[:SHOWN]), max(0, len(rows) - SHOWN))
