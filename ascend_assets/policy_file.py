"""Reading `environments.yaml`, refusing a policy that says less than it seems to, and the policy in force.

Here belong the files' layout, the files that they name, and what must hold between fields and between environments.
Not here: what a field may hold (`environments.py`), or whether a release meets the policy (`gates/`).

A file holds `environments:` and a list, or a list, or one environment. Files of a folder are read in the order of their
names. The files that a policy names (`approvals.signers`) lie below the folder of the file that names them.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ascend_assets import yaml_file
from ascend_assets.environments import ROLLOUT_RESULT, Environment, Environments
from ascend_assets.gates.criteria import CRITERIA
from ascend_assets.gates.criterion import limit
from ascend_assets.yaml_file import BadYaml, Location, Problem, YamlFile
from resources.allowed_signers import MAX_TEXT, BadSigners, parse
from resources.home import PROJECT
from resources.regular_files import open_regular

MAX_FILES = 50
MAX_ENVIRONMENTS = 50

_SIGNERS: Location = ("approvals", "signers")
_PATH = re.compile(r"\w[\w./-]{0,199}")


class BadPolicy(BadYaml):
    """A policy that cannot be in force. `problems` has every reason."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems, "the policy")


@dataclass(frozen=True)
class Placed:
    """An environment, and where it was read: `at` is its place in the file."""

    file: YamlFile
    at: Location
    environment: Environment

    def problem(self, field: Location, message: str) -> Problem:
        """A problem with one of its fields."""
        return self.file.problem((*self.at, *field), message)


def location() -> Path:
    """The policy's file, or a folder of files: `ASCEND_ENVIRONMENTS`, else the project's `environments.yaml`."""
    return Path(os.environ.get("ASCEND_ENVIRONMENTS") or PROJECT / "environments.yaml").absolute()


def in_force() -> Environments:
    """The policy in force, read once in a process. Raises `BadPolicy`."""
    # Asked some hundred times per model, so that no path is made where the working folder does not matter.
    named = os.environ.get("ASCEND_ENVIRONMENTS", "")
    return _read_once(named if not named or named.startswith("/") else str(location()))


@cache
def _read_once(named: str) -> Environments:
    return read(Path(named) if named else location())


def read(path: Path) -> Environments:
    """Read a policy from a file or a folder. Raises `BadPolicy` with file, line and field of each problem."""
    files = tuple(_document(each) for each in _files(path))
    found = tuple(each for file in files for each in _environments(file))
    problems = [each for each in found if isinstance(each, Problem)]
    placed = tuple(each for each in found if isinstance(each, Placed))
    problems += [problem for each in placed for problem in _own_problems(each)]
    if not problems:
        problems += _problems_between(placed)
    if not problems and not placed:
        problems.append(Problem(path, 1, "environments", "there is none: a candidate would have nowhere to go"))
    if len(placed) > MAX_ENVIRONMENTS:
        problems.append(Problem(path, 1, "environments", f"{len(placed)}: at most {MAX_ENVIRONMENTS}"))
    if problems:
        raise BadPolicy(tuple(sorted(problems, key=lambda p: (str(p.file), p.line))))
    return Environments(tuple(each.environment for each in placed))


def _files(path: Path) -> tuple[Path, ...]:
    if not path.is_dir():
        return (path,)
    files = tuple(sorted(each for each in path.iterdir() if each.suffix == ".yaml"))
    if not files:
        raise BadPolicy((Problem(path, 1, "", "holds no *.yaml: write an environment there, or name a file"),))
    if len(files) > MAX_FILES:
        raise BadPolicy((Problem(path, 1, "", f"holds {len(files)} files: at most {MAX_FILES}"),))
    return files


def _document(path: Path) -> YamlFile:
    try:
        return yaml_file.read(path, "a policy")
    except BadYaml as error:
        raise BadPolicy(error.problems) from error


def _environments(file: YamlFile) -> Iterator[Placed | Problem]:
    """Every environment of a file, or what is wrong with it."""
    document = file.document
    below: Location = ()
    if isinstance(document, dict) and "name" not in document:
        unknown = sorted(set(map(str, document)) - {"environments"})
        for name in unknown:
            yield file.problem((name,), "unknown field; allowed: environments")
        document, below = document.get("environments"), ("environments",)
    if isinstance(document, dict) and not below:
        yield from _environment(file, (), document)
    elif isinstance(document, list):
        for index, item in enumerate(document):
            yield from _environment(file, (*below, index), item)
    else:
        yield file.problem(below, "must be a list of environments")


def _environment(file: YamlFile, at: Location, item: object) -> Iterator[Placed | Problem]:
    if not isinstance(item, dict):
        yield file.problem(at, "must be a mapping of the environment's fields")
        return
    try:
        item = _with_signers(file, at, item)
        yield Placed(file, at, Environment.model_validate(item))
    except BadPolicy as error:
        yield from error.problems
    except ValidationError as error:
        yield from file.problems(error, Environment, below=at)


