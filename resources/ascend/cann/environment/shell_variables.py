"""What a set_env.sh exports, read without a shell: nothing is executed, expansion is bounded.

Here belongs the grammar of the scripts that CANN installs: assignments with and without `export`, quotes, `$NAME`,
`${NAME}`, `${NAME:-word}`, `${NAME:+word}`, `$(arch)`, and the functions `prepend_env` and `append_env` of CANN 8.5 and
later. Conditions are not judged: every line counts as if it were run. Not here: which of the values are used
(`child_environment.py`).
"""

import re
from collections.abc import Mapping

MAX_SCRIPT = 64 * 1024
"""Characters that are looked at."""
MAX_VALUE = 32 * 1024
"""Characters of one value; a longer one is unknown."""
_MAX_LINES = 2000

_ASSIGNMENT = re.compile(r"\s*(?:export\s+|local\s+|readonly\s+)?([A-Za-z_]\w{0,127})=(.*)")
_FUNCTION = re.compile(r"\s*(prepend_env|append_env)\s+[\"']?([A-Za-z_]\w{0,127})[\"']?\s+(.*)")
_WORD = re.compile(
    r"""
    '(?P<literal>[^']*)'
    | (?P<quote>")
    | \\(?P<escaped>.)
    | \$\{(?P<braced>[A-Za-z_]\w{0,127})(?:(?P<how>:?[-+])(?P<word>[^{}]*))?\}
    | \$(?P<name>[A-Za-z_]\w{0,127})
    | \$\(\s*(?P<arch>arch|uname\s+-m)\s*\)
    | (?P<end>[\s;&|#]+)
    | (?P<unknown>[`$])
    | (?P<plain>[^'"\\$`\s;&|#]+)
    """,
    re.VERBOSE,
)


def exported(script: str, known: Mapping[str, str], arch: str) -> dict[str, str]:
    """The script's variables, expanded, those of `known` included.

    `known` are pinned: what the script assigns to them is ignored, so that a script that names `latest` can be read for
    the version beside it. A variable that nothing sets is empty, as in a shell. A value that only a shell could tell
    (any other `$(...)`) makes its variable unknown, and with it all that is made from it; such lines are left out.
    """
    values: dict[str, str | None] = dict(known)
    for line in script[:MAX_SCRIPT].splitlines()[:_MAX_LINES]:
        if call := _FUNCTION.fullmatch(line):
            name, added = call[2], _expanded(call[3], values, arch)
            before = values.get(name, "")
            pieces = (added, before) if call[1] == "prepend_env" else (before, added)
            value = None if None in pieces else ":".join(piece for piece in pieces if piece)
        elif assigned := _ASSIGNMENT.fullmatch(line):
            name, value = assigned[1], _expanded(assigned[2], values, arch)
        else:
            continue
        if name not in known:
            values[name] = value if value is None or len(value) <= MAX_VALUE else None
    return {name: value for name, value in values.items() if value is not None}


def _expanded(text: str, values: Mapping[str, str | None], arch: str) -> str | None:
    """The first word of `text` as a shell would expand it, None where that cannot be told."""
    shown: list[str] = []
    quoted, at, length = False, 0, 0
    while at < len(text) and length <= MAX_VALUE:
        found = _WORD.match(text, at)
        if found is None:
            return None
        if found["end"] is not None and not quoted:
            break
        piece = _piece(found, values, arch)
        if piece is None:
            return None
        quoted ^= found["quote"] is not None
        shown.append(piece)
        length += len(piece)
        at = found.end()
    return "".join(shown)


def _piece(found: re.Match[str], values: Mapping[str, str | None], arch: str) -> str | None:
    if found["unknown"] is not None:
        return None
    if found["arch"] is not None:
        return arch
    if found["quote"] is not None:
        return ""
    if found["name"] is not None:
        return values.get(found["name"], "")
    if found["braced"] is not None:
        return _braced(found, values)
    return next(found[group] for group in ("literal", "escaped", "end", "plain") if found[group] is not None)


def _braced(found: re.Match[str], values: Mapping[str, str | None]) -> str | None:
    value = values.get(found["braced"], "")
    how, word = found["how"] or "", found["word"] or ""
    if value is None:
        return None
    # A word with variables in it needs a second expansion; CANN's scripts have only the value itself there.
    if how.endswith("-") and not value:
        return None if "$" in word or "`" in word else word
    if how.endswith("+"):
        word = word.replace(f"${{{found['braced']}}}", value).replace(f"${found['braced']}", value)
        return "" if not value else None if "$" in word or "`" in word else word
    return value
