"""ATC's options for a model, proposed by a language model: a few fields, each checked by itself, the rest as it was.

Here belongs which options may be proposed, and reading them. Not here: judging a model with them (`preflight.py`). The
SoC, shapes, and whatever names a file or an output are never proposed.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ascend_assets.copilot import facts, prompts
from ascend_assets.copilot.causes import NotOffered, kept_nodes, op_modes, op_types
from ascend_assets.copilot.names import Names
from ascend_assets.copilot.said import told
from ascend_assets.diagnosis.case import Case
from ascend_assets.diagnosis.cause import Text
from resources.ascend.options import CompileOptions
from resources.copilot.messages import Question
from resources.copilot.redaction import Redactor

if TYPE_CHECKING:
    from resources.copilot.client import Copilot

OFFERED = frozenset(
    {
        "precision_mode",
        "precision_mode_v2",
        "keep_dtype",
        "modify_mixlist",
        "op_precision_mode",
        "op_select_implmode",
        "enable_small_channel",
        "buffer_optimize",
        "deterministic",
    }
)
"""ATC's options that change how a model is computed, and nothing else."""
_ORDER = ("precision_mode_v2", "precision_mode", "op_precision_mode", "op_select_implmode")
"""Before all others, which depend on them."""


@dataclass(frozen=True)
class Proposal:
    """`options`: those of before with what was proposed; `changed`: which fields. Nobody has judged them yet."""

    options: CompileOptions
    changed: tuple[str, ...]
    why: Text
    dropped: Mapping[str, int]


def propose(copilot: "Copilot", case: Case) -> Proposal:
    """Options for a case's model. Raises a `CopilotError`, `OSError`."""
    found, names = facts.of(case, (), Redactor())
    question = Question(
        "options",
        prompts.options(),
        json.dumps(found, ensure_ascii=False, allow_nan=False),
        prompts.options_schema(OFFERED),
    )
    return read(copilot.ask(question).content, case.options, names)


def read(content: Mapping[str, Any], options: CompileOptions, names: Names) -> Proposal:
    """What of an answer can stand beside `options`: each field that cannot is dropped and counted."""
    proposed = content.get("options")
    if not isinstance(proposed, dict) or set(content) - {"options", "why_en", "why_zh"}:
        return Proposal(options, (), Text(en="", zh=""), {"an answer of another form": 1})
    dropped: Counter[str] = Counter()
    changed = []
    for field in sorted(proposed, key=lambda name: (name not in _ORDER, _ORDER.index(name) if name in _ORDER else 0)):
        after = _with(options, field, proposed[field], names, dropped)
        if after is not None and after != options:
            options = after
            changed.append(field)
    why = Text(en=told(str(content.get("why_en", ""))), zh=told(str(content.get("why_zh", ""))))
    return Proposal(options, tuple(changed), why, dict(dropped))


def _with(
    options: CompileOptions,
    field: str,
    value: Any,  # noqa: ANN401 - JSON
    names: Names,
    dropped: Counter[str],
) -> CompileOptions | None:
    if field not in OFFERED:
        dropped["an option that is not offered"] += 1
        return None
    try:
        named = _NAMED[field](value, names) if field in _NAMED and value else value
        given = json.loads(options.model_dump_json(exclude_defaults=True))
        return CompileOptions.model_validate_json(json.dumps({**given, field: named}), strict=True)
    except NotOffered as error:
        dropped[str(error)] += 1
    except (ValidationError, TypeError, ValueError, AttributeError):
        dropped["an option with a value that it cannot have here"] += 1
    return None


def _mixlist(value: Any, names: Names) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {which: op_types(ops, names) for which, ops in dict(value).items()}


_NAMED: dict[str, Callable[[Any, Names], Any]] = {
    "keep_dtype": kept_nodes,
    "modify_mixlist": _mixlist,
    "op_precision_mode": op_modes,
}
