"""YAML files that people write, read with suspicion, so that each problem has a file, a line and a field.

Here belong the bounds on such a file and turning what is wrong into sentences. Not here: what a file may say
(`spec.py`, `environments.py`), or which files there are (`models.py`, `policy_file.py`).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from resources.regular_files import open_regular

MAX_YAML_BYTES = 256 * 1024
_MAX_PROBLEMS = 20
_MAX_BRACKETS = 1000
_MAX_COLUMNS = 1000

Location = tuple[int | str, ...]
"""Keys and positions on the way from a document's root to a value."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a file, at a line that a person can go to."""

    file: Path
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        """`file:line: field: message`."""
        field = f" {self.field}:" if self.field else ""
        return f"{self.file}:{self.line}:{field} {self.message}"


class BadYaml(Exception):
    """A file that cannot be used. `problems` has every reason, `subject` names what it was to describe."""

    def __init__(self, problems: tuple[Problem, ...], subject: str = "") -> None:
        self.problems = problems
        self.subject = subject
        super().__init__("\n".join(map(str, problems)))


@dataclass(frozen=True)
class YamlFile:
    """A file that is YAML. `document`: its content; `root`: where in the file that stands, None for an empty one."""

    path: Path
    document: Any
    root: yaml.Node | None

    def problem(self, location: Location, message: str) -> Problem:
        """A problem with the value at a location."""
        return Problem(self.path, self.line(location), dotted(location), message)

    def line(self, location: Location) -> int:
        """Line of the deepest value on the way to a location: a missing field is reported at its parent."""
        node, line = self.root, 1
        for part in location:
            found = _child(node, part)
            if found is None:
                break
            node, line = found
        return line

    def problems(
        self,
        error: ValidationError,
        model: type[BaseModel],
        *,
        below: Location = (),
        members: Collection[str] = (),
    ) -> tuple[Problem, ...]:
        """What pydantic found wrong with the value of `model` that stands at `below`.

        `members`: the names that pydantic gives to members of unions, which are no level of a person's file. Fields
        are named from `below` on where that is the same place in every file, else from the root.
        """
        found = []
        details = error.errors(include_url=False, include_context=False, include_input=False)
        for detail in details[:_MAX_PROBLEMS]:
            if detail["type"] == "too_short" and any(len(d["loc"]) > len(detail["loc"]) for d in details):
                continue  # pydantic counts a list without its invalid items
            location = tuple(p for p in detail["loc"] if p not in members and not str(p).startswith("constrained-"))
            message = detail["msg"].removeprefix("Value error, ")
            if detail["type"] == "extra_forbidden":
                message = f"unknown field; allowed: {', '.join(_allowed(model, location[:-1]))}"
            elif detail["type"] == "missing":
                message = "is missing"
            shown = location if all(isinstance(part, str) for part in below) else (*below, *location)
            found.append(Problem(self.path, self.line((*below, *location)), dotted(shown), message))
        return tuple(dict.fromkeys(found))


def dotted(location: Location) -> str:
    """A location as a person reads it: `targets.0.batch`."""
    return ".".join(map(str, location))


def read(path: Path, purpose: str) -> YamlFile:
    """Read one document. `purpose` names the file in messages: "a model file".

    Raises `BadYaml` for what is no regular file of at most `MAX_YAML_BYTES`, not UTF-8, not one YAML document, and for
    aliases and for fields that stand twice.
    """
    text = _read(path, purpose)
    try:
        root, document = _parsed(text)
        doubled = tuple(_doubled(path, root))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise BadYaml((_syntax_problem(path, error),)) from error
    if doubled:
        raise BadYaml(doubled[:_MAX_PROBLEMS])
    return YamlFile(path, document, root)


def _read(path: Path, purpose: str) -> str:
    try:
        file, size = open_regular(path)
        with file:
            if size > MAX_YAML_BYTES:
                message = f"larger than {MAX_YAML_BYTES // 1024} KiB: {purpose} holds settings, not data"
                raise BadYaml((Problem(path, 1, "", message),))
            text = file.read(MAX_YAML_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise BadYaml((Problem(path, 1, "", f"cannot be read: {said}"),)) from error
    if "*" in text and any(isinstance(token, yaml.AliasToken) for token in _tokens(text)):
        # An alias is a reference that a few lines can blow up to gigabytes; no such file needs one.
        raise BadYaml((Problem(path, 1, "", "YAML aliases (*name) are not allowed: write the value out"),))
    return text


def _parsed(text: str) -> tuple[yaml.Node | None, Any]:
    """The document's nodes and its value, in C where PyYAML has it, in Python where a hostile text may be too deep.

    The C composer recurses without a bound and ends the process; Python's raises `RecursionError`. What the C parser
    refuses is parsed again, for Python's words.
    """
    if hasattr(yaml, "CSafeLoader") and _is_shallow(text):
        try:
            return _loaded(yaml.CSafeLoader(text))
        except yaml.YAMLError:
            pass
    return _loaded(yaml.SafeLoader(text))


def _loaded(loader: Any) -> tuple[yaml.Node | None, Any]:  # noqa: ANN401 - the C loader has no type
    try:
        root = loader.get_single_node()
        return root, None if root is None else loader.construct_document(root)
    finally:
        loader.dispose()


def _is_shallow(text: str) -> bool:
    """Whether a text cannot nest more than a few thousand levels, which a level of the C stack each is enough for.

    A level in flow style takes a bracket, one in block style at least half a column.
    """
    brackets = text.count("[") + text.count("{")
    return brackets <= _MAX_BRACKETS and max(map(len, text.splitlines()), default=0) <= _MAX_COLUMNS


def _tokens(text: str) -> list[yaml.Token]:
    try:
        return list(yaml.scan(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError:
        return []  # the parser reports it, with its line


def _syntax_problem(path: Path, error: Exception) -> Problem:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark is not None else 1
    text = getattr(error, "problem", None) or str(error).splitlines()[0]
    return Problem(path, line, "", f"not valid YAML: {text}")


def _doubled(path: Path, node: yaml.Node | None, above: Location = ()) -> Iterator[Problem]:
    """Fields that stand twice in one mapping: the loader would take the last and say nothing."""
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in first:
                message = f"stands in line {first[name]} already: keep one of the two"
                yield Problem(path, line, dotted((*above, name)), message)
            first.setdefault(name, line)
            yield from _doubled(path, value, (*above, name))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _doubled(path, item, (*above, index))


def _allowed(model: type[BaseModel], location: Location) -> list[str]:
    models: list[type[BaseModel]] = [model]
    for part in location:
        if isinstance(part, int):
            continue
        # What is no field is a key of a mapping, whose values are of the model found last.
        models = [
            m for each in models if part in each.model_fields for m in _models(each.model_fields[part].annotation)
        ] or models
    # The layout of a stored document is not for a person to choose.
    return [name for each in models for name in _own_first(each) if name != "schema_version"]


def _own_first(model: type[BaseModel]) -> list[str]:
    """A model's own fields before those that it inherits: what is asked for most stands first."""
    inherited = {name for base in model.__mro__[1:] if issubclass(base, BaseModel) for name in base.model_fields}
    return sorted(model.model_fields, key=inherited.__contains__)


def _models(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]


def _child(node: yaml.Node | None, part: object) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part].start_mark.line + 1
    return None
