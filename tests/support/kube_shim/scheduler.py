"""Which node a pod goes to, and in which words it is told that there is none.

The decision is a pure function of a pod, the nodes and the other pods: what they ask for, node selectors, required
node affinity, taints. `volcano` decides here as the default scheduler does; groups of pods (gangs), priorities and
preemption are left out. A pod that names another scheduler stays Pending, as where that scheduler is not installed.

What it assigns of a device plugin's resources are numbered devices, written to the pod's annotations in MindCluster's
form (`huawei.com/Ascend310P: Ascend310P-0,Ascend310P-1`).
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial

from kube_shim.conditions import set_condition
from kube_shim.events import Recorder
from kube_shim.kinds import NODES, PODS, Json
from kube_shim.quantity import amounts
from kube_shim.store import Store, now

SCHEDULERS = ("default-scheduler", "volcano")
_DEVICES = "huawei.com/"


@dataclass(frozen=True)
class Placement:
    """Where a pod goes: a node and its annotations there, or no node and why."""

    node: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    why: str = ""


@dataclass
class Room:
    """What is left on a node. `others`: how many pods it has."""

    node: Json
    free: dict[str, Fraction]
    held: set[int] = field(default_factory=set)
    others: int = 0

    def take(self, pod: Json) -> None:
        """A pod of the node holds what it asked for."""
        for name, amount in requests(pod).items():
            self.free[name] = self.free.get(name, Fraction(0)) - amount
        self.held |= {number for numbers in assigned(pod).values() for number in numbers}
        self.others += 1


def run(store: Store) -> None:
    """Place every pod that waits, in the order in which they were made."""
    with store.changed:
        pods = store.all(PODS)
        waiting = sorted((pod for pod in pods if _waits(pod)), key=_age)
        rooms = rooms_of(store.all(NODES), pods) if waiting else []
        for pod in waiting:
            placement = place(pod, rooms)
            placed = store.update(PODS, pod, partial(_apply, placement))
            recorder = Recorder(store, pod["spec"]["schedulerName"])
            name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
            if placement.node and placed is not None:
                next(room for room in rooms if room.node["metadata"]["name"] == placement.node).take(placed)
                recorder.normal(PODS, pod, "Scheduled", f"Successfully assigned {namespace}/{name} to {placement.node}")
            elif placement.why != _said_before(pod):
                recorder.warning(PODS, pod, "FailedScheduling", placement.why)


def rooms_of(nodes: Iterable[Json], pods: Iterable[Json]) -> list[Room]:
    """What the pods that hold resources leave of each node."""
    rooms = {node["metadata"]["name"]: Room(node, amounts(node["status"]["allocatable"])) for node in nodes}
    for pod in pods:
        if holds(pod) and pod["spec"]["nodeName"] in rooms:
            rooms[pod["spec"]["nodeName"]].take(pod)
    return list(rooms.values())


def place(pod: Json, rooms: Sequence[Room]) -> Placement:
    """The node with the fewest pods among those that fit, or why none does."""
    reasons = [_unfit(pod, room) for room in rooms]
    fitting = [room for room, why in zip(rooms, reasons, strict=True) if not why]
    if not fitting:
        return Placement(why=_why(reasons))
    chosen = min(fitting, key=lambda room: room.others)
    return Placement(chosen.node["metadata"]["name"], _devices(pod, chosen))


def holds(pod: Json) -> bool:
    """Whether a pod holds resources of a node."""
    return bool(pod["spec"].get("nodeName")) and pod["status"]["phase"] not in {"Succeeded", "Failed"}


def requests(pod: Json) -> dict[str, Fraction]:
    """What a pod asks for: its containers together, or the largest init container if that is more."""
    total: dict[str, Fraction] = {}
    for container in pod["spec"]["containers"]:
        for name, amount in amounts(container["resources"].get("requests") or {}).items():
            total[name] = total.get(name, Fraction(0)) + amount
    for container in pod["spec"].get("initContainers") or []:
        for name, amount in amounts(container["resources"].get("requests") or {}).items():
            total[name] = max(total.get(name, Fraction(0)), amount)
    return total | {"pods": Fraction(1)}


def assigned(pod: Json) -> dict[str, list[int]]:
    """The numbers of the devices that a pod holds, by resource."""
    notes = pod["metadata"].get("annotations") or {}
    names = [name for name in requests(pod) if name.startswith(_DEVICES) and name in notes]
    numbers = {name: [device.rpartition("-")[2] for device in notes[name].split(",")] for name in names}
    # A client may have written anything there.
    return {name: [int(text) for text in texts if re.fullmatch("[0-9]{1,6}", text)] for name, texts in numbers.items()}


def _waits(pod: Json) -> bool:
    idle = not pod["spec"].get("nodeName") and not pod["metadata"].get("deletionTimestamp")
    return idle and pod["spec"]["schedulerName"] in SCHEDULERS and pod["status"]["phase"] == "Pending"


def _unfit(pod: Json, room: Room) -> list[str]:
    """Why a node does not do, in the words of the scheduler's plugins."""
    spec = room.node.get("spec") or {}
    if spec.get("unschedulable"):
        return ["node(s) were unschedulable"]
    for taint in spec.get("taints") or []:
        if taint["effect"] != "PreferNoSchedule" and not tolerates(pod, taint):
            return [f"node(s) had untolerated taint(s) {{{taint['key']}: {taint.get('value', '')}}}"]
    if not _selected(pod, room.node["metadata"].get("labels") or {}):
        return ["node(s) didn't match Pod's node affinity/selector"]
    short = [name for name, amount in requests(pod).items() if amount > 0 and room.free.get(name, 0) < amount]
    return ["Too many pods" if name == "pods" else f"Insufficient {name}" for name in sorted(short)]


