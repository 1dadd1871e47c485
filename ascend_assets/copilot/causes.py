"""Causes and remedies out of a language model's answer: parsed into the same types as a rule's, or dropped.

Here belongs every bound on what may be proposed. Not here: asking (`asking.py`), or trying (`ascend_assets/repair`).
Each cause and each remedy stands for itself: what cannot be read is dropped and counted, and the rest is kept.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ascend_assets.copilot.names import Kind, Names
from ascend_assets.copilot.prompts import NOT_OFFERED
from ascend_assets.copilot.said import told
from ascend_assets.diagnosis.case import Case
from ascend_assets.diagnosis.cause import Cause, Text
from ascend_assets.remedies.kinds import (
    AnyRemedy,
    ClampConstants,
    DropOptions,
    FixShapes,
    Remedy,
    SetInputShapes,
    SwitchFusionOff,
)
from resources.ascend.options import CompileOptions

FAMILY = "copilot"
MAX_CAUSES, MAX_REMEDIES, MAX_NAMES = 5, 6, 500
MOST_CONFIDENT = 0.5
"""A language model's own confidence is no calibrated probability."""
SMALLEST_CLAMP, LARGEST_CLAMP = 1000.0, 65504.0
"""Bounds for masks and fill values: below, a clamp changes what a model computes; above is beyond FP16."""
_NEVER_DROPPED = frozenset({"soc_version", "input_shape", "input_shape_range", "first_generation"})
_ADVICE = Text(
    en="A language model proposed this and nobody has verified it. A remedy counts only where the gates pass with it.",
    zh="这是语言模型的建议,未经任何人核实。只有在门禁通过时,修复措施才算有效。",
)
_NOTHING = Text(en="(its words are left out: they held an address, a path or a command, or none)", zh="(原文已省略)")
_REMEDY: TypeAdapter[AnyRemedy] = TypeAdapter(AnyRemedy)


class NotOffered(ValueError):
    """A remedy that names what was not shown, or may not be proposed by a language model."""


class _Proposed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    explanation_en: Annotated[str, Field(max_length=20_000)]
    explanation_zh: Annotated[str, Field(max_length=20_000)]
    confidence: Annotated[float, Field(ge=0, le=1)]
    remedies: list[dict[str, Any]] = []


@dataclass(frozen=True)
class Kept:
    """What is kept of an answer. `dropped`: why something was not -> how often."""

    causes: tuple[Cause, ...]
    dropped: Mapping[str, int]


def read(content: Mapping[str, Any], case: Case, names: Names, model: str, first: int = 1) -> Kept:
    """Causes with remedies that can be tried, `copilot.<number>` from `first` on. `model`: whose words they are."""
    dropped: Counter[str] = Counter()
    proposed = content.get("causes")
    if not isinstance(proposed, list) or set(content) != {"causes"}:
        return Kept((), {"an answer that is no list of causes": 1})
    dropped["more causes than are read"] += max(0, len(proposed) - MAX_CAUSES)
    causes = [_cause(one, case, names, model, dropped) for one in proposed[:MAX_CAUSES]]
    kept = sorted((cause for cause in causes if cause is not None), key=lambda cause: -cause.confidence)
    numbered = (cause.model_copy(update={"rule": f"{FAMILY}.{number}"}) for number, cause in enumerate(kept, first))
    return Kept(tuple(numbered), {why: count for why, count in dropped.items() if count})


def _cause(raw: object, case: Case, names: Names, model: str, dropped: Counter[str]) -> Cause | None:
    try:
        proposed = _Proposed.model_validate(raw)
    except ValidationError:
        dropped["a cause of another form"] += 1
        return None
    remedies = _remedies(proposed.remedies, case, names, dropped)
    en, zh = told(proposed.explanation_en), told(proposed.explanation_zh)
    if not remedies and not (en or zh):
        dropped["a cause without a usable word or remedy"] += 1
        return None
    return Cause(
        rule=FAMILY,
        family=FAMILY,
        confidence=min(proposed.confidence, MOST_CONFIDENT),
        nodes=_about(remedies),
        evidence=(),
        explanation=Text(
            en=f"Proposed by a language model, not verified: {en or _NOTHING.en}",
            zh=f"语言模型的建议,未经核实:{zh or _NOTHING.zh}",
        ),
        advice=_ADVICE,
        remedies=remedies,
        source=f"language model {model}",
    )


def _about(remedies: tuple[AnyRemedy, ...]) -> tuple[str, ...]:
    """The nodes that remedies name, each once."""
    named = (node for one in remedies for node in getattr(one, "nodes", ()))
    return tuple(dict.fromkeys(node for node in named if not node.startswith("OpType::")))


def _remedies(raws: list[dict[str, Any]], case: Case, names: Names, dropped: Counter[str]) -> tuple[AnyRemedy, ...]:
    """Those that can be read, each once, what needs a person last."""
    found: list[AnyRemedy] = []
    dropped["more remedies than are read"] += max(0, len(raws) - MAX_REMEDIES)
    for raw in raws[:MAX_REMEDIES]:
        try:
            found.append(remedy(raw, case, names))
        except NotOffered as error:
            dropped[str(error)] += 1
        except (ValidationError, TypeError, AttributeError):
            dropped["a remedy of no known form"] += 1
    return tuple(sorted(_unique(found), key=lambda one: one.needs_person))


