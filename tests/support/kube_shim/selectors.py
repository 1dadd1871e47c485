"""Label and field selectors, as list and watch take them.

Pure functions. Fields that can be selected by are those of the real server for pods, jobs and events; another is
refused with 400, as there.
"""

import re
from collections.abc import Callable, Mapping

from kube_shim import trouble
from kube_shim.kinds import EVENTS, JOBS, PODS, Json, Kind

Selects = Callable[[Json], bool]

_ANY = ("metadata.name", "metadata.namespace")
_ABOUT = ("kind", "name", "namespace", "uid", "apiVersion", "resourceVersion")
_OF_PODS = ("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName")
_FIELDS = {
    PODS: (*_ANY, *_OF_PODS, "status.phase", "status.podIP", "status.nominatedNodeName"),
    JOBS: (*_ANY, "status.successful"),
    EVENTS: (*_ANY, "reason", "reportingComponent", "source", "type", *(f"involvedObject.{part}" for part in _ABOUT)),
}
_SET_BASED = re.compile(r"\s*(?P<key>[^\s!=]+)\s+(?P<operator>in|notin)\s+\((?P<values>[^)]*)\)\s*")
_EQUALITY = re.compile(r"\s*(?P<key>[^\s!=]+)\s*(?P<operator>==|=|!=)\s*(?P<value>[^\s=!]*)\s*")
_EXISTS = re.compile(r"\s*(?P<no>!?)\s*(?P<key>[^\s!=,()]+)\s*")


def selector(kind: Kind, labels: str, fields: str) -> Selects:
    """Whether an object is chosen by both selectors. Raises 400 if one cannot be read."""
    chosen = [*_label_terms(labels), *_field_terms(kind, fields)]
    return lambda item: all(term(item) for term in chosen)


def _label_terms(text: str) -> list[Selects]:
    # A comma inside of parentheses is part of a term.
    return [_label_term(part) for part in re.split(r",(?![^()]*\))", text) if part.strip()]


def _label_term(text: str) -> Selects:
    if found := _SET_BASED.fullmatch(text):
        values = {value.strip() for value in found["values"].split(",")}
        wanted = found["operator"] == "in"
        return _label(found["key"], lambda value: (value in values) == wanted)
    if found := _EQUALITY.fullmatch(text):
        expected, wanted = found["value"], found["operator"] != "!="
        return _label(found["key"], lambda value: (value == expected) == wanted)
    if found := _EXISTS.fullmatch(text):
        wanted = not found["no"]
        return _label(found["key"], lambda value: (value is not None) == wanted)
    raise trouble.bad_request(f"unable to parse requirement: {text!r}")


def _label(key: str, accepts: Callable[[str | None], bool]) -> Selects:
    return lambda item: accepts((item["metadata"].get("labels") or {}).get(key))


def _field_terms(kind: Kind, text: str) -> list[Selects]:
    return [_field_term(kind, part) for part in text.split(",") if part.strip()]


def _field_term(kind: Kind, text: str) -> Selects:
    found = _EQUALITY.fullmatch(text)
    if not found:
        raise trouble.bad_request(f"invalid selector: {text!r}; can't understand {text!r}")
    field = found["key"]
    if field not in _FIELDS.get(kind, _ANY):
        raise trouble.bad_request(f'field label not supported: "{field}"')
    expected, wanted = found["value"], found["operator"] != "!="
    return lambda item: (_value(item, field) == expected) == wanted


def _value(item: Json, field: str) -> str:
    here: object = item
    for part in ("source.component" if field == "source" else field).split("."):
        here = here.get(part) if isinstance(here, Mapping) else None
    return "" if here is None else str(here)
