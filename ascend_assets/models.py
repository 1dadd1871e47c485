"""Reading `defs.yaml` files, one model each, so that one bad file is reported and the others load.

Here belongs which files there are, and turning one into a `ModelSpec`. Not here: what a field may hold (`spec.py`),
how a wrong file is reported (`yaml_file.py`), or making assets of a model (`component.py`). No Dagster: the command
line reads models without it.
"""

from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from ascend_assets import yaml_file
from ascend_assets.remedies.kinds import KINDS
from ascend_assets.spec import ModelSpec
from ascend_assets.yaml_file import BadYaml, Problem

COMPONENT_TYPE = "ascend_assets.component.AscendModel"
FILE_NAME = "defs.yaml"
DEFS = Path(__file__).resolve().parent / "defs"
"""The folder that holds one folder per model."""
_UNION_MEMBERS = frozenset({"PythonSource", "OnnxSource", "HubSource", "float", "dict[str,float]", "int", *KINDS})


class BadModel(BadYaml):
    """A model file that cannot be used. `problems` has every reason."""

    def __init__(self, folder: Path, problems: tuple[Problem, ...]) -> None:
        self.folder = folder
        super().__init__(problems, f"model {folder.name!r}")


def folders(defs: Path) -> tuple[Path, ...]:
    """Every folder below `defs` that holds a model file, by name."""
    return tuple(sorted(path.parent for path in defs.glob(f"*/{FILE_NAME}")))


def load(folder: Path) -> ModelSpec:
    """Read one model. Raises `BadModel` with file, line and field of each problem."""
    try:
        file = yaml_file.read(folder / FILE_NAME, "a model file")
    except BadYaml as error:
        raise BadModel(folder, error.problems) from error
    wrong = _shape_problem(file.document)
    if wrong:
        raise BadModel(folder, (file.problem((), wrong),))
    try:
        spec = ModelSpec.model_validate(file.document["attributes"])
    except ValidationError as error:
        problems = file.problems(error, ModelSpec, below=("attributes",), members=_UNION_MEMBERS)
        raise BadModel(folder, problems) from error
    if spec.name != folder.name:
        message = f"{spec.name!r} must equal the folder's name, {folder.name!r}"
        raise BadModel(folder, (replace(file.problem(("attributes", "name"), message), field="name"),))
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
