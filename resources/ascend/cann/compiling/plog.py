"""The errors in CANN's own log files.

Here belongs reading `plog-<pid>_*.log`, which a tool leaves below ASCEND_PROCESS_LOG_PATH: it often says what the
console does not. Not here: where the variable points to (`child_environment.py`).
"""

import re
from pathlib import Path

from resources.ascend.cann import text
from resources.regular_files import open_regular

MAX_FILES = 32
"""Log files that are read of one run, newest names last."""
MAX_BYTES = 1024 * 1024
"""What is read of each: its end."""
MAX_ERRORS = 40
"""Lines that are handed out, the first ones: later errors follow from earlier ones."""

_LINE = re.compile(
    r"\[ERROR\]\s*+(?P<module>\w++)\((?P<pid>\d++),[^)]{0,200}\):(?P<time>\d{4}-\d\d-\d\d-\d\d:\d\d:\d\d[.\d]*+)"
    r"\s*+\[(?P<file>[^\]:]{1,200}):(?P<line>\d++)\](?P<text>.*+)"
)


def error_lines(log: str) -> list[str]:
    """The lines of level ERROR, as `module file:line: text`, without times and process ids."""
    found = (_LINE.match(line.strip()) for line in text.clean(log))
    return [f"{m['module']} {m['file']}:{m['line']}: {m['text'].strip()}" for m in found if m]


def errors(folder: Path) -> tuple[str, ...]:
    """The first errors in all log files below a run's private folder, each once; none where there are no log files."""
    seen: dict[str, None] = {}
    for path in sorted(path for path in folder.rglob("plog-*.log") if not path.is_symlink())[:MAX_FILES]:
        try:
            file, size = open_regular(path)
        except FileNotFoundError:
            continue  # tools rotate their logs
        with file:
            file.seek(max(size - MAX_BYTES, 0))
            seen.update(dict.fromkeys(error_lines(file.read(MAX_BYTES).decode(errors="replace"))))
    return tuple(seen)[:MAX_ERRORS]
