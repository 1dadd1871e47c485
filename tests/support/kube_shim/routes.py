"""What a request asks for: the path and the method, read into the API's own terms.

Pure. Not here: whether it is allowed (`access.py`), and doing it (`api.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from kube_shim import trouble
from kube_shim.kinds import Kind, kind_of

_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_OF_COLLECTIONS = {"get": "list", "delete": "deletecollection"}


@dataclass(frozen=True)
class Ask:
    """One request about objects of a kind. `namespace` and `name` are empty where none is named."""

    verb: str
    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def resource(self) -> str:
        """As a role's rules name it."""
        return f"{self.kind.plural}/{self.subresource}" if self.subresource else self.kind.plural

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() in {"true", "1"}

    def whole(self, name: str) -> int | None:
        """A whole number of the query, None if it is not given. Raises 400."""
        text = self.query.get(name, "")
        if not text:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise trouble.bad_request(f'strconv.ParseUint: parsing "{text[:40]}": invalid syntax')
        return int(text)


def query_of(target: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))


def path_of(target: str) -> str:
    return urlsplit(target).path


def parse(method: str, target: str) -> Ask:
    """What is asked. Raises 404 for a path that the shim does not serve, 405 for a method that it does not know."""
    parts = [unquote(part) for part in path_of(target).strip("/").split("/")]
    group, rest = _group(parts)
    version, rest = rest[0], rest[1:]
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    kind = kind_of(group, version, rest[0]) if 1 <= len(rest) <= 3 else None
    if kind is None or not all(rest) or (namespace and not kind.namespaced):
        raise trouble.unknown_path()
    name, subresource = (*rest[1:], "", "")[:2]
    if subresource and subresource not in kind.subresources:
        raise trouble.unknown_path()
    if kind.namespaced and not namespace and (name or method == "POST"):
        raise trouble.unknown_path()
    query = query_of(target)
    return Ask(_verb(method, name, query), kind, namespace, name, subresource, query)


def _group(parts: list[str]) -> tuple[str, list[str]]:
    if parts[0] == "api" and len(parts) >= 3:
        return "", parts[1:]
    if parts[0] == "apis" and len(parts) >= 4:
        return parts[1], parts[2:]
    raise trouble.unknown_path()


def _verb(method: str, name: str, query: Mapping[str, str]) -> str:
    verb = _VERBS.get(method, "")
    if not verb or (verb == "create" and name) or (verb in {"update", "patch"} and not name):
        raise trouble.method_not_allowed()
    if verb == "get" and query.get("watch", "").lower() in {"true", "1"}:
        return "watch"
    return verb if name else _OF_COLLECTIONS.get(verb, verb)
