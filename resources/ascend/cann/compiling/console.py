"""The lines of one run of `atc`, as it printed them.

Here belongs what spoils its console between the tool and a reader: the spinner, echoed options, lines of CANN's log
that ASCEND_SLOG_PRINT_TO_STDOUT mixes in, an earlier run in the same text, and what copies in forums and tickets do to
it (lost line ends and indentation, HTML, marks of quotation). Not here: what a line means (`atc_log.py`).
"""

import html
import re
from collections.abc import Iterator

from resources.ascend.cann import text

START = "ATC start working now, please wait for a moment."
SUCCESS = "ATC run success, welcome to the next use."
FAILURE = "ATC run failed"
"""The failure line's beginning; its end differs: `Please check the detail log, Try 'atc --help' ...`."""

MESSAGES = (
    "No supported Ops kernel and engine are found",
    "No parser is registered for Op",
    "No operator plugin is registered for Op",
    "Optype ",
    "Failed to compile Op",
    "IR for Op",
)
"""First words of what stands in a TraceBack about an operator."""

_PHRASES = (
    (START, re.compile(r"ATC start working(?: now, please wait for a moment)?\.?")),
    (SUCCESS, re.compile(r"ATC run success(?:, welcome to the next use|(?!\w))\.?")),
)
_END_OF_FAILURE = "for more information"
_NOISE = re.compile(r"[-\\|/.\s]*+|option \w++=.*+|\.\.\. \d++ \w++ left out \.\.\.")
_SPINNER = re.compile(r"[-\\|/.]++\s*+(?=ATC |E[A-Z0-9]\d{4}|\[PID)")
_LOGGED = re.compile(r"\s*+\[(?:DEBUG|INFO|WARNING|ERROR|EVENT|TRACE)\]\s*+\w++\(\d++,[^)]{0,200}\):\d{4}-")
_QUOTED = re.compile(r"\s*+>\s?")
_QUOTED_COPY = re.compile(r"\s*+>\s?ATC (?:start working|run )")
_HTML_COPY = ("&#39;atc --help", "&nbsp;")
_LOST_ENDS = re.compile(
    r"(?<=\S)\s*+(?=(?:Possible Cause|Solution|TraceBack \(most recent call last\)):\s)"
    r"|(?<=[!.]) (?=E[A-Z0-9]\d{4}:)"
    r"|(?<=\S) (?=E[A-Z0-9]\d{4}:\s?\[PID)"
    rf"|(?<=[.\]]) (?={'|'.join(map(re.escape, MESSAGES))})"
    r"|(?<=\[LINE:\d)(\d{0,5}\](?:\[THREAD:\d{1,9}\])?) "
)
"""Where a line end was lost: before a section, a code, or an operator's message, and behind where one was reported."""


def lines(log: str) -> list[str]:
    """The lines of the last run with their indentation, without noise; the fixed phrases stand alone.

    A run before it counts for nothing: it has ended, and what follows is another one.
    """
    printed = list(_printed(_plain(text.clean(log))))
    begin, ended = 0, False
    for at, line in enumerate(printed):
        if line == START and ended:
            begin, ended = at, False
        ended = ended or line == SUCCESS or line.startswith(FAILURE)
    return printed[begin:]


def _plain(cleaned: list[str]) -> Iterator[str]:
    """Lines as they were before they were copied, each once as long as a terminal showed it."""
    quoted = any(_QUOTED_COPY.match(line) for line in cleaned)
    escaped = any(mark in line for line in cleaned for mark in _HTML_COPY)
    for line in cleaned:
        if _LOGGED.match(line):
            continue
        shown = _QUOTED.sub("", line, count=1) if quoted and _QUOTED.match(line) else line
        shown = html.unescape(shown) if escaped else shown
        yield from _LOST_ENDS.sub(r"\1\n", shown).split("\n")


def _printed(plain: Iterator[str]) -> Iterator[str]:
    for line in plain:
        shown = _SPINNER.sub("", line, count=1) if line[:1] in "-\\|/." else line
        for phrase, spelt in _PHRASES:
            if found := spelt.match(shown.lstrip()):
                yield phrase
                shown = _SPINNER.sub("", shown.lstrip()[found.end() :].lstrip(), count=1)
        if shown.lstrip().startswith(FAILURE):
            failure, said, rest = shown.lstrip().partition(_END_OF_FAILURE)
            yield failure + said
            shown = rest.lstrip()
        if not line or (shown and not _NOISE.fullmatch(shown.strip())):
            yield shown
