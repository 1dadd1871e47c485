"""The objects: one table with a version counter and a history to watch, in memory.

An object that is stored is never changed: a change stores another dict, so that readers need no lock. Here belong
versions, conflicts and watching. Not here: what a change means, or who may make it.
"""

import copy
import secrets
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kube_shim import trouble
from kube_shim.kinds import Json, Kind

Key = tuple[Kind, str, str]
HISTORY = 2000
"""Changes that a watch can begin from; an older resourceVersion is answered with 410."""

# Of generated names: no vowels, so that no word comes out (k8s.io/apimachinery, pkg/util/rand).
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


@dataclass(frozen=True)
class Change:
    """One step of history. `before` is None for a creation; `after` of a deletion is the object's last state."""

    version: int
    kind: Kind
    type: str
    before: Json | None
    after: Json


class Store:
    """All objects. `changed` is notified at every change and is the lock of everything here."""

    def __init__(self, history: int = HISTORY) -> None:
        self.changed = threading.Condition(threading.RLock())
        self._objects: dict[Key, Json] = {}
        self._history: deque[Change] = deque(maxlen=history)
        self._version = 1
        self._forgotten = 1

    @property
    def version(self) -> int:
        return self._version

    def create(self, kind: Kind, manifest: Json) -> Json:
        """Store a new object. Raises 409 if its name is taken."""
        with self.changed:
            made = copy.deepcopy(manifest)
            meta = made["metadata"]
            if not meta.get("name"):
                meta["name"] = meta["generateName"][:58] + "".join(secrets.choice(_ALPHABET) for _ in range(5))
            key = _key(kind, made)
            if key in self._objects:
                raise trouble.already_exists(kind, meta["name"])
            meta |= {"uid": str(uuid.uuid4()), "creationTimestamp": now()}
            return self._put(kind, "ADDED", key, made)

    def find(self, kind: Kind, namespace: str, name: str) -> Json | None:
        with self.changed:
            return self._objects.get((kind, namespace if kind.namespaced else "", name))

    def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """The object. Raises 404."""
        found = self.find(kind, namespace, name)
        if found is None:
            raise trouble.not_found(kind, name)
        return found

    def all(self, kind: Kind | None = None, namespace: str = "") -> list[Json]:
        """Objects in the order of their names; of every namespace if none is named."""
        with self.changed:
            chosen = [
                (key[1], key[2], item)
                for key, item in self._objects.items()
                if kind in {None, key[0]} and namespace in {"", key[1]}
            ]
        return [item for _, _, item in sorted(chosen, key=lambda entry: entry[:2])]

    def items(self) -> list[tuple[Kind, Json]]:
        """Every object with its kind."""
        with self.changed:
            return [(kind, item) for (kind, _, _), item in self._objects.items()]

    def uids(self) -> set[str]:
        with self.changed:
            return {item["metadata"]["uid"] for item in self._objects.values()}

    def update(self, kind: Kind, item: Json, change: Callable[[Json], None]) -> Json | None:
        """Change an object in place of the one that has its name and uid now.

        None if there is no such object any more. Nothing is stored where nothing changed.
        """
        with self.changed:
            key = _key(kind, item)
            before = self._objects.get(key)
            if before is None or before["metadata"]["uid"] != item["metadata"]["uid"]:
                return None
            after = copy.deepcopy(before)
            change(after)
            if after == before:
                return before
            if after["metadata"].get("deletionTimestamp") and not after["metadata"].get("finalizers"):
                grace = after["metadata"].get("deletionGracePeriodSeconds")
                if before["metadata"].get("finalizers") and not grace:
                    return self._remove(key, after)
            return self._put(kind, "MODIFIED", key, after)

    def remove(self, kind: Kind, item: Json) -> None:
        """Forget an object, if it is still the one that has its name."""
        with self.changed:
            key = _key(kind, item)
            before = self._objects.get(key)
            if before is not None and before["metadata"]["uid"] == item["metadata"]["uid"]:
                self._remove(key, copy.deepcopy(before))

    def since(self, version: int, seconds: float) -> list[Change]:
        """Changes after a version; waits for one at most so long. Raises 410 if they are no longer known."""
        end = time.monotonic() + seconds
        with self.changed:
            while True:
                if version < self._forgotten:
                    raise trouble.expired(version, self._forgotten)
                found = list(self._later(version))
                left = end - time.monotonic()
                if found or left <= 0:
                    return found
                self.changed.wait(left)

    def compact(self) -> None:
        """Forget all history, as etcd does every five minutes."""
        with self.changed:
            self._history.clear()
            self._version += 1
            self._forgotten = self._version

    def _later(self, version: int) -> Iterator[Change]:
        if version < self._version:
            yield from (change for change in self._history if change.version > version)

    def _put(self, kind: Kind, change: str, key: Key, item: Json) -> Json:
        before = self._objects.get(key)
        self._objects[key] = item
        self._record(kind, change, before, item)
        return item

    def _remove(self, key: Key, last: Json) -> Json:
        before = self._objects.pop(key)
        self._record(key[0], "DELETED", before, last)
        return last

    def _record(self, kind: Kind, change: str, before: Json | None, after: Json) -> None:
        self._version += 1
        after["metadata"]["resourceVersion"] = str(self._version)
        if len(self._history) == self._history.maxlen:
            self._forgotten = self._history[0].version
        self._history.append(Change(self._version, kind, change, before, after))
        self.changed.notify_all()


def now(offset: float = 0.0) -> str:
    """The present as the API writes times, to the second. `offset` in seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + offset))


def _key(kind: Kind, item: Json) -> Key:
    meta = item["metadata"]
    return kind, meta.get("namespace", "") if kind.namespaced else "", meta["name"]
