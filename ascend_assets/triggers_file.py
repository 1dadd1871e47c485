"""Reading `triggers.yaml`, refusing settings that do less than they seem to, and the settings in force.

Not here: what a field may hold (`triggers.py`). A project without the file starts nothing by itself but what its
models' own files ask for.
"""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from ascend_assets import yaml_file
from ascend_assets.triggers import Triggers
from ascend_assets.yaml_file import BadYaml, Location, Problem, YamlFile
from resources.home import PROJECT


class BadTriggers(BadYaml):
    """Settings that cannot be in force. `problems` has every reason."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems, "the triggers")


def location() -> Path:
    """The settings' file: `ASCEND_TRIGGERS`, else the project's `triggers.yaml`."""
    return Path(os.environ.get("ASCEND_TRIGGERS") or PROJECT / "triggers.yaml").absolute()


def in_force() -> Triggers:
    """The settings in force, read once in a process. Raises `BadTriggers`."""
    return _read_once(location())


@cache
def _read_once(path: Path) -> Triggers:
    return read(path)


def read(path: Path) -> Triggers:
    """Read the settings; without a file the defaults.

    Raises `BadTriggers` with file, line and field of each problem.
    """
    if not path.exists():
        return Triggers()
    try:
        file = yaml_file.read(path, "a file of triggers")
    except BadYaml as error:
        raise BadTriggers(error.problems) from error
    if file.document is None:
        return Triggers()
    try:
        found = Triggers.model_validate(file.document)
    except ValidationError as error:
        raise BadTriggers(file.problems(error, Triggers)) from error
    problems = (*_doubled(file, found),)
    if problems:
        raise BadTriggers(problems)
    return found


def _doubled(file: YamlFile, found: Triggers) -> Iterator[Problem]:
    named: tuple[tuple[Location, tuple[str, ...]], ...] = (
        (("repositories",), tuple(each.name for each in found.repositories)),
        (("notices", "channels"), tuple(each.name for each in found.notices.channels)),
    )
    for place, names in named:
        for index, name in enumerate(names):
            if name in names[:index]:
                yield file.problem((*place, index, "name"), f"{name!r} stands twice")
