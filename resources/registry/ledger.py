"""The ledger: an environment's append-only history of one model. Its last entry is the present.

Here belong an entry, appending one, and the walk along the chain. Not here: who may append (the guards in front of a
deployment), or what a release is (`releases.py`).

Entries are numbered from 1 without gaps. Each names the digest of the one before, so that history cannot be edited
without breaking the chain, and an entry is created only if its number is free, so that of two writers one wins.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

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
from resources.registry.releases import Registry, RegistryError
from resources.registry.versions import VersionText
from resources.store.objects import ObjectTooLarge, Store

_DIGITS = 8
_FILE = re.compile(rf"[0-9]{{{_DIGITS}}}\.json")


class Kind(StrEnum):
    """What an entry does. A reader refuses a kind that it does not know: it could not say what is live."""

    DEPLOY = "deploy"


class Entry(Document):
    """One step of history. `previous`: digest of the entry before. `policy_digest`: the policy that admitted it."""

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

    @model_validator(mode="after")
    def _only_the_first_has_none_before(self) -> Self:
        if (self.sequence == 1) != (self.previous is None):
            raise ValueError("previous: the first entry has none, every other names the digest of the one before")
        return self

    def __str__(self) -> str:
        return (
            f"entry {self.sequence} ({self.kind} {self.model} {self.version} in {self.environment} by {self.actor} at "
            f"{self.at.isoformat()}: {self.reason})"
        )


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


class LedgerBroken(LedgerError):
    """A ledger that cannot be believed. `key` is the first wrong entry."""

    def __init__(self, key: str, why: str) -> None:
        self.key = key
        self.why = why
        super().__init__(f"{key}: {why}. Restore the ledger from a copy of the store before you deploy")


@dataclass(frozen=True)
class Fault:
    """The first wrong entry of a ledger: its key, and what is wrong."""

    key: str
    why: str


@dataclass(frozen=True)
class Audit:
    """What a walk along a ledger found: so many right entries, the last with digest `head`, then perhaps a fault."""

    environment: str
    model: str
    entries: int
    head: str | None
    fault: Fault | None

    def __bool__(self) -> bool:
        return self.fault is None


class Ledger:
    """Ledgers in a store. Nothing is cached: what is read is what stands there."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def append(self, entry: Entry) -> str:
        """Write the next entry; returns its digest.

        Raises `LedgerMoved` if the entry does not follow the last one, or a racing writer took its number, and
        `LedgerBroken` if the last one cannot be believed.
        """
        last = self.current(entry.environment, entry.model)
        follows = (last.sequence + 1, last.digest) if last else (1, None)
        if (entry.sequence, entry.previous) != follows:
            raise LedgerMoved(entry, last)
        if not self.store.put_if_absent(entry_key(entry.environment, entry.model, entry.sequence), entry.encoded()):
            raise LedgerMoved(entry, self._read(entry.environment, entry.model, entry.sequence))
        return entry.digest

    def current(self, environment: str, model: str) -> Entry | None:
        """The last entry: the present. Raises `LedgerBroken`."""
        sequence = max(self._sequences(environment, model), default=0)
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
            if before is not None and entry.previous != before.digest:
                raise LedgerBroken(
                    entry_key(environment, model, before.sequence),
                    f"its sha256 is {before.digest}, but entry {sequence} names {entry.previous}: "
                    f"entry {before.sequence} was changed after entry {sequence} was written, or that one is forged",
                )
            yield entry
            before = entry

    def verify(self, environment: str, model: str) -> "Audit":
        """Walk the chain and look for each release and what it is made of; the first wrong entry is named.

        What no chain can show: that its tail was cut off, or its last entry changed into another valid one.
        """
        registry, entries, head = Registry(self.store), 0, None
        try:
            for entry in self.walk(environment, model):
                key = entry_key(environment, model, entry.sequence)
                try:
                    registry.check(registry.get(model, entry.version, digest=entry.release_digest))
                except RegistryError as error:
                    raise LedgerBroken(key, f"its release is not to be had: {error}") from error
                entries, head = entries + 1, entry.digest
        except LedgerBroken as error:
            return Audit(environment, model, entries, head, Fault(error.key, error.why))
        return Audit(environment, model, entries, head, None)

    def _sequences(self, environment: str, model: str) -> Iterator[int]:
        prefix = entry_key(environment, model, 0).removesuffix(f"{0:0{_DIGITS}}.json")
        for key in self.store.list(prefix):
            name = key.removeprefix(prefix)
            if not _FILE.fullmatch(name) or not int(name[:_DIGITS]):
                raise LedgerBroken(key, "no entry: something else put it there")
            yield int(name[:_DIGITS])

    def _read(self, environment: str, model: str, sequence: int) -> Entry:
        key = entry_key(environment, model, sequence)
        try:
            entry = decode(Entry, self.store.get(key, limit=MAX_DOCUMENT_BYTES), key)
        except (BadDocument, ObjectTooLarge) as error:
            raise LedgerBroken(key, str(error).removeprefix(f"{key}: ")) from error
        if (entry.environment, entry.model, entry.sequence) != (environment, model, sequence):
            raise LedgerBroken(key, f"holds {entry}, which belongs elsewhere")
        return entry


def entry_key(environment: str, model: str, sequence: int) -> str:
    """Where an entry is; numbers are padded so that keys sort as they do. Raises `ValueError` for a bad name."""
    return f"environments/{check_name(environment)}/{check_name(model)}/{sequence:0{_DIGITS}}.json"
