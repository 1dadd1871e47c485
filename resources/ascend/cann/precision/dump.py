"""What a device leaves behind of every operator that it runs.

Here belong the `acl.json` that asks for it and the tree of files that comes of it (CANN's runtime documentation, "dump
configuration"; the names are msaccucmp's). Not here: running the model (`inference.py`), or what is in a file, which
only msaccucmp reads (`msaccucmp.py`).
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from resources.ascend.cann.errors import BadOutput

MAX_FILES = 200_000
"""Dump files of one run: twenty times the operators of the largest networks."""

_DEPTH = 6
"""How deep files are looked for. CANN puts them five deep: time, device, model, model id, number of the run."""
_TIMESTAMP = re.compile(r"\d{13,20}")
_MAPPING = "mapping.csv"
_HASHED = re.compile(r"\d+")

Name = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]+$")]


class ModelDump(BaseModel):
    """A dump of whole models: one of the four kinds that exclude each other in one `acl.json`.

    The others are single operators, exceptions and overflow: a file has one kind because this is one object. `models`
    are names as the `.om` states them, not names of files; `folder` must exist.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: Annotated[tuple[Name, ...], Field(min_length=1)]
    folder: Path
    mode: Literal["input", "output", "all"] = "all"

    def acl_json(self) -> str:
        """The file's content. `dump_op_switch` off says that operators run outside a model are not dumped."""
        dump = {
            "dump_list": [{"model_name": name} for name in self.models],
            "dump_path": str(self.folder.absolute()),
            "dump_mode": self.mode,
            "dump_op_switch": "off",
        }
        return json.dumps({"dump": dump}, indent=1)


@dataclass(frozen=True)
class DumpFile:
    """What a dump file's name says. `name` is the operator's, with `_` for `/` and `.`; empty in the shortest form."""

    op_type: str
    name: str
    task: int
    timestamp: int


def parse_name(file_name: str) -> DumpFile | None:
    """`op_type.op_name.task_id(.stream_id).timestamp`, read from the right because an older name may hold points.

    Four more numbers may follow the timestamp where operators run sliced (FFTS+); the operator's name may be missing.
    None for what is no dump file.
    """
    fields = file_name.split(".")
    stamp = next((i for i in range(len(fields) - 1, 1, -1) if _TIMESTAMP.fullmatch(fields[i])), 0)
    if not stamp or not fields[0] or not all(_number(field) for field in fields[stamp:]):
        return None
    numbers = 0
    while numbers < 2 and stamp - numbers > 1 and _number(fields[stamp - 1 - numbers]):  # noqa: PLR2004 - task, stream
        numbers += 1
    first = stamp - numbers
    if first == 1 and numbers == 2:  # noqa: PLR2004 - of two numbers and no name, the first is the name
        first = 2
    if not numbers:
        return None
    return DumpFile(fields[0], ".".join(fields[1:first]), int(fields[first]), int(fields[stamp]))


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20  # noqa: PLR2004 - digits of 64 bits


def folders(dump: Path) -> tuple[Path, ...]:
    """The folders that hold dump files: for each model its last run, the one with most files first.

    Raises `BadOutput` when there are none, or more files than `MAX_FILES`.
    """
    found: dict[Path, list[tuple[int, int, Path]]] = {}
    total = 0
    for folder, inner, names in os.walk(dump, followlinks=False):
        here = Path(folder)
        depth = len(here.relative_to(dump).parts)
        if depth >= _DEPTH:
            inner.clear()
        count = sum(map(is_dump, names))
        total += count
        if total > MAX_FILES:
            raise BadOutput(f"{dump}: more than {MAX_FILES:,} dump files, which no model makes: see what wrote there")
        if count:
            run = int(here.name) if _number(here.name) else 0
            found.setdefault(here.parent, []).append((run, count, here))
    if not found:
        raise BadOutput(
            f"{dump}: the device dumped nothing: dump_list must name the model as the .om states it, and the model "
            "must have been run with this acl.json"
        )
    last = [max(runs) for runs in found.values()]
    return tuple(path for _, _, path in sorted(last, key=lambda run: (-run[1], str(run[2]))))


def is_dump(name: str) -> bool:
    """Whether a file is a dump: by its name, or a number to which `mapping.csv` gives a name too long for a file."""
    return name != _MAPPING and (_HASHED.fullmatch(name) is not None or parse_name(name) is not None)
