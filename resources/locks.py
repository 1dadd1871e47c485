"""Locks between processes, which the kernel lets go of when their holder dies.

Here belong the lock on a file and the lock on a model, which tells who holds it. Not here: what is done under a lock.

`flock` and not `lockf`: a POSIX record lock is lost as soon as its process closes any other handle of the same file,
and it does not exclude two threads. Lock files are never removed: a lock on a removed file excludes nobody.
"""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from resources.registry.documents import check_name

_MAX_HOLDER_BYTES = 4096


class Holder(BaseModel):
    """Who holds a model. `since` is UTC, ISO 8601."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pid: int
    host: str
    since: str
    candidate: str

    def __str__(self) -> str:
        doing = f", candidate {self.candidate}" if self.candidate else ""
        return f"process {self.pid} on {self.host} since {self.since}{doing}"


class ModelBusy(Exception):
    """Another candidate of the model is on its way. `holder` is None while its process has only just begun."""

    def __init__(self, model: str, holder: Holder | None) -> None:
        self.model = model
        self.holder = holder
        super().__init__(
            f"model {model!r} is busy: {holder or 'another process has just taken it'}. "
            "Candidates of one model run one at a time: wait until it has finished, or stop that process"
        )


@contextmanager
def locked(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[int]:
    """Hold a lock on `path` (created where missing) and yield its descriptor.

    Raises `BlockingIOError` if `wait` is False and somebody holds it, `OSError` if the file cannot be opened.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def model_lock(folder: Path, model: str, candidate: str = "") -> Iterator[None]:
    """Be the only one who works on a model. `folder` holds the lock files and is made where missing.

    Raises `ModelBusy`, which names the holder, at once; `InvalidName`.
    """
    path = folder / f"{check_name(model)}.lock"
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            descriptor = stack.enter_context(locked(path, wait=False))
        except BlockingIOError as error:
            raise ModelBusy(model, _read_holder(path)) from error
        stack.callback(os.ftruncate, descriptor, 0)
        _write_holder(descriptor, candidate)
        yield


def holder_of(folder: Path, model: str) -> Holder | None:
    """Who signed a model's lock last and did not take it back; None where nobody did. A killed holder's name stays."""
    try:
        return _read_holder(folder / f"{check_name(model)}.lock")
    except FileNotFoundError:
        return None


def is_alive(holder: Holder) -> bool:
    """Whether the holder's process is there, as far as this host can tell; one on another host is taken to be."""
    if holder.host != socket.gethostname():
        return True
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # another user's
    return True


def _write_holder(descriptor: int, candidate: str) -> None:
    holder = Holder(
        pid=os.getpid(),
        host=socket.gethostname(),
        since=datetime.now(UTC).isoformat(timespec="seconds"),
        candidate=candidate,
    )
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder.model_dump()).encode(), 0)


def _read_holder(path: Path) -> Holder | None:
    with path.open("rb") as file:
        data = file.read(_MAX_HOLDER_BYTES)
    try:
        return Holder.model_validate_json(data)
    except ValidationError:
        return None  # taken, and not yet signed
