"""The ledger: an environment's append-only history of one model. Its last entry is the present.

Here belong an entry, appending one, and the walk along the chain. Not here: who may append (the guards in front of a
deployment), or what a release is (`releases.py`).

Entries are numbered from 1 without gaps. Each names the digest of the one before, so that history cannot be edited
without breaking the chain, and an entry is created only if its number is free, so that of two writers one wins.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from resources.registry.approvals import Approval
from resources.registry.documents import (
    MAX_DOCUMENT_BYTES,
    BadDocument,
    Document,
    Name,
    Person,
    Sha256,
    Text,
    Utc,
    check_name,
    decode,
)
from resources.registry.versions import VersionText
from resources.store.objects import NotInStore, ObjectTooLarge, Store

CLOCK_TOLERANCE = timedelta(minutes=5)
"""By how much a writer's clock may lag behind the last entry's."""

_DIGITS = 8
_FILE = re.compile(rf"[0-9]{{{_DIGITS}}}\.json")


class Kind(StrEnum):
    """What an entry does. A reader refuses a kind that it does not know: it could not say what is live."""

    DEPLOY = "deploy"
    """The release becomes the present: a candidate's arrival, or a promotion."""
    ROLLBACK = "rollback"
    """A release that was live before becomes the present again."""
    APPROVE = "approve"
    """Somebody signed for a release. What is live stays."""
    REJECT = "reject"
    """Somebody signed against a release. What is live stays."""
    RESULT = "result"
    """A canary or A/B test of a release ended. What is live stays."""


MOVES = frozenset({Kind.DEPLOY, Kind.ROLLBACK})
"""Kinds after which another release may be live."""
SIGNED = frozenset({Kind.APPROVE, Kind.REJECT})


class Entry(Document):
    """One step of history. `previous`: digest of the entry before. `policy_digest`: the policy in force.

    `admission`: blob that says on what a move was decided. `approval`: the signed statement of an approval or a
    rejection. `result`: blob of a canary's or A/B test's report.
    """

    SINCE: ClassVar[Mapping[str, int]] = {"admission": 2, "approval": 2, "result": 2}

    sequence: Annotated[int, Field(ge=1, lt=10**_DIGITS)]
    previous: Sha256 | None
    kind: Kind
    model: Name
    environment: Name
    version: VersionText
    release_digest: Sha256
    actor: Person
    reason: Text
    at: Utc
    policy_digest: Sha256
    admission: Sha256 | None = None
    approval: Approval | None = None
    result: Sha256 | None = None

    @model_validator(mode="after")
    def _only_the_first_has_none_before(self) -> Self:
        if (self.sequence == 1) != (self.previous is None):
            raise ValueError("previous: the first entry has none, every other names the digest of the one before")
        return self

    @model_validator(mode="after")
    def _holds_what_its_kind_needs(self) -> Self:
        if self.schema_version == 1:
            if self.kind is not Kind.DEPLOY:
                raise ValueError(f"kind: layout 1 does not know {self.kind}")
            return self
        needed = {"admission": self.kind in MOVES, "approval": self.kind in SIGNED, "result": self.kind is Kind.RESULT}
        for field, must in needed.items():
            if (getattr(self, field) is not None) != must:
                raise ValueError(f"{field}: an entry of kind {self.kind} {'needs one' if must else 'has none'}")
        return self

    @model_validator(mode="after")
    def _says_what_was_signed(self) -> Self:
        if self.approval is None:
            return self
        said = self.approval.statement
        for field in ("model", "environment", "version", "release_digest", "policy_digest", "reason"):
            if getattr(said, field) != getattr(self, field):
                raise ValueError(f"{field}: the entry says otherwise than the statement that was signed")
        if said.decision.value != self.kind.value:
            raise ValueError(f"kind: the signed decision is {said.decision}")
        return self

    def __str__(self) -> str:
        return (
            f"entry {self.sequence} ({self.kind} {self.model} {self.version} in {self.environment} by {self.actor} at "
            f"{self.at.isoformat()}: {self.reason})"
        )


