"""What is kept of one compilation: what the model is made of, how it was compiled, and whether that was refused.

Here belong these facts and their one line of JSON in Dagster's event log. Not here: reading them back from there
(`past.py`), or what follows from them (`estimate.py`).
"""

import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from resources.ascend.families import family
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Diagnostic

if TYPE_CHECKING:
    import onnx

MAX_OPERATORS = 300
"""Different operators of one model that are kept; ONNX has fewer than 200."""
_WORD = r"^[\w.:-]{1,120}$"
Word = Annotated[str, Field(pattern=_WORD)]


class Facts(BaseModel):
    """A model and one way to compile it. `operators`: `<domain>::<operator>`; `settings`: options off their default."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    opset: int
    family: Word
    operators: Annotated[frozenset[Word], Field(max_length=MAX_OPERATORS)]
    settings: Annotated[frozenset[Word], Field(max_length=50)] = frozenset()


class Conversion(BaseModel):
    """One compilation that was tried. `blamed`: operators and settings that the compiler named when it refused."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    facts: Facts
    failed: bool
    blamed: Annotated[frozenset[Word], Field(max_length=MAX_OPERATORS)] = frozenset()

    def line(self) -> str:
        """One line of JSON, the same for equal facts."""
        held = self.model_dump(mode="json")
        held["facts"]["operators"] = sorted(held["facts"]["operators"])
        held["facts"]["settings"] = sorted(held["facts"]["settings"])
        held["blamed"] = sorted(held["blamed"])
        return json.dumps(held, separators=(",", ":"))


def read(line: str) -> Conversion | None:
    """What `line` wrote; None for what another version or somebody else wrote."""
    try:
        return Conversion.model_validate_json(line)
    except ValidationError:
        return None


def of_model(model: "onnx.ModelProto", options: CompileOptions) -> Facts:
    """The facts of a model, weights not needed, and of how it is to be compiled."""
    from resources.onnx_files.walk import nodes

    opsets = [entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}]
    found = sorted({_operator(node) for node in nodes(model)})
    return Facts(
        opset=max(opsets, default=0),
        family=family(options.soc_version) or "unknown",
        operators=frozenset(found[:MAX_OPERATORS]),
        settings=frozenset(_settings(options)),
    )


def conversion(
    model: "onnx.ModelProto", options: CompileOptions, refused: Iterable[Diagnostic] | None = None
) -> Conversion:
    """What there is to keep of a compilation: None for one that was not refused, else what the compiler said."""
    facts = of_model(model, options)
    if refused is None:
        return Conversion(facts=facts, failed=False)
    return Conversion(facts=facts, failed=True, blamed=_blamed(model, facts, refused))


def _blamed(model: "onnx.ModelProto", facts: Facts, refused: Iterable[Diagnostic]) -> frozenset[str]:
    from resources.onnx_files.graph import view

    by_name = {node.name: _word(f"{node.domain}::{node.op}") for node in view(model).nodes}
    errors = [each for each in refused if not each.code.startswith("W")]
    operators = {by_name[name] for each in errors for name in each.nodes if name in by_name}
    named = {
        setting for each in errors for setting in facts.settings if f"[--{setting.partition(':')[0]}]" in each.message
    }
    return frozenset(operators | named) & (facts.operators | facts.settings)


def _operator(node: "onnx.NodeProto") -> str:
    return _word(f"{node.domain or 'ai.onnx'}::{node.op_type}")


def _word(text: str) -> str:
    """A name from a file, as a word that stands in a log, a table and a page."""
    return re.sub(r"[^\w.:-]", "_", text)[:120] or "_"


def _settings(options: CompileOptions) -> Iterable[str]:
    yield f"precision_mode:{options.mode}"
    for name in type(options).model_fields:
        value = getattr(options, name)
        default = type(options).model_fields[name].get_default(call_default_factory=True)
        if name not in _OF_MODEL and value != default:
            yield name


_OF_MODEL = frozenset({"soc_version", "input_shape", "precision_mode", "precision_mode_v2"})
"""Options that are facts of their own, or that every model has."""
