"""What people are to be told, and who has been told what: one file, whole before and after every change.

Here belong what is kept, its bounds, and reading and writing it. Adding and forgetting are pure. Not here: what is due
(`ascend_assets/notices/grouping.py`), or sending (`channels.py`).

A trouble that lasts is kept as long as it lasts, in `standing`, and each channel keeps which of them it was told. So
what a channel is to be told follows from the difference, and nothing depends on a single event having been seen.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError, field_serializer

from resources.locks import locked
from resources.notify.notice import SEVERITIES, Notice
from resources.store.durable import put_whole

MAX_WAITING = 2000
"""Notices that wait. Beyond, the oldest of the least severe are dropped, and the channel says how many."""
MAX_TOLD = 500
"""Notices that every channel has dealt with and that are kept to be looked at."""
MAX_STANDING = 5000
"""Troubles that last. What begins beyond is told as something that happened, and its end is not."""
MAX_BYTES = 64 * 1024 * 1024
FILE = "outbox.json"


class OutboxBusy(Exception):
    """Another process is at the outbox."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder}: another process sends notices just now; it will tell what waits")


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Told(_Kept):
    """A trouble that a channel was told. `at`: unix seconds of the last time; `times`: how often."""

    notice: Notice
    at: FiniteFloat
    times: int = 1


class Line(_Kept):
    """One channel's part.

    `done`: ids of notices that it need not be told (any more). `ongoing`: key -> the trouble that it was told. `sent`:
    unix seconds of the messages of the last hour. `sending`: digests of messages that were being sent when this was
    written: after a crash nobody knows whether they arrived. `failures` in a row since `since`, the last for `why`;
    nothing is tried before `not_before`. `dropped`: notices that no longer waited for it, for want of room.
    """

    done: frozenset[str] = frozenset()
    ongoing: dict[str, Told] = {}
    sent: tuple[FiniteFloat, ...] = ()
    sending: tuple[str, ...] = ()
    failures: int = 0
    since: FiniteFloat = 0.0
    why: str = ""
    not_before: FiniteFloat = 0.0
    dropped: int = 0

    @field_serializer("done")
    def _sorted(self, done: frozenset[str]) -> list[str]:
        """The same line has the same bytes."""
        return sorted(done)


class Outbox(_Kept):
    """All of it. `notices`: in the order in which they came. `standing`: key -> the trouble that goes on."""

    notices: tuple[Notice, ...] = ()
    standing: dict[str, Notice] = {}
    lines: dict[str, Line] = {}


def add(box: Outbox, notices: Iterable[Notice], now: float) -> Outbox:
    """With these notices. What is there already, a trouble that is known, and the end of one that is not, add nothing.

    The end of a trouble is as severe as it was, of its group, and has its facts besides its own.
    """
    kept, standing = list(box.notices), dict(box.standing)
    known = {notice.id for notice in kept}
    for notice in notices:
        before = standing.get(notice.key)
        if notice.id in known or (notice.state == "over" and before is None):
            continue
        added = notice
        if notice.state == "begun":
            if before is not None and before.version == notice.version:
                continue
            if before is None and len(standing) >= MAX_STANDING:
                added = notice.model_copy(update={"state": "happened"})
            else:
                standing[notice.key] = notice.model_copy(update={"kept": now})
        if notice.state == "over" and before is not None:
            del standing[notice.key]
            facts = {**before.facts, **notice.facts}
            same = {"severity": before.severity, "group": before.group}
            added = notice.model_copy(update={**same, "began": before.at, "facts": facts})
        kept.append(added.model_copy(update={"kept": now}))
        known.add(notice.id)
    return box.model_copy(update={"notices": tuple(kept), "standing": standing})


def without(box: Outbox, keys: Collection[str]) -> Outbox:
    """Without these troubles, of which nobody will ever hear again: neither that they go on, nor that they are over."""
    if not keys:
        return box
    lines = {
        name: line.model_copy(update={"ongoing": {k: told for k, told in line.ongoing.items() if k not in keys}})
        for name, line in box.lines.items()
    }
    standing = {key: notice for key, notice in box.standing.items() if key not in keys}
    return box.model_copy(update={"standing": standing, "lines": lines})


def for_channels(box: Outbox, names: Iterable[str]) -> Outbox:
    """With a line for each of these channels, and no other.

    A new channel is told of what happens from now on, and of the troubles that go on; not of old times.
    """
    old = frozenset(notice.id for notice in box.notices)
    lines = {name: box.lines[name] if name in box.lines else Line(done=old) for name in names}
    return box.model_copy(update={"lines": lines})


def forget(box: Outbox) -> Outbox:
    """Within the bounds: what all have dealt with goes first, then the oldest of the least severe."""
    waiting = [n for n in box.notices if _waits(box.lines, n)]
    dropped: set[str] = set()
    for severity in SEVERITIES:
        excess = len(waiting) - len(dropped) - MAX_WAITING
        dropped.update([n.id for n in waiting if n.severity == severity][: max(excess, 0)])
    waits = {n.id for n in waiting} - dropped
    told = [n.id for n in box.notices if n.id not in waits and n.id not in dropped][-MAX_TOLD:]
    left = waits | set(told)
    lines = {
        name: line.model_copy(
            update={"done": line.done & left, "dropped": line.dropped + len(dropped - line.done)},
        )
        for name, line in box.lines.items()
    }
    kept = tuple(n for n in box.notices if n.id in left)
    return box.model_copy(update={"notices": kept, "lines": lines})


def _waits(lines: Mapping[str, Line], notice: Notice) -> bool:
    return any(notice.id not in line.done for line in lines.values())


def read(folder: Path) -> tuple[Outbox, str]:
    """The outbox, and what was wrong with its file, empty for nothing.

    A file that cannot be read is put aside under another name, and an empty outbox is there instead. Raises `OSError`.
    """
    path = folder / FILE
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return Outbox(), ""
    try:
        return Outbox.model_validate_json(data[:MAX_BYTES]), ""
    except ValidationError:
        aside = path.with_name(f"{FILE}.unreadable")
        path.replace(aside)
        kind = f"larger than {MAX_BYTES} bytes" if len(data) > MAX_BYTES else "damaged, or of another version"
        return Outbox(), f"{path} could not be read ({kind}), and was put aside as {aside.name}"


def peek(folder: Path) -> Outbox:
    """The outbox for somebody who only looks; an empty one where it cannot be read. Raises `OSError`."""
    try:
        with (folder / FILE).open("rb") as file:
            return Outbox.model_validate_json(file.read(MAX_BYTES))
    except (FileNotFoundError, ValidationError):
        return Outbox()


def write(folder: Path, box: Outbox) -> None:
    """Write it, whole or not at all, to the disk; nothing where the same stands there. Raises `OSError`."""
    path, data = folder / FILE, box.model_dump_json().encode(errors="replace")
    if path.exists() and path.read_bytes() == data:
        return
    put_whole(path, data)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only one at the outbox; the folder is made where missing. Raises `OutboxBusy` at once, `OSError`."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with locked(folder / "lock", wait=False):
            yield
    except BlockingIOError as error:
        raise OutboxBusy(folder) from error
