"""Remedies that observers offer, made only where their types allow it.

Here belong making a remedy from names that a file or a log gave, and uniting remedies of one kind. Not here: which
remedy is worth a try (`rules/`), or carrying one out.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from ascend_assets.remedies.kinds import MAX_NODES, Remedy
from resources.ascend.option_values import KeptName

RemedyT = TypeVar("RemedyT", bound=Remedy)

_NAMES = ("nodes", "tensors")
_LIMITS = {"options": 20, "black": 100, "passes": 500, "operators": 100, "domains": 50, "shapes": 64, "assumed": 64}
"""Entries of a collection field, by its name; `MAX_NODES` for any other (kinds.py)."""


@cache
def _name_type() -> TypeAdapter[str]:
    return TypeAdapter(KeptName)


def _usable(name: object) -> bool:
    try:
        _name_type().validate_python(name)
    except ValidationError:
        return False
    return True


def usable(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each once, that a remedy can carry: a name with a line break or a quote would break ATC's files."""
    return tuple(name for name in dict.fromkeys(names) if _usable(name))[:MAX_NODES]


def offer(of: type[RemedyT], /, *, as_: str = "", **fields: object) -> dict[str, Remedy]:
    """`{kind: remedy}`, or nothing where the fields do not make one: a name that ATC's files cannot hold, say.

    `as_`: a further word after the kind, `convert_opset.16`, so that an observation can offer several of one kind.
    Names of nodes and tensors that no remedy can carry are left out.
    """
    given = {
        key: usable(value) if isinstance(value, tuple) and key in _NAMES else value for key, value in fields.items()
    }
    try:
        remedy = of.model_validate(given)
    except ValidationError:
        return {}
    return {f"{remedy.kind}.{as_}" if as_ else remedy.kind: remedy}


def of_kind(remedies: Mapping[str, Remedy], kind: str) -> tuple[Remedy, ...]:
    """Everything offered of one kind, in the order in which it is offered."""
    return tuple(remedy for key, remedy in remedies.items() if key.partition(".")[0] == kind)


def united(remedies: Iterable[Remedy]) -> tuple[Remedy, ...]:
    """Remedies of one kind that differ in nothing but what they are applied to become one; the others stay apart."""
    groups: dict[tuple[str, str], list[Remedy]] = {}
    for remedy in remedies:
        apart = {key: value for key, value in _fields(remedy).items() if not isinstance(value, (tuple, Mapping))}
        groups.setdefault((remedy.kind, repr(sorted(apart.items()))), []).append(remedy)
    return tuple(_one(members) for members in groups.values())


def _fields(remedy: Remedy) -> dict[str, Any]:
    return {name: getattr(remedy, name) for name in type(remedy).model_fields}


def _one(members: list[Remedy]) -> Remedy:
    first = members[0]
    fields = _fields(first)
    for other in members[1:]:
        for name, value in _fields(other).items():
            if isinstance(value, tuple):
                fields[name] = (*fields[name], *value)
            elif isinstance(value, Mapping):
                fields[name] = {**value, **fields[name]}
    for name, value in fields.items():
        most = _LIMITS.get(name, MAX_NODES)
        if isinstance(value, tuple):
            fields[name] = tuple(dict.fromkeys(value))[:most]
        elif isinstance(value, Mapping):
            fields[name] = dict(list(value.items())[:most])
    return type(first)(**fields)
