"""Conditions in an object's status: a type, whether it holds, since when and why.

Pure. Not here: which conditions there are.
"""

from kube_shim.kinds import Json


def set_condition(status: Json, kind: str, value: str, reason: str = "", message: str = "", *, at: str) -> None:
    """Set one in a status that is being made. The time is that of the last change of its value."""
    entries = [entry for entry in status.get("conditions") or [] if entry["type"] != kind]
    before = condition(status, kind)
    since = before["lastTransitionTime"] if before and before["status"] == value else at
    made: Json = {"type": kind, "status": value, "lastTransitionTime": since}
    told = {name: text for name, text in (("reason", reason), ("message", message)) if text}
    status["conditions"] = [*entries, made | told]


def condition(status: Json, kind: str) -> Json | None:
    return next((entry for entry in status.get("conditions") or [] if entry["type"] == kind), None)


def holds(status: Json, kind: str) -> bool:
    found = condition(status, kind)
    return found is not None and found["status"] == "True"
