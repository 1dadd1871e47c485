"""Refusals, worded as the real API server words them.

Each function makes the exception of one kind of refusal; `body` is what is sent. Reasons and messages are those of
k8s.io/apimachinery, pkg/api/errors/errors.go. Not here: when to refuse.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kube_shim.kinds import Json, Kind


@dataclass(frozen=True)
class Cause:
    """What is wrong with one field. `reason` is the API's: FieldValueInvalid and so on."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"


@dataclass
class ApiError(Exception):
    """An answer that says no. `code` is the HTTP status."""

    code: int
    reason: str
    message: str
    details: Json = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> Json:
        said: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        return said | {"message": self.message, "reason": self.reason, "details": self.details, "code": self.code}


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def unknown_path() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def method_not_allowed() -> ApiError:
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def not_found(kind: Kind, name: str) -> ApiError:
    return ApiError(404, "NotFound", f'{kind.resource} "{name}" not found', _details(kind, name))


def already_exists(kind: Kind, name: str) -> ApiError:
    return ApiError(409, "AlreadyExists", f'{kind.resource} "{name}" already exists', _details(kind, name))


def conflict(kind: Kind, name: str, why: str = "") -> ApiError:
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    said = f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}'
    return ApiError(409, "Conflict", said, _details(kind, name))


def forbidden(kind: Kind, name: str, why: str) -> ApiError:
    named = f' "{name}"' if name else ""
    return ApiError(403, "Forbidden", f"{kind.resource}{named} is forbidden: {why}", _details(kind, name))


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> ApiError:
    """422. One cause is named in the message, several in brackets."""
    told = [f"{cause.field}: {cause.message}" for cause in causes]
    listed = told[0] if len(told) == 1 else f"[{', '.join(told)}]"
    shown: list[Json] = [{"reason": c.reason, "message": c.message, "field": c.field} for c in causes]
    details = _details(kind, name) | {"kind": kind.name, "causes": shown}
    return ApiError(422, "Invalid", f'{kind.title} "{name}" is invalid: {listed}', details)


def expired(asked: int, oldest: int) -> ApiError:
    return ApiError(410, "Expired", f"too old resource version: {asked} ({oldest})")


def too_large(limit: int) -> ApiError:
    said = f"Request entity too large: limit is {limit}"
    return ApiError(413, "RequestEntityTooLarge", said, headers={"Connection": "close"})


def on_demand(code: int, retry_after: int = 0) -> ApiError:
    """An answer that a test asked for."""
    reasons = {
        401: ("Unauthorized", "Unauthorized"),
        409: ("Conflict", "Operation cannot be fulfilled: the object has been modified"),
        429: ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
        500: ("InternalError", "Internal error occurred: etcdserver: request timed out"),
        503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
        504: ("Timeout", "Timeout: request did not complete within the allotted timeout"),
    }
    reason, message = reasons.get(code, ("Unknown", f"the server answered {code}"))
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return ApiError(code, reason, message, {"retryAfterSeconds": retry_after} if retry_after else {}, headers)


def _details(kind: Kind, name: str) -> Json:
    return {"name": name, "kind": kind.plural} | ({"group": kind.group} if kind.group else {})
