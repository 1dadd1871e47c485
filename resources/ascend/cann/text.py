"""Console text of CANN's tools, made fit to be parsed.

Here belongs what a terminal does to text and a pipe does not: colours, spinners, progress bars that overwrite
themselves; and the bounds of what any parser is given. Not here: what a line means.
"""

import re

MAX_CHARACTERS = 16 * 1024 * 1024
"""What is looked at of one text: its head and its tail."""
MAX_LINES = 100_000
"""Lines that are handed out: the first and the last."""
MAX_LINE = 16 * 1024
"""Characters of one line; the rest of it is cut."""

_ESCAPES = re.compile(
    r"""
    \x1b\[[0-?]*+[ -/]*+[@-~]?              # CSI: colours, cursor movements
    | \x1b[\]PX^_][^\x07\x1b\n]{0,999}+(?:\x07|\x1b\\)  # OSC and its kin: titles, links
    | \x1b[ -/]*+[0-~]?                     # the two-character kind, and what has no end
    | \x9b[0-?]*+[ -/]*+[@-~]?              # CSI as one character
    """,
    re.VERBOSE,
)
_UNPRINTABLE = re.compile(r"[\x00-\x07\x0b-\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_SPINNER = re.compile(r"[-\\|/.\s]*")
_PROGRESS = re.compile(r"\d%")


def clean(text: str) -> list[str]:
    """The lines that a person sees: no escapes, no control characters, no spinner that something overwrote.

    Indentation stays (tabs become spaces), blanks at a line's end go. What a carriage return overwrote goes if it is a
    spinner or a progress bar; anything else becomes a line of its own, so that no message is lost. Text beyond the
    bounds is left out of the middle, and a line says how much.
    """
    lines: list[str] = []
    plain = _SURROGATES.sub("\ufffd", _ESCAPES.sub("", _middle_cut(text)))
    for raw in plain.split("\n"):
        lines.extend(_shown(raw))
    if len(lines) > MAX_LINES:
        half = MAX_LINES // 2
        lines = [*lines[:half], f"... {len(lines) - 2 * half} lines left out ...", *lines[-half:]]
    return lines


def _middle_cut(text: str) -> str:
    if len(text) <= MAX_CHARACTERS:
        return text
    half = MAX_CHARACTERS // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


def _shown(raw: str) -> list[str]:
    """What stays to be seen of one line that may have overwritten itself; at least one line."""
    written = [part for part in map(_plain, raw.split("\r")) if part]
    if not written:
        return [""]
    overwritten, last = written[:-1], written[-1]
    return [*(part for part in overwritten if not _SPINNER.fullmatch(part) and not _PROGRESS.search(part)), last]


def _plain(part: str) -> str:
    if "\b" in part:
        part = _backspaced(part)
    return _UNPRINTABLE.sub("", part.expandtabs(8)[:MAX_LINE]).rstrip()


def _backspaced(part: str) -> str:
    """`part` after its backspaces: a spinner may turn in place."""
    shown: list[str] = []
    for character in part:
        if character != "\b":
            shown.append(character)
        elif shown:
            shown.pop()
    return "".join(shown)
