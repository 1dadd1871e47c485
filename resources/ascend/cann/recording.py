"""What CANN's tools said, remembered.

Here belongs keeping each tool's command, outputs and small result files, within bounds, for a report that a person
sends to whoever mends our parsers. Not here: taking private matter out of it (`resources/scrubbing.py`).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from resources.process import Completed

MAX_RUNS = 200
"""Tools that are remembered; later ones are only counted."""
MAX_TEXT = 128 * 1024
"""Characters of one output or one file: head and tail."""
MAX_FILES = 12
"""Result files of one run."""

_KEPT = (".csv", ".json", ".info", ".cfg")
_MAX_READ = 8 * 1024 * 1024
_MAX_ENTRIES = 5000


@dataclass(frozen=True)
class Recorded:
    """One run of a tool. `returncode` None where it could not be started; `files`: name below its folder -> text."""

    argv: tuple[str, ...]
    returncode: int | None
    seconds: float
    stdout: str
    stderr: str
    files: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Recorder:
    """What tools said, in order. A site calls `keep` with the end of each."""

    runs: list[Recorded] = field(default_factory=list)

    def keep(self, ended: Completed, folder: Path) -> None:
        """Remember one run, and the result files that it left in `folder`."""
        if len(self.runs) < MAX_RUNS:
            texts = (middle_cut(ended.stdout), middle_cut(ended.stderr))
            self.runs.append(Recorded(ended.argv, ended.returncode, ended.seconds, *texts, tuple(_files(folder))))


def middle_cut(text: str, limit: int = MAX_TEXT) -> str:
    """Text of at most about `limit` characters: its head and its tail, and how much is missing between."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters left out ...]\n{text[-half:]}"


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """Result files below a folder, by name. What cannot be read is left out: a report is better short than missing."""
    names = sorted(_names(folder))
    for name in names[:MAX_FILES]:
        try:
            with (folder / name).open("rb") as file:
                data = file.read(_MAX_READ)
        except OSError:
            continue
        yield name, middle_cut(data.decode("utf-8", "replace"))


def _names(folder: Path) -> Iterator[str]:
    seen = 0
    for place, _, names in os.walk(folder, followlinks=False):
        for name in names:
            seen += 1
            path = Path(place) / name
            if name.endswith(_KEPT) and path.is_file() and not path.is_symlink():
                yield str(path.relative_to(folder))
        if seen > _MAX_ENTRIES:
            return
