"""A container's log as the API serves it: the end of it, since a time, with times, or as it grows.

Not here: writing it (`processes.py`), finding the container (`api.py`).
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kube_shim import trouble
from kube_shim.routes import Ask

_LOOK_SECONDS = 0.05
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Wanted:
    """PodLogOptions. `since`: as the log writes times; lines before it are left out."""

    follow: bool = False
    timestamps: bool = False
    tail: int | None = None
    limit: int | None = None
    since: str = ""


def wanted(ask: Ask) -> Wanted:
    """Raises 400 for what cannot be read."""
    since = ""
    if (seconds := ask.whole("sinceSeconds")) is not None:
        since = _written(time.time() - min(seconds, time.time()))
    elif given := ask.query.get("sinceTime"):
        try:
            since = _written(datetime.fromisoformat(given).astimezone(UTC).timestamp())
        except ValueError as error:
            raise trouble.bad_request(f'sinceTime: "{given[:60]}" is not a time') from error
    limits = ask.whole("tailLines"), ask.whole("limitBytes")
    return Wanted(ask.flag("follow"), ask.flag("timestamps"), *limits, since)


def read(path: Path, how: Wanted, ended: Callable[[], bool]) -> Iterator[bytes]:
    """The log in pieces; if it is to be followed, until the container has ended and all is told."""
    left = how.limit if how.limit is not None else float("inf")
    for line in _lines(path, how, ended):
        if how.since and line[: len(how.since)].decode() < how.since:
            continue
        piece = _shown(line, timestamps=how.timestamps)[: int(min(left, len(line)))]
        left -= len(piece)
        if not piece:
            return
        yield piece


def _lines(path: Path, how: Wanted, ended: Callable[[], bool]) -> Iterator[bytes]:
    with path.open("rb") as file:
        *whole, torn = file.read().split(b"\n")
        present = [line + b"\n" for line in whole]
        yield from present if how.tail is None else present[max(0, len(present) - how.tail) :]
        while how.follow:
            last_look = ended()
            torn += file.read(_CHUNK)
            *whole, torn = torn.split(b"\n")
            yield from (line + b"\n" for line in whole)
            if last_look and not whole:
                return
            if not whole:
                time.sleep(_LOOK_SECONDS)


def _shown(line: bytes, *, timestamps: bool) -> bytes:
    at, _, mark, text = line.split(b" ", 3)
    shown = text if mark == b"F" else text[:-1]
    return at + b" " + shown if timestamps else shown


def _written(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
