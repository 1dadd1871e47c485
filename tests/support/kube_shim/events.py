"""Events: what the parts of the cluster say of an object.

An event that is said again is counted, as the real recorder does. Not here: when to say what.
"""

import secrets
from dataclasses import dataclass

from kube_shim.kinds import EVENTS, Json, Kind
from kube_shim.store import Store, now


@dataclass(frozen=True)
class Recorder:
    """What one part of the cluster says. `component`: `kubelet`, `job-controller` and so on."""

    store: Store
    component: str

    def normal(self, kind: Kind, item: Json, reason: str, message: str) -> None:
        self._record(kind, item, "Normal", reason, message)

    def warning(self, kind: Kind, item: Json, reason: str, message: str) -> None:
        self._record(kind, item, "Warning", reason, message)

    def _record(self, kind: Kind, item: Json, level: str, reason: str, message: str) -> None:
        meta = item["metadata"]
        about = {"kind": kind.name, "apiVersion": kind.api_version, "name": meta["name"], "uid": meta["uid"]}
        about |= {"namespace": meta.get("namespace", ""), "resourceVersion": meta["resourceVersion"]}
        with self.store.changed:
            for said in self.store.all(EVENTS, meta.get("namespace", "default")):
                told = said["involvedObject"]["uid"], said["reason"], said["message"]
                if told == (meta["uid"], reason, message):
                    self.store.update(EVENTS, said, _again)
                    return
            self.store.create(
                EVENTS,
                {
                    "apiVersion": "v1",
                    "kind": "Event",
                    "metadata": {
                        "name": f"{meta['name']}.{secrets.token_hex(8)}",
                        "namespace": meta.get("namespace", "default"),
                    },
                    "involvedObject": about,
                    "type": level,
                    "reason": reason,
                    "message": message,
                    "source": {"component": self.component},
                    "reportingComponent": self.component,
                    "reportingInstance": "",
                    "firstTimestamp": now(),
                    "lastTimestamp": now(),
                    "count": 1,
                },
            )


def _again(event: Json) -> None:
    event |= {"count": event["count"] + 1, "lastTimestamp": now()}
