"""Deleting: at once, gracefully, with what belongs to it, and the collection of what nothing owns any more.

As in the real server a Job that is deleted without a word about its pods leaves them (that is why dagster-k8s
deletes them itself); `Background` and `Foreground` take them along. Not here: ending processes (`kubelet.py`).
"""

from dataclasses import dataclass

from kube_shim import trouble
from kube_shim.kinds import JOBS, PODS, Json, Kind
from kube_shim.routes import Ask
from kube_shim.store import Store, now

FOREGROUND = "foregroundDeletion"
_LONGEST = 2**31 - 1
_POLICIES = ("Orphan", "Background", "Foreground")


@dataclass(frozen=True)
class Options:
    """DeleteOptions. `grace` in seconds; None: what the pod says."""

    propagation: str = ""
    grace: int | None = None
    uid: str = ""
    version: str = ""


def options_of(ask: Ask, body: object) -> Options:
    """From the body, or else from the query. Raises 400, 422."""
    given = body if isinstance(body, dict) else {}
    grace = given.get("gracePeriodSeconds", ask.whole("gracePeriodSeconds"))
    if grace is not None and (not isinstance(grace, int) or not 0 <= grace <= _LONGEST):
        raise trouble.bad_request(f"gracePeriodSeconds: {str(grace)[:40]} is not a number of seconds")
    propagation = given.get("propagationPolicy") or ask.query.get("propagationPolicy", "")
    orphan = given.get("orphanDependents", ask.query.get("orphanDependents", ""))
    if str(orphan).lower() in {"true", "false"} and not propagation:
        propagation = "Orphan" if str(orphan).lower() == "true" else "Background"
    if propagation and propagation not in _POLICIES:
        raise trouble.bad_request(f'propagationPolicy: "{str(propagation)[:40]}" is none of {", ".join(_POLICIES)}')
    expected = given.get("preconditions") or {}
    if not isinstance(expected, dict):
        raise trouble.bad_request("preconditions is not an object")
    return Options(propagation, grace, str(expected.get("uid") or ""), str(expected.get("resourceVersion") or ""))


def delete(store: Store, kind: Kind, item: Json, options: Options) -> Json:
    """Delete an object, or begin to; its last state. Raises 409 if it is not the one that was meant."""
    with store.changed:
        meta = item["metadata"]
        for said, found in ((options.uid, meta["uid"]), (options.version, meta["resourceVersion"])):
            if said and said != found:
                why = f"the precondition {said} does not hold: it is {found}"
                raise trouble.conflict(kind, meta["name"], why)
        if kind == PODS:
            return _delete_pod(store, item, options)
        propagation = options.propagation or ("Orphan" if kind == JOBS else "Background")
        if propagation == "Foreground":
            return store.update(kind, item, _foreground) or item
        if propagation == "Orphan":
            _orphan(store, meta["uid"])
        if meta.get("finalizers"):
            return store.update(kind, item, lambda fresh: _mark(fresh, 0)) or item
        store.remove(kind, item)
        return item


def collect(store: Store) -> None:
    """Delete what was owned by something that is gone, and end foreground deletions that nothing holds up."""
    with store.changed:
        living = store.uids()
        for kind, item in store.items():
            owners = {owner["uid"] for owner in item["metadata"].get("ownerReferences") or []}
            doomed = item["metadata"].get("deletionTimestamp")
            if owners and not owners & living and not doomed:
                delete(store, kind, item, Options("Background"))
            elif doomed and FOREGROUND in (item["metadata"].get("finalizers") or []):
                _collect_below(store, kind, item)


def _collect_below(store: Store, kind: Kind, item: Json) -> None:
    below = [(k, i) for k, i in store.items() if item["metadata"]["uid"] in _owners(i)]
    if not below:
        store.update(kind, item, _unhold)
    for other, dependent in below:
        if not dependent["metadata"].get("deletionTimestamp"):
            delete(store, other, dependent, Options("Foreground"))


def _delete_pod(store: Store, pod: Json, options: Options) -> Json:
    asked = pod["spec"]["terminationGracePeriodSeconds"] if options.grace is None else options.grace
    ended = not pod["spec"].get("nodeName") or pod["status"]["phase"] in {"Succeeded", "Failed"}
    grace = 0 if ended else asked
    if not grace and not pod["metadata"].get("finalizers"):
        store.remove(PODS, pod)
        return pod
    return store.update(PODS, pod, lambda fresh: _mark(fresh, grace)) or pod


def _mark(item: Json, grace: int) -> None:
    """Say that it is being deleted. A second deletion can only shorten the time that is left."""
    meta = item["metadata"]
    before = meta.get("deletionGracePeriodSeconds")
    if before is None or grace < before:
        meta |= {"deletionTimestamp": now(grace), "deletionGracePeriodSeconds": grace}


def _foreground(item: Json) -> None:
    finalizers = item["metadata"].get("finalizers") or []
    item["metadata"]["finalizers"] = [*finalizers, *([FOREGROUND] if FOREGROUND not in finalizers else [])]
    _mark(item, 0)


def _unhold(item: Json) -> None:
    item["metadata"]["finalizers"] = [name for name in item["metadata"]["finalizers"] if name != FOREGROUND]


def _orphan(store: Store, uid: str) -> None:
    for kind, item in store.items():
        if uid in _owners(item):
            store.update(kind, item, lambda fresh: _disown(fresh, uid))


def _disown(item: Json, uid: str) -> None:
    kept = [owner for owner in item["metadata"]["ownerReferences"] if owner["uid"] != uid]
    item["metadata"]["ownerReferences"] = kept


def _owners(item: Json) -> set[str]:
    return {owner["uid"] for owner in item["metadata"].get("ownerReferences") or []}
