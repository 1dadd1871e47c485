"""One file of a hub's version onto this disk: resumed where it broke off, bounded, and verified before it has a name.

Here belongs the half file. It is named by the sha256 that it shall have, so that whoever goes on with it goes on with
the same bytes. Not here: which files make a version (`copies.py`), or HTTP (`http.py`).
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from resources.digests import CHUNK
from resources.hub.client import Hub, HubFile
from resources.hub.errors import HubDown, NoRoom, WrongDigest
from resources.hub.http import Deadline

if TYPE_CHECKING:
    from hashlib import _Hash

_NOT_SATISFIABLE = 416
GIB = 1024**3


@dataclass(frozen=True)
class Limits:
    """Bounds of a version's files, in bytes and seconds.

    A file may take `begin` seconds and as long as `rate` bytes per second give; no silence may last longer than
    `silence`. What breaks off is taken up again `tries` times in all, after `pause` seconds, then twice as many, and
    so on.
    """

    file: int = 20 * GIB
    total: int = 4 * GIB
    begin: float = 120.0
    rate: float = 256 * 1024
    silence: float = 30.0
    tries: int = 4
    pause: float = 1.0


DEFAULT = Limits()


def fetch(
    hub: Hub, model: str, revision: str, file: HubFile, partial: Path, limits: Limits, say: Callable[[str], None]
) -> None:
    """Make `partial` the whole, verified file; what is there of it already is not asked for again.

    Raises `HubDown` (what came stays for the next time), `WrongDigest` (nothing stays), `HubTrouble`, `HubRefused`,
    `NoRoom`.
    """
    deadline = Deadline.after(limits.begin + file.size / limits.rate, limits.silence)
    for attempt in range(limits.tries):
        try:
            _go_on(hub, model, revision, file, partial, deadline)
        except HubDown as error:
            if attempt == limits.tries - 1:
                raise
            say(f"{file.path}: {error}; tried again")
            time.sleep(min(limits.pause * 2**attempt, deadline.left))
        except OSError as error:
            raise NoRoom(
                f"{partial} cannot be written: {error.strerror or error}: make room, or mend the disk"
            ) from error
        else:
            return


def _go_on(hub: Hub, model: str, revision: str, file: HubFile, partial: Path, deadline: Deadline) -> None:
    descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "r+b", buffering=0) as half:
        digest, have = _of_half(half, file.size)
        if have < file.size or not file.size:
            with hub.file(model, revision, file.path, have, deadline) as answer:
                if answer.status == _NOT_SATISFIABLE or (have and answer.range_start not in {None, have}):
                    half.truncate(0)
                    raise HubDown(f"{file.path}: the hub sends another part than byte {have} and after: begun anew")
                if have and answer.range_start is None:
                    digest, have = hashlib.sha256(), 0  # the hub does not heed ranges: all of it comes again
                    half.seek(0)
                    half.truncate(0)
                have = _append(half, digest, have, file, answer.chunks())
        if have < file.size:
            raise HubDown(f"{file.path}: it broke off after {have} of {file.size} bytes")
        if digest.hexdigest() != file.sha256:
            half.truncate(0)
            raise WrongDigest(
                f"{model} {revision}: {file.path} has sha256 {digest.hexdigest()[:12]}..., but the hub's list says "
                f"{file.sha256[:12]}...: nothing of it is kept"
            )
        os.fsync(half.fileno())


def _of_half(half: BinaryIO, size: int) -> tuple["_Hash", int]:
    """Digest and length of what is there, the file's position after it; what is longer than it may be is dropped."""
    digest, have = hashlib.sha256(), 0
    while chunk := half.read(CHUNK):
        digest.update(chunk)
        have += len(chunk)
        if have > size:
            half.seek(0)
            half.truncate(0)
            return hashlib.sha256(), 0
    return digest, have


def _append(half: BinaryIO, digest: "_Hash", have: int, file: HubFile, chunks: Iterator[bytes]) -> int:
    for chunk in chunks:
        have += len(chunk)
        if have > file.size:
            half.truncate(0)
            raise WrongDigest(f"{file.path}: more comes than the {file.size} bytes that the hub's list says: not kept")
        digest.update(chunk)
        rest = memoryview(chunk)
        while rest:
            rest = rest[half.write(rest) :]
    return have
