"""What a ledger's moves mean: for how long each release was live, and how that ended.

Here belong periods and the questions that are answered by them. Not here: reading a ledger (`ledger.py`), or deciding
what may be deployed (`ascend_assets`). All functions take entries newest first and read no further than they must.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from resources.registry.ledger import MOVES, Entry, Kind


@dataclass(frozen=True)
class Stay:
    """A period in which a release was live. `entry` began it; `ended_by` is the move after it, None while it lasts."""

    entry: Entry
    ended_by: Entry | None

    @property
    def failed(self) -> bool:
        """Whether it was left by a rollback to another release."""
        ended = self.ended_by
        return ended is not None and ended.kind is Kind.ROLLBACK and ended.release_digest != self.entry.release_digest

    def lasted(self, now: datetime) -> timedelta:
        """For how long the release was live."""
        return (self.ended_by.at if self.ended_by else now) - self.entry.at


@dataclass(frozen=True)
class Record:
    """One release's time in an environment, since it was last left by a rollback.

    `newest`: its last stay, None if it never was live. `lived`: all its stays together; at least as long as was asked
    for, or as long as there is.
    """

    newest: Stay | None
    lived: timedelta

    @property
    def failed(self) -> bool:
        """Whether its last stay ended by a rollback."""
        return self.newest is not None and self.newest.failed

    @property
    def is_live(self) -> bool:
        """Whether it is live now."""
        return self.newest is not None and self.newest.ended_by is None


def stays(newest_first: Iterable[Entry]) -> Iterator[Stay]:
    """Every period, newest first. Entries that move nothing are passed over."""
    after: Entry | None = None
    for entry in newest_first:
        if entry.kind in MOVES:
            yield Stay(entry, after)
            after = entry


def others(newest_first: Iterable[Entry]) -> Iterator[Stay]:
    """What one can return to: the last stay of every release but the live one, unless a rollback ended it."""
    found = stays(newest_first)
    live = next(found, None)
    seen = {live.entry.release_digest} if live else set()
    for stay in found:
        if stay.entry.release_digest in seen:
            continue
        seen.add(stay.entry.release_digest)
        if not stay.failed:
            yield stay


def record_of(
    newest_first: Iterable[Entry], digest: str, now: datetime, *, enough: timedelta, not_before: datetime
) -> Record:
    """A release's time in an environment. Stops at `enough`, and at entries older than the release (`not_before`)."""
    newest, lived = None, timedelta()
    for stay in stays(_since(newest_first, not_before)):
        if stay.entry.release_digest != digest:
            continue
        newest = newest or stay
        if stay.failed:
            break
        lived += stay.lasted(now)
        if lived >= enough:
            break
    return Record(newest, lived)


def _since(newest_first: Iterable[Entry], moment: datetime) -> Iterator[Entry]:
    for entry in newest_first:
        if entry.at < moment:
            return
        yield entry
