"""What each request does to the objects: the API's verbs.

Here belong reading, listing, watching, creating, replacing, patching and deleting. Not here: HTTP (`server.py`), who
may (`access.py`), what follows from an object (`jobs.py`, `scheduler.py`, `kubelet.py`).
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from kube_shim import defaults, deletion, trouble, validation
from kube_shim.containers import logs_of
from kube_shim.kinds import JOBS, KINDS, NAMESPACES, PODS, Json, Kind
from kube_shim.kubelet import Kubelet
from kube_shim.logs import read, wanted
from kube_shim.routes import Ask
from kube_shim.selectors import Selects, selector
from kube_shim.store import Change, Store

_WATCH_SECONDS = 1800
_LOOK_SECONDS = 0.5
# What no client may set; the rest of the metadata is theirs.
_SYSTEM = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion")


@dataclass(frozen=True)
class Reply:
    """A whole answer: JSON, or plain text where the body is bytes."""

    code: int
    body: Json | bytes


@dataclass(frozen=True)
class Stream:
    """An answer that goes on."""

    content_type: str
    pieces: Iterator[bytes]


Answer = Reply | Stream


class Api:
    """The verbs over one store. `closing`: whether streams are to end."""

    def __init__(self, store: Store, kubelet: Kubelet, version: str, closing: Callable[[], bool]) -> None:
        self._store = store
        self._kubelet = kubelet
        self._version = version
        self._closing = closing
        self._verbs: dict[str, Callable[[Ask, Any], Answer]] = {
            "get": self._get,
            "list": self._list,
            "watch": self._watch,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_all,
        }

    def answer(self, ask: Ask, body: object) -> Answer:
        """Raises `ApiError`."""
        return self._verbs[ask.verb](ask, body)

    def about(self, path: str) -> Json | bytes | None:
        """What the server says of itself; None for a path that is none of these."""
        major, minor = self._version.split(".")[:2]
        if path in {"/healthz", "/livez", "/readyz"}:
            return b"ok"
        if path == "/version":
            return {"major": major, "minor": minor, "gitVersion": f"v{major}.{minor}.0-shim", "platform": "linux/shim"}
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": _groups()}
        served = [kind for kind in KINDS if kind.root == path.rstrip("/")]
        return _resources(served) if served else None

    def _get(self, ask: Ask, _body: object) -> Answer:
        found = self._store.get(ask.kind, ask.namespace, ask.name)
        return self._log(found, ask) if ask.subresource == "log" else Reply(200, found)

    def _list(self, ask: Ask, _body: object) -> Answer:
        chosen = _selector(ask)
        with self._store.changed:
            items = [item for item in self._store.all(ask.kind, ask.namespace) if chosen(item)]
            version = str(self._store.version)
        listed = {"kind": f"{ask.kind.name}List", "apiVersion": ask.kind.api_version}
        return Reply(200, listed | {"metadata": {"resourceVersion": version}, "items": items})

    def _watch(self, ask: Ask, _body: object) -> Answer:
        chosen = _selector(ask)
        seconds = ask.whole("timeoutSeconds")
        end = time.monotonic() + min(seconds if seconds is not None else _WATCH_SECONDS, _WATCH_SECONDS)
        version = ask.whole("resourceVersion") or 0
        return Stream("application/json", self._changes(ask, chosen, version, end))

    def _changes(self, ask: Ask, chosen: Selects, version: int, end: float) -> Iterator[bytes]:
        """A line for each change that the watcher sees, until the time is over."""
        if not version:
            with self._store.changed:
                version = self._store.version
                present = [item for item in self._store.all(ask.kind, ask.namespace) if chosen(item)]
            yield from (_line("ADDED", item) for item in present)
        while not self._closing() and (left := end - time.monotonic()) > 0:
            try:
                changes = self._store.since(version, min(left, _LOOK_SECONDS))
            except trouble.ApiError as error:
                yield _line("ERROR", error.body)
                return
            for change in changes:
                version = change.version
                if change.kind == ask.kind and ask.namespace in {"", change.after["metadata"].get("namespace")}:
                    yield from _seen(change, chosen)

    def _create(self, ask: Ask, body: object) -> Answer:
        if ask.kind.namespaced and self._store.find(NAMESPACES, "", ask.namespace) is None:
            raise trouble.not_found(NAMESPACES, ask.namespace)
        manifest = defaults.manifest_of(ask.kind, body, ask.namespace)
        validation.check(ask.kind, manifest, self._version)
        made = defaults.completed(ask.kind, manifest)
        if ask.query.get("dryRun"):
            return Reply(201, made)
        return Reply(201, self._store.create(ask.kind, made))

    def _update(self, ask: Ask, body: object) -> Answer:
        return Reply(200, self._replace(ask, body))

    def _patch(self, ask: Ask, body: object) -> Answer:
        """A merge patch (RFC 7386). Lists are replaced, where a strategic merge would join some of them."""
        if not isinstance(body, dict):
            raise trouble.ApiError(415, "UnsupportedMediaType", "this shim takes merge patches only")
        said = body.get("metadata") or {}
        if not isinstance(said, dict):
            raise trouble.bad_request("metadata is not an object")
        with self._store.changed:
            found = self._store.get(ask.kind, ask.namespace, ask.name)
            merged = _merged(found, body)
            if not said.get("resourceVersion"):
                merged["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
            return Reply(200, self._replace(ask, merged))

    def _replace(self, ask: Ask, body: object) -> Json:
        """Raises 400, 404, 409 where it is no longer what the client saw, 422."""
        manifest = defaults.manifest_of(ask.kind, body, ask.namespace)
        if manifest["metadata"].get("name") != ask.name:
            raise trouble.bad_request(f"the name of the object does not match the name on the URL ({ask.name})")
        validation.check(ask.kind, manifest, self._version)
        if ask.subresource == "status":
            validation.check_status(ask.kind, manifest)
        with self._store.changed:
            found = self._store.get(ask.kind, ask.namespace, ask.name)
            seen = manifest["metadata"].get("resourceVersion")
            if seen and seen != found["metadata"]["resourceVersion"]:
                raise trouble.conflict(ask.kind, ask.name)
            if ask.subresource == "status":
                return self._store.update(ask.kind, found, lambda fresh: _set_status(fresh, manifest)) or found
            if ask.kind in {PODS, JOBS} and defaults.completed(ask.kind, manifest)["spec"] != found["spec"]:
                raise trouble.invalid(ask.kind, ask.name, [trouble.Cause("spec", "Forbidden: field is immutable")])
            return self._store.update(ask.kind, found, lambda fresh: _set_all(fresh, manifest)) or found

    def _delete(self, ask: Ask, body: object) -> Answer:
        options = deletion.options_of(ask, body)
        with self._store.changed:
            found = self._store.get(ask.kind, ask.namespace, ask.name)
            last = deletion.delete(self._store, ask.kind, found, options)
            gone = self._store.find(ask.kind, ask.namespace, ask.name) is None
        if ask.kind == PODS or not gone:
            return Reply(200, last)
        meta = found["metadata"]
        said: Json = {"name": meta["name"], "kind": ask.kind.plural, "uid": meta["uid"]}
        details = said | ({"group": ask.kind.group} if ask.kind.group else {})
        return Reply(200, _success() | {"details": details})

    def _delete_all(self, ask: Ask, body: object) -> Answer:
        options, chosen = deletion.options_of(ask, body), _selector(ask)
        with self._store.changed:
            for item in self._store.all(ask.kind, ask.namespace):
                if chosen(item):
                    deletion.delete(self._store, ask.kind, item, options)
        return Reply(200, _success())

    def _log(self, pod: Json, ask: Ask) -> Answer:
        how = wanted(ask)
        name = _container(pod, ask.query.get("container", ""))
        node = pod["spec"].get("nodeName", "")
        entry = logs_of(pod).get(name)
        state = (entry or {}).get("state") or {"waiting": {"reason": "ContainerCreating"}}
        previous = ask.flag("previous")
        about = f'container "{name}" in pod "{pod["metadata"]["name"]}"'
        if previous and not (entry or {}).get("restartCount"):
            raise trouble.bad_request(f"previous terminated {about} not found")
        if "waiting" in state and not previous and not (entry or {}).get("restartCount"):
            raise trouble.bad_request(f"{about} is waiting to start: {state['waiting']['reason']}")
        worker = self._kubelet.worker(pod["metadata"]["uid"])
        if worker is None or not self._kubelet.reachable(node):
            said = f'Get "https://{node}:10250/containerLogs": dial tcp: connect: no route to host'
            raise trouble.ApiError(500, "InternalError", said)
        path = worker.log(name, previous=previous or "waiting" in state)
        ended = previous or (lambda: worker.log_ended(name) or self._closing())
        pieces = read(path, how, ended if callable(ended) else lambda: True)
        return Stream("text/plain", pieces) if how.follow else Reply(200, b"".join(pieces))


def _selector(ask: Ask) -> Selects:
    chosen = selector(ask.kind, ask.query.get("labelSelector", ""), ask.query.get("fieldSelector", ""))
    return chosen if not ask.name else lambda item: item["metadata"]["name"] == ask.name and chosen(item)


def _seen(change: Change, chosen: Selects) -> Iterator[bytes]:
    """A change as one sees it who looks through a selector: objects come into sight and leave it."""
    before = change.before is not None and chosen(change.before)
    after = change.type != "DELETED" and chosen(change.after)
    if after:
        yield _line("MODIFIED" if before else "ADDED", change.after)
    elif before:
        yield _line("DELETED", change.after)


def _line(change: str, item: Json) -> bytes:
    return json.dumps({"type": change, "object": item}).encode() + b"\n"


def _container(pod: Json, asked: str) -> str:
    """Which container's log. Raises 400 where that is not clear."""
    spec = pod["spec"]
    main = [container["name"] for container in spec["containers"]]
    names = [*main, *(container["name"] for container in spec.get("initContainers") or [])]
    if not asked and len(main) == 1:
        return str(main[0])
    if not asked:
        said = (
            f"a container name must be specified for pod {pod['metadata']['name']}, choose one of: [{' '.join(names)}]"
        )
        raise trouble.bad_request(said)
    if asked not in names:
        raise trouble.bad_request(f"container {asked[:100]} is not valid for pod {pod['metadata']['name']}")
    return asked