def _unique(found: list[AnyRemedy]) -> list[AnyRemedy]:
    return [one for place, one in enumerate(found) if one not in found[:place]]


def remedy(raw: Mapping[str, Any], case: Case, names: Names) -> AnyRemedy:
    """One remedy with the model's own names. Raises `NotOffered`, `ValidationError`."""
    kind = raw.get("kind")
    if kind in NOT_OFFERED:
        raise NotOffered("a kind of remedy that is not offered")
    found = _REMEDY.validate_json(json.dumps(_named(raw, names)), strict=True)
    return _allowed(found, case)


def _named(raw: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """The fields with neutral names replaced by what they stand for."""
    return {field: _FIELDS[field](value, names) if field in _FIELDS else value for field, value in raw.items()}


def _real(kind: Kind, neutral: object, names: Names) -> str:
    try:
        return names.real(kind, str(neutral))
    except KeyError:
        raise NotOffered("a remedy for something that was not shown") from None


def _list(kind: Kind) -> Callable[[Any, Names], list[str]]:
    def read_list(value: Any, names: Names) -> list[str]:  # noqa: ANN401 - JSON
        if not isinstance(value, list) or len(value) > MAX_NAMES:
            raise NotOffered("a remedy with a list that is none, or too long")
        return [_real(kind, one, names) for one in value]

    return read_list


def op_types(value: Any, names: Names) -> list[str]:  # noqa: ANN401 - JSON
    """Operators by the model's own names. Raises `NotOffered`."""
    return _list("Op")(value, names)


def kept_nodes(value: Any, names: Names) -> list[str]:  # noqa: ANN401 - JSON
    """Nodes, or `OpType::<operator>` where a remedy takes such, by the model's own names. Raises `NotOffered`."""
    if not isinstance(value, list) or len(value) > MAX_NAMES:
        raise NotOffered("a remedy with a list that is none, or too long")
    prefix = "OpType::"
    return [
        f"{prefix}{_real('Op', one.removeprefix(prefix), names)}"
        if isinstance(one, str) and one.startswith(prefix)
        else _real("n", one, names)
        for one in value
    ]


def _shapes(value: Any, names: Names) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {_real("in", name, names): dims for name, dims in dict(value).items()}


def op_modes(value: Any, names: Names) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """`op_precision_mode` with the model's own names. Raises `NotOffered`."""
    kinds: dict[str, Kind] = {"by_type": "Op", "by_node": "n"}
    return {
        field: {_real(kinds[field], name, names): mode for name, mode in dict(entries).items()}
        if field in kinds
        else entries
        for field, entries in dict(value).items()
    }


def _operators(value: Any, names: Names) -> list[str]:  # noqa: ANN401 - JSON
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value) or len(value) > MAX_NAMES:
        raise NotOffered("a remedy with a list that is none, or too long")
    parts = [one.partition("::") for one in value]
    return [f"{_real('d', domain, names)}::{_real('Op', op, names)}" for domain, _, op in parts]


_FIELDS: dict[str, Callable[[Any, Names], Any]] = {
    "nodes": kept_nodes,
    "tensors": _list("t"),
    "black": op_types,
    "domains": _list("d"),
    "shapes": _shapes,
    "assumed": _list("in"),
    "modes": op_modes,
    "operators": _operators,
}


def _allowed(found: AnyRemedy, case: Case) -> AnyRemedy:
    """The remedy, if a language model may propose it with these values. Raises `NotOffered`."""
    for kind, check in _CHECKS.items():
        if isinstance(found, kind):
            check(found, case)
    if isinstance(found, SetInputShapes):
        # Nobody stated them: they are for a person to confirm.
        return found.model_copy(update={"assumed": tuple(found.shapes)})
    return found


def _check_dropped(found: DropOptions, case: Case) -> None:
    given = set(case.options.model_dump(exclude_defaults=True)) & set(CompileOptions.model_fields)
    if not set(found.options) <= given - _NEVER_DROPPED:
        raise NotOffered("an option dropped that is not given, or that is not the compiler's to choose")


def _check_passes(found: SwitchFusionOff, case: Case) -> None:
    fusion = case.comparison.fusion if case.comparison else None
    if not set(found.passes) <= set(fusion.passes if fusion else ()):
        raise NotOffered("a fusion pass switched off that did not take effect")


def _check_open(found: SetInputShapes, case: Case) -> None:
    if not set(found.shapes) <= set(case.open_inputs):
        raise NotOffered("a shape for an input whose shape is stated")


def _check_fixed(found: FixShapes, case: Case) -> None:
    if any(tuple(case.options.input_shape.get(name, ())) != dims for name, dims in found.shapes.items()):
        raise NotOffered("shapes other than those that the model is compiled for")


def _check_clamp(found: ClampConstants, _case: Case) -> None:
    if not SMALLEST_CLAMP <= found.bound <= LARGEST_CLAMP:
        raise NotOffered("constants limited to less than masks need, or beyond FP16")


_CHECKS: dict[type[Remedy], Callable[[Any, Case], None]] = {
    DropOptions: _check_dropped,
    SwitchFusionOff: _check_passes,
    SetInputShapes: _check_open,
    FixShapes: _check_fixed,
    ClampConstants: _check_clamp,
}
