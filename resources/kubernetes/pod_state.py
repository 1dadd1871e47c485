"""How a pod is, as the API tells it: why it waits, why it was lost, and whether its step may be started anew.

Here belong reading the API's JSON with suspicion, and decisions about it, as pure functions. Not here: asking the API
(`ascend_assets/cluster/watch.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

_MAX = 500
_OVER = frozenset({"Succeeded", "Failed"})
_HOPELESS_WAITS = frozenset({"InvalidImageName", "ErrImageNeverPull"})
"""Reasons of the kubelet that no waiting mends."""
_IMAGE_WAITS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable", "CreateContainerConfigError"}
)
"""Reasons that are a person's to mend, or pass within minutes: a wrong name, a registry that restarts, a secret."""
_TOO_LONG = "DeadlineExceeded"


@dataclass(frozen=True)
class Pod:
    """One pod. `deleting`: its end was asked for. `waits`: reason and message of what it waits for.

    `ended`: reason, exit code and message of its container's end, `exit_code` None where nobody tells. `told`: reason
    and message of the pod itself (Evicted, say).
    """

    name: str
    phase: str
    node: str = ""
    deleting: bool = False
    waits: tuple[str, str] = ("", "")
    ended: tuple[str, str] = ("", "")
    exit_code: int | None = None
    told: tuple[str, str] = ("", "")

    @property
    def is_over(self) -> bool:
        """Whether it has ended: nothing runs in it any more."""
        return self.phase in _OVER


@dataclass(frozen=True)
class Lost:
    """Why a step's pod is lost. `again`: whether the step may be started anew, since another pod may do better."""

    why: str
    again: bool


def read(document: Mapping[str, Any]) -> Pod:
    """A pod from the API's JSON; what is not there, or of another type, counts as not told."""
    metadata, spec, status = (_map(document.get(part)) for part in ("metadata", "spec", "status"))
    states = [_map(_map(one).get("state")) for one in _list(status.get("containerStatuses"))]
    waiting = next((found for state in states if (found := _map(state.get("waiting")))), {})
    terminated = next((found for state in states if (found := _map(state.get("terminated")))), {})
    unscheduled = next((c for c in map(_map, _list(status.get("conditions"))) if _is_unscheduled(c)), {})
    code = terminated.get("exitCode")
    return Pod(
        name=_text(metadata, "name"),
        phase=_text(status, "phase"),
        node=_text(spec, "nodeName"),
        deleting=bool(metadata.get("deletionTimestamp")),
        waits=_said(waiting) if waiting else _said(unscheduled),
        ended=_said(terminated),
        exit_code=code if type(code) is int else None,
        told=_said(status),
    )


def waiting(pods: Sequence[Pod]) -> str:
    """Why a job's pod does not run yet, in words; empty where it runs or has run."""
    if not pods:
        return "Kubernetes has made no pod of it yet: a quota, or an admission rule, may forbid it"
    pod = pods[-1]
    if pod.phase != "Pending":
        return ""
    return f"pod {pod.name} waits: {_sentence(pod.waits) or 'Kubernetes does not say for what'}"


def kind_of_wait(pods: Sequence[Pod]) -> Literal["never", "image", "place"]:
    """What a waiting pod waits for: nothing that will come, an image or a secret, or a place to run.

    The kubelet's own reason changes while it tries: ErrImagePull and ImagePullBackOff in turn.
    """
    reason = pods[-1].waits[0] if pods else ""
    if reason in _HOPELESS_WAITS:
        return "never"
    return "image" if reason in _IMAGE_WAITS else "place"


def patience(pods: Sequence[Pod], waiting_seconds: float, image_seconds: float) -> float:
    """How many seconds a waiting pod has, from when it began to wait for that."""
    return {"never": 0.0, "image": min(image_seconds, waiting_seconds), "place": waiting_seconds}[kind_of_wait(pods)]


def unconfirmed(pods: Sequence[Pod]) -> tuple[Pod, ...]:
    """Pods that may still work, though their job is lost: on a node that does not answer, above all."""
    return tuple(pod for pod in pods if not pod.is_over and pod.phase != "Pending")


def lost(pods: Sequence[Pod], reason: str, message: str) -> Lost:
    """Why a job that has failed did. `reason` and `message`: the job's own condition, where it has one."""
    if reason == _TOO_LONG:
        return Lost(f"it took longer than it may ({message or reason}): resources.<stage>.minutes", again=False)
    pod = pods[-1] if pods else None
    if pod is None:
        return Lost(f"its pod is gone: deleted, or its node was ({message or reason or 'no more is told'})", again=True)
    where = f"pod {pod.name}{f' on {pod.node}' if pod.node else ''}"
    if pod.ended[0] == "OOMKilled":
        why = f"{where} was killed for memory: give its stage more (resources.<stage>.memory)"
        return Lost(why, again=False)
    told = _sentence(pod.told) or _sentence(pod.ended)
    code = f"exit code {pod.exit_code}" if pod.exit_code is not None else ""
    said = ", ".join(part for part in (told, code) if part)
    return Lost(f"{where} ended without a word of its step{f': {said}' if said else ''}", again=True)


def _is_unscheduled(condition: Mapping[str, Any]) -> bool:
    return condition.get("type") == "PodScheduled" and condition.get("status") == "False"


def _said(part: Mapping[str, Any]) -> tuple[str, str]:
    return _text(part, "reason"), _text(part, "message")


def _sentence(said: tuple[str, str]) -> str:
    return ": ".join(part for part in said if part)


def _text(part: Mapping[str, Any], name: str) -> str:
    value = part.get(name)
    return " ".join(value.split())[:_MAX] if isinstance(value, str) else ""


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[Any]:
    return value[:50] if isinstance(value, list) else []