def _set_status(item: Json, manifest: Json) -> None:
    item["status"] = manifest.get("status") or {}


def _set_all(item: Json, manifest: Json) -> None:
    kept = {name: item["metadata"][name] for name in _SYSTEM if name in item["metadata"]}
    status = {"status": item["status"]} if "status" in item else {}
    wanted_now = {name: value for name, value in manifest.items() if name not in {"metadata", "status"}}
    meta = {name: value for name, value in manifest["metadata"].items() if name not in _SYSTEM}
    item.clear()
    item |= {**wanted_now, "metadata": {**meta, **kept}, **status}


def _merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    made = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = _merged(made.get(name), value)
    return made


def _success() -> Json:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def _groups() -> list[Json]:
    roots = sorted({(kind.group, kind.version) for kind in KINDS if kind.group})
    versions = [{"groupVersion": f"{group}/{version}", "version": version} for group, version in roots]
    return [
        {"name": group, "versions": [entry], "preferredVersion": entry}
        for (group, _), entry in zip(roots, versions, strict=True)
    ]


def _resources(served: list[Kind]) -> Json:
    verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
    entries = [
        {"name": kind.plural, "singularName": "", "namespaced": kind.namespaced, "kind": kind.name, "verbs": verbs}
        for kind in served
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": served[0].api_version, "resources": entries}
