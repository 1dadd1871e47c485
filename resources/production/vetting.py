"""Which Parquet files kill whoever reads them: each is read once in a child process, which may die of it.

Here belongs the child and what its death says. Not here: reading (`reading.py`), which the child does just as we do.
Some damaged files end the whole process in pyarrow's C++ (`terminate called after throwing an instance of
'parquet::ParquetException'`, seen with pyarrow 26.0.1), where no `except` of ours is asked.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from resources import process
from resources.home import PROJECT
from resources.production.reading import BadFile, InputColumn, Layout, opened, pieces

PYTHON = sys.executable
DEATHS = 20
"""Children that may die in one look; what they have not reached by then is not read."""
SECONDS = 900.0
MEMORY = 8 * 1024**3
"""Of one child: time for all files, and bytes of address space."""

KILLED = "kills whoever reads it"
UNREAD = "was not read: too many files beside it kill whoever reads them"


def deadly(paths: Sequence[Path], layout: Layout) -> dict[Path, str]:
    """The files that must not be opened in this process, and why. Raises `OSError` where no child can be started."""
    found: dict[Path, str] = {}
    rest = list(paths)
    while rest and len(found) < DEATHS:
        reached = _read_in_child(rest, layout)
        if reached >= len(rest):
            return found
        found[rest[reached]] = KILLED
        rest = rest[reached + 1 :]
    return {**found, **dict.fromkeys(rest, UNREAD)}


def _read_in_child(paths: Sequence[Path], layout: Layout) -> int:
    """The place of the file that the child died of; the number of files where it did not."""
    asked = {
        "paths": [str(path) for path in paths],
        "answer": layout.answer,
        "labels": layout.labels,
        "inputs": {name: [column.dtype, column.length] for name, column in layout.inputs.items()},
    }
    with tempfile.NamedTemporaryFile("w", prefix="ascend-", suffix=".json") as file:
        json.dump(asked, file)
        file.flush()
        argv = [PYTHON, "-m", "resources.production.vetting"]
        limits = process.Limits(timeout=SECONDS, memory=MEMORY)
        try:
            said = process.run(argv, cwd=PROJECT, limits=limits, stdin=Path(file.name)).stdout
        except process.ProgramMissing as error:
            raise OSError(f"no child can be started to read files in: {error}") from error
        except process.ProcessError as error:
            said = error.completed.stdout
            if not said:
                raise OSError(f"the child that reads files in our place cannot begin: {error}") from error
    return int(said.split()[-1])


def main(asked: IO[str], told: IO[str]) -> None:
    """The child: read each file to its end, and say before which one; at last say how many there were."""
    given: dict[str, Any] = json.load(asked)
    inputs = {name: InputColumn(dtype, length) for name, (dtype, length) in given["inputs"].items()}
    layout = Layout(answer=given["answer"], inputs=inputs, labels=given["labels"])
    for place, path in enumerate(given["paths"]):
        print(place, file=told, flush=True)
        _read(Path(path), layout)
    print(len(given["paths"]), file=told, flush=True)


def _read(path: Path, layout: Layout) -> None:
    try:
        with opened(path, layout) as (file, _):
            for _piece in pieces(file, layout):
                continue
    except BadFile:
        return  # told by whoever reads it next


if __name__ == "__main__":
    main(sys.stdin, sys.stdout)