def _with_signers(file: YamlFile, at: Location, item: dict[Any, Any]) -> dict[Any, Any]:
    """The environment with the text of its file of signers in place of the file's name. Raises `BadPolicy`."""
    approvals = item.get("approvals")
    if not isinstance(approvals, dict) or "signers" not in approvals:
        return item
    name = approvals["signers"]
    try:
        text = _signers(file.path.parent, name)
    except BadSigners as error:
        raise BadPolicy((Problem(Path(error.where), error.line or 1, "", error.why),)) from error
    except (OSError, UnicodeDecodeError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else error
        message = f"{str(name)[:200]!r}: {said}; name an allowed_signers file below {file.path.parent}"
        raise BadPolicy((file.problem((*at, *_SIGNERS), message),)) from error
    return {**item, "approvals": {**approvals, "signers": text}}


def _signers(folder: Path, name: object) -> str:
    """An allowed_signers file below `folder`, reached over no symbolic link: who may sign is what git has there."""
    if not isinstance(name, str) or not _PATH.fullmatch(name) or ".." in name.split("/"):
        raise ValueError("must be a path inside the policy's folder: neither absolute nor with '..'")
    path = folder
    for part in name.split("/"):
        path /= part
        if path.is_symlink():
            raise ValueError("is or goes over a symbolic link")
    file, size = open_regular(path)
    with file:
        if size > MAX_TEXT:
            raise ValueError(f"is larger than {MAX_TEXT // 1024} KiB")
        text = file.read(MAX_TEXT).decode("utf-8")
    parse(text, str(path))
    return text


def _own_problems(placed: Placed) -> Iterator[Problem]:
    """Fields of one environment that do not fit each other, or name what there is not."""
    environment = placed.environment
    for index, name in enumerate(environment.may_stay_unjudged):
        field = ("may_stay_unjudged", index)
        if name not in _negotiable():
            yield placed.problem(field, _no_criterion(name))
        elif name in environment.required_checks:
            yield placed.problem(
                field, f"{name} stands in required_checks as well: it must be judged, or it may not be"
            )
    for index, name in enumerate(environment.required_checks):
        if name not in CRITERIA and name != ROLLOUT_RESULT:
            allowed = f"{ROLLOUT_RESULT}, {', '.join(CRITERIA)}"
            yield placed.problem(("required_checks", index), f"{name!r} is no criterion; allowed: {allowed}")
    for name in environment.limits:
        if name == "clean_tree":
            yield placed.problem(("limits", name), "say `allows_dirty` instead")
        elif name not in _negotiable():
            yield placed.problem(("limits", name), _no_criterion(name))
    if environment.approvals.required and not environment.approvals.signers.strip():
        message = f"{environment.approvals.required} must sign and nobody may: name a file in approvals.signers"
        yield placed.problem(("approvals", "required"), message)


def _negotiable() -> list[str]:
    return [name for name, criterion in CRITERIA.items() if criterion.negotiable]


def _no_criterion(name: str) -> str:
    if name in CRITERIA:
        return f"{name}: no environment can change this criterion; allowed: {', '.join(_negotiable())}"
    return f"{name!r} is no criterion; allowed: {', '.join(_negotiable())}"


def _problems_between(placed: tuple[Placed, ...]) -> Iterator[Problem]:
    """What does not fit between environments: names that stand twice, limits that loosen on the way."""
    first: dict[str, Placed] = {}
    for each in placed:
        name = each.environment.name
        before = first.setdefault(name, each)
        if before is not each:
            where = f"{before.file.path}:{before.file.line((*before.at, 'name'))}"
            yield each.problem(("name",), f"{name!r} stands in {where} already")
    for each in placed[:1]:
        if each.environment.soak_hours:
            message = f"{each.environment.name} is the first environment: there is none before it to be live in"
            yield each.problem(("soak_hours",), message)
    for before, after in pairwise(placed):
        yield from _loosened(before.environment, after)


def _loosened(before: Environment, after: Placed) -> Iterator[Problem]:
    for criterion in CRITERIA.values():
        old, new = (limit(criterion.name, criterion.default, e) for e in (before, after.environment))
        if new == old or (new < old) == (criterion.sense == "<="):
            continue
        if criterion.name == "clean_tree":
            yield after.problem(("allows_dirty",), f"limits must tighten, but {before.name} before it allows none")
        else:
            own = "" if criterion.name in after.environment.limits else ", the default,"
            message = f"limits must tighten, but {new:g}{own} is looser than the {old:g} of {before.name} before it"
            yield after.problem(("limits", criterion.name), message)
