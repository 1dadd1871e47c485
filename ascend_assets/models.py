"""Reading `defs.yaml` files, one model each, so that one bad file is reported and the others load.

Here belongs turning text into a `ModelSpec` with messages that name file, line, field and what is allowed.
Not here: what a field may hold (`spec.py`), or making assets of it (`component.py`). No Dagster: the command line reads
models without it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from ascend_assets.spec import ModelSpec

COMPONENT_TYPE = "ascend_assets.component.AscendModel"
FILE_NAME = "defs.yaml"
DEFS = Path(__file__).resolve().parent / "defs"
"""The folder that holds one folder per model."""
MAX_YAML_BYTES = 256 * 1024
_MAX_PROBLEMS = 20


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


class BadModel(Exception):
    """A model file that cannot be used. `problems` has every reason."""

    def __init__(self, folder: Path, problems: tuple[Problem, ...]) -> None:
        self.folder = folder
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


def folders(defs: Path) -> tuple[Path, ...]:
    """Every folder below `defs` that holds a model file, by name."""
    return tuple(sorted(path.parent for path in defs.glob(f"*/{FILE_NAME}")))


def load(folder: Path) -> ModelSpec:
    """Read one model. Raises `BadModel` with file, line and field of each problem."""
    path = folder / FILE_NAME
    text = _read(path)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise BadModel(folder, (_syntax_problem(path, error),)) from error
    problem = _shape_problem(document)
    if problem:
        raise BadModel(folder, (Problem(path, 1, "", problem),))
    try:
        spec = ModelSpec.model_validate(document["attributes"])
    except ValidationError as error:
        raise BadModel(folder, _problems(path, root, error)) from error
    if spec.name != folder.name:
        line = _line(root, ("attributes", "name"))
        message = f"{spec.name!r} must equal the folder's name, {folder.name!r}"
        raise BadModel(folder, (Problem(path, line, "name", message),))
    return spec


def load_all(defs: Path) -> tuple[dict[str, ModelSpec], dict[str, BadModel]]:
    """Read every model below `defs`: those that load, and those that do not, by folder name."""
    good: dict[str, ModelSpec] = {}
    bad: dict[str, BadModel] = {}
    for folder in folders(defs):
        try:
            good[folder.name] = load(folder)
        except BadModel as error:
            bad[folder.name] = error
    return good, bad


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_YAML_BYTES:
            message = f"larger than {MAX_YAML_BYTES // 1024} KiB: a model file holds settings, not data"
            raise BadModel(path.parent, (Problem(path, 1, "", message),))
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadModel(path.parent, (Problem(path, 1, "", f"cannot be read: {error}"),)) from error
    if "&" in text and any(isinstance(token, yaml.AliasToken) for token in _tokens(text)):
        # An alias is a reference that a few lines can blow up to gigabytes; no model file needs one.
        raise BadModel(
            path.parent, (Problem(path, 1, "", "YAML aliases (*name) are not allowed: write the value out"),)
        )
    return text


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


def _shape_problem(document: object) -> str:
    if not isinstance(document, dict):
        return f"must hold `type: {COMPONENT_TYPE}` and `attributes:`"
    if document.get("type") != COMPONENT_TYPE:
        return f"type must be {COMPONENT_TYPE}, but is {document.get('type')!r}"
    if not isinstance(document.get("attributes"), dict):
        return "attributes: must be a mapping of the model's fields"
    unknown = sorted(set(map(str, document)) - {"type", "attributes"})
    if unknown:
        return f"{', '.join(unknown)}: unknown field; allowed: type, attributes"
    return ""


def _problems(path: Path, root: yaml.Node | None, error: ValidationError) -> tuple[Problem, ...]:
    problems = []
    details = error.errors(include_url=False)
    for detail in details[:_MAX_PROBLEMS]:
        if detail["type"] == "too_short" and any(len(d["loc"]) > len(detail["loc"]) for d in details):
            continue  # pydantic counts a list without its invalid items
        location = _without_union_members(detail["loc"])
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = f"unknown field; allowed: {', '.join(_allowed(location[:-1]))}"
        elif detail["type"] == "missing":
            message = "is missing"
        line = _line(root, ("attributes", *location))
        problems.append(Problem(path, line, ".".join(map(str, location)), message))
    return tuple(dict.fromkeys(problems))


def _without_union_members(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Pydantic names the tried member of a union inside a location; a person's file has no such level."""
    members = {"PythonSource", "OnnxSource", "float", "dict[str,float]", "int"}
    return tuple(part for part in location if part not in members and not str(part).startswith("constrained-"))


def _allowed(location: tuple[int | str, ...]) -> list[str]:
    models: list[type[BaseModel]] = [ModelSpec]
    for part in location:
        if isinstance(part, int):
            continue
        models = [
            m for model in models if part in model.model_fields for m in _models(model.model_fields[part].annotation)
        ]
    return [name for model in models for name in model.model_fields]


def _models(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]


def _line(root: yaml.Node | None, location: tuple[Any, ...]) -> int:
    """Line of the deepest node on the way to a location; a missing field is reported at its parent."""
    node, line = root, 1
    for part in location:
        found = _child(node, part)
        if found is None:
            break
        node, line = found
    return line


def _child(node: yaml.Node | None, part: object) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part].start_mark.line + 1
    return None