def tolerates(pod: Json, taint: Json) -> bool:
    return any(
        toleration.get("key", "") in {"", taint["key"]}
        and toleration.get("effect", "") in {"", taint["effect"]}
        and (toleration.get("operator") == "Exists" or toleration.get("value", "") == taint.get("value", ""))
        for toleration in pod["spec"].get("tolerations") or []
    )


def _selected(pod: Json, labels: Mapping[str, str]) -> bool:
    selector = pod["spec"].get("nodeSelector") or {}
    if any(labels.get(name) != value for name, value in selector.items()):
        return False
    affinity = ((pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    if not affinity:
        return True
    terms = affinity["nodeSelectorTerms"]
    return any(all(_matches(labels, rule) for rule in term.get("matchExpressions") or []) for term in terms)


def _matches(labels: Mapping[str, str], rule: Json) -> bool:
    value, values, operator = labels.get(rule["key"]), rule.get("values") or [], rule["operator"]
    simple = {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }
    if operator in simple:
        return simple[operator]
    if value is None or len(values) != 1 or not all(re.fullmatch("[0-9]{1,18}", text) for text in (value, values[0])):
        return False
    return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])


def _why(reasons: Sequence[Sequence[str]]) -> str:
    """The message of kube-scheduler: how many nodes fail for which reason, and what preemption would do."""
    total = len(reasons)
    if not total:
        return "no nodes available to schedule pods"
    counted = Counter(reason for of_node in reasons for reason in of_node)
    told = ", ".join(sorted(f"{count} {reason}" for reason, count in counted.items()))
    short = sum(1 for of_node in reasons if any(r.startswith(("Insufficient", "Too many")) for r in of_node))
    helps = [f"{short} No preemption victims found for incoming pod"] if short else []
    helps += [f"{total - short} Preemption is not helpful for scheduling"] if short < total else []
    return f"0/{total} nodes are available: {told}. preemption: 0/{total} nodes are available: {', '.join(helps)}."


def _devices(pod: Json, room: Room) -> dict[str, str]:
    """Annotations that name the devices of a pod: the lowest numbers of the node that no other pod holds."""
    offered = amounts(room.node["status"]["allocatable"])
    notes, first = {}, 0
    for name in sorted(name for name in offered if name.startswith(_DEVICES)):
        count = int(offered[name])
        free = [number for number in range(first, first + count) if number not in room.held]
        first += count
        if asked := int(requests(pod).get(name, 0)):
            kind = name.removeprefix(_DEVICES)
            notes[name] = ",".join(f"{kind}-{number}" for number in free[:asked])
    return notes


def _apply(placement: Placement, pod: Json) -> None:
    if placement.node:
        pod["spec"]["nodeName"] = placement.node
        if placement.annotations:
            pod["metadata"]["annotations"] = {**(pod["metadata"].get("annotations") or {}), **placement.annotations}
        set_condition(pod["status"], "PodScheduled", "True", at=now())
    else:
        set_condition(pod["status"], "PodScheduled", "False", "Unschedulable", placement.why, at=now())


def _age(pod: Json) -> tuple[str, int]:
    return pod["metadata"]["creationTimestamp"], int(pod["metadata"]["resourceVersion"])


def _said_before(pod: Json) -> str:
    conditions = pod["status"].get("conditions") or []
    return next((str(entry.get("message", "")) for entry in conditions if entry["type"] == "PodScheduled"), "")
