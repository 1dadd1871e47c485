"""Answers on demand: what a test wants the server to say instead of, or after, what it would do.

Pure bookkeeping. Not here: sending it (`server.py`).
"""

import threading
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Fault:
    """For so many requests: answer `status`, or drop the connection if that is 0, or only be slow if it is None.

    `verb`: the API's (`create`, `list`) or HTTP's (`POST`); `path`: a part of the path; empty for any. `applied`: the
    request takes effect before it is answered badly, as when an answer is lost on its way. `delay` in seconds.
    """

    status: int | None
    times: int
    verb: str = ""
    path: str = ""
    retry_after: int = 0
    applied: bool = False
    delay: float = 0.0

    def meets(self, method: str, verb: str, path: str) -> bool:
        return self.verb.lower() in {"", method.lower(), verb} and self.path in path


class Faults:
    """Those that still wait for their requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def take(self, method: str, verb: str, path: str) -> Fault | None:
        """The first that meets a request; it counts as used once."""
        with self._lock:
            for place, fault in enumerate(self._waiting):
                if fault.meets(method, verb, path):
                    left = replace(fault, times=fault.times - 1)
                    self._waiting[place : place + 1] = [left] if left.times > 0 else []
                    return fault
        return None