@dataclass(frozen=True)
class Present:
    """An environment at one moment, as one model sees it.

    `head`: the last entry; whoever decides on this view appends after it, and fails if somebody was faster. `live`: the
    entry that made the present release live. `since`: the entries after `live`, oldest first: the signatures and
    results that still hold.
    """

    environment: str
    model: str
    head: Entry | None
    live: Entry | None
    since: tuple[Entry, ...]

    @property
    def live_digest(self) -> str | None:
        """Digest of the entry that made the present."""
        return self.live.digest if self.live else None

    def follow(self, **fields: Any) -> Entry:  # noqa: ANN401 - the entry's own fields, validated by it
        """The entry that comes next. `at` is moved up to the last entry's time if a clock runs behind by a little.

        Raises `ClockBehind` if it runs behind by more than `CLOCK_TOLERANCE`.
        """
        place = {
            "sequence": self.head.sequence + 1 if self.head else 1,
            "previous": self.head.digest if self.head else None,
            "model": self.model,
            "environment": self.environment,
        }
        if self.head and fields["at"] < self.head.at:
            if self.head.at - fields["at"] > CLOCK_TOLERANCE:
                raise ClockBehind(fields["at"], self.head)
            fields["at"] = self.head.at
        return Entry.model_validate(place | fields)


class LedgerError(Exception):
    """Base of what goes wrong with a ledger."""


class LedgerMoved(LedgerError):
    """Somebody else appended first. `winner` is the entry that stands, `None` if the number lies beyond the end."""

    def __init__(self, refused: Entry, winner: Entry | None) -> None:
        self.winner = winner
        stands = f"won: {winner}" if winner else "has no entry before it"
        super().__init__(
            f"{refused.model} in {refused.environment} has moved on, entry {refused.sequence} was not written; "
            f"{stands}. Look at what is live now and decide again"
        )


class ClockBehind(LedgerError):
    """This machine's clock is behind the last entry's time."""

    def __init__(self, now: datetime, last: Entry) -> None:
        super().__init__(
            f"this machine's clock says {now.isoformat(timespec='seconds')}, but {last} is later: set the clock right "
            "(NTP), then try again"
        )


class LedgerBroken(LedgerError):
    """A ledger that cannot be believed. `key` is the first wrong entry."""

    def __init__(self, key: str, why: str) -> None:
        self.key = key
        self.why = why
        super().__init__(f"{key}: {why}. Restore the ledger from a copy of the store before you deploy")


class Ledger:
    """Ledgers in a store. Nothing is cached: what is read is what stands there."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def append(self, entry: Entry) -> str:
        """Write the next entry; returns its digest.

        Raises `LedgerMoved` if the entry does not follow the last one, or a racing writer took its number, and
        `LedgerBroken` if the last one cannot be believed.
        """
        last = self.current(entry.environment, entry.model, near=entry.sequence - 1)
        follows = (last.sequence + 1, last.digest) if last else (1, None)
        if (entry.sequence, entry.previous) != follows:
            raise LedgerMoved(entry, last)
        if not self.store.put_if_absent(entry_key(entry.environment, entry.model, entry.sequence), entry.encoded()):
            raise LedgerMoved(entry, self._read(entry.environment, entry.model, entry.sequence))
        return entry.digest

    def current(self, environment: str, model: str, *, near: int = 0) -> Entry | None:
        """The last entry. `near`: a number that may be close to the last, to begin with. Raises `LedgerBroken`."""
        sequence = self._last(environment, model, near=near)
        return self._read(environment, model, sequence) if sequence else None

    def history(self, environment: str, model: str) -> tuple[Entry, ...]:
        """Every entry, oldest first. Raises `LedgerBroken` at the first gap, edited entry or broken link."""
        return tuple(self.walk(environment, model))

    def walk(self, environment: str, model: str) -> Iterator[Entry]:
        """Every entry, oldest first, each checked before it is handed out. Raises `LedgerBroken`."""
        before: Entry | None = None
        for expected, sequence in enumerate(self._sequences(environment, model), start=1):
            if sequence != expected:
                raise LedgerBroken(entry_key(environment, model, expected), "missing, though later entries exist")
            entry = self._read(environment, model, sequence)
            if before is not None:
                _check_link(before, entry)
            yield entry
            before = entry

    def present(self, environment: str, model: str) -> Present:
        """The head, what is live, and what came since, read backwards from the end. Raises `LedgerBroken`."""
        since: list[Entry] = []
        live = None
        for entry in self.backwards(environment, model):
            if entry.kind in MOVES:
                live = entry
                break
            since.append(entry)
        head = since[0] if since else live
        return Present(environment, model, head, live, tuple(reversed(since)))

    def live(self, environment: str, model: str) -> Entry | None:
        """The entry that made the present release live. Raises `LedgerBroken`."""
        return self.present(environment, model).live

    def backwards(self, environment: str, model: str, *, start: Entry | None = None) -> Iterator[Entry]:
        """Entries, newest first, each named by the one after it. Reads no further than it is asked to.

        `start`: an entry of this ledger that was read before: begin there, without looking for the end anew.
        Raises `LedgerBroken`.
        """
        after = start
        if start is not None:
            yield start
        last = start.sequence - 1 if start else self._last(environment, model)
        for sequence in range(last, 0, -1):
            entry = self._read(environment, model, sequence)
            if after is not None:
                _check_link(entry, after)
            yield entry
            after = entry

    def _last(self, environment: str, model: str, *, near: int = 0) -> int:
        """The highest number; 0 where there is none.

        A long ledger is not listed from its beginning but after a number that is there: `near`, or one that is
        searched. The list shows any later one, even beyond a gap.
        """
        there = near if near and self._has(environment, model, near) else self._one_there(environment, model)
        return max(self._sequences(environment, model, after=there), default=there)

    def _one_there(self, environment: str, model: str) -> int:
        """A number that is there, found by doubling and halving; without gaps the highest. 0 where 1 is missing."""
        there, absent = 0, 1
        while self._has(environment, model, absent):
            there, absent = absent, absent * 2
        while absent - there > 1:
            middle = (there + absent) // 2
            if self._has(environment, model, middle):
                there = middle
            else:
                absent = middle
        return there

    def _has(self, environment: str, model: str, sequence: int) -> bool:
        return sequence < 10**_DIGITS and self.store.head(entry_key(environment, model, sequence)) is not None

    def _sequences(self, environment: str, model: str, *, after: int = 0) -> Iterator[int]:
        """Numbers above `after`, in order. Raises `LedgerBroken` for a file that is no entry."""
        prefix = entry_key(environment, model, 0).removesuffix(f"{0:0{_DIGITS}}.json")
        for key in self.store.list(prefix, after=entry_key(environment, model, after) if after else ""):
            name = key.removeprefix(prefix)
            if not _FILE.fullmatch(name) or not int(name[:_DIGITS]):
                raise LedgerBroken(key, "no entry: something else put it there")
            yield int(name[:_DIGITS])

    def _read(self, environment: str, model: str, sequence: int) -> Entry:
        key = entry_key(environment, model, sequence)
        try:
            entry = decode(Entry, self.store.get(key, limit=MAX_DOCUMENT_BYTES), key)
        except NotInStore as error:
            raise LedgerBroken(key, "missing, though later entries exist") from error
        except (BadDocument, ObjectTooLarge) as error:
            raise LedgerBroken(key, str(error).removeprefix(f"{key}: ")) from error
        if (entry.environment, entry.model, entry.sequence) != (environment, model, sequence):
            raise LedgerBroken(key, f"holds {entry}, which belongs elsewhere")
        return entry


def _check_link(before: Entry, after: Entry) -> None:
    key = entry_key(before.environment, before.model, before.sequence)
    if after.previous != before.digest:
        raise LedgerBroken(
            key,
            f"its sha256 is {before.digest}, but entry {after.sequence} names {after.previous}: "
            f"entry {before.sequence} was changed after entry {after.sequence} was written, or that one is forged",
        )
    if after.at < before.at:
        raise LedgerBroken(
            entry_key(after.environment, after.model, after.sequence),
            f"it says {after.at.isoformat()}, before entry {before.sequence} at {before.at.isoformat()}: no writer "
            "goes back in time",
        )


def entry_key(environment: str, model: str, sequence: int) -> str:
    """Where an entry is; numbers are padded so that keys sort as they do. Raises `ValueError` for a bad name."""
    return f"environments/{check_name(environment)}/{check_name(model)}/{sequence:0{_DIGITS}}.json"
