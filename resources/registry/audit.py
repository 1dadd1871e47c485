"""Walking a ledger from its first entry, and looking for everything that its entries name.

Here belongs what needs no policy: the chain, and that each entry's release, admission and report are there and are
about what the entry says. Not here: whether the policy of the time was met (`ascend_assets/operations/audit.py`).
"""

from dataclasses import dataclass

from resources.digests import sha256_bytes
from resources.registry import released
from resources.registry.admissions import Admission
from resources.registry.documents import MAX_DOCUMENT_BYTES, BadDocument, decode
from resources.registry.ledger import MOVES, Entry, Ledger, LedgerBroken, entry_key
from resources.registry.releases import RegistryError
from resources.store.objects import NotInStore, ObjectTooLarge, Store, blob_key


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


def verify(store: Store, environment: str, model: str) -> Audit:
    """Walk the chain and look for each release and what it is made of; the first wrong entry is named.

    What no chain can show: that its tail was cut off, or its last entry changed into another valid one.
    """
    entries, head = 0, None
    try:
        for entry in Ledger(store).walk(environment, model):
            check_parts(store, entry)
            entries, head = entries + 1, entry.digest
    except LedgerBroken as error:
        return Audit(environment, model, entries, head, Fault(error.key, error.why))
    return Audit(environment, model, entries, head, None)


def check_parts(store: Store, entry: Entry) -> None:
    """Whether what an entry names is there and is about what the entry says. Raises `LedgerBroken`."""
    key = entry_key(entry.environment, entry.model, entry.sequence)
    try:
        released.check(store, released.find(store, entry.model, entry.version, digest=entry.release_digest))
    except RegistryError as error:
        raise LedgerBroken(key, f"its release is not to be had: {error}") from error
    if entry.kind in MOVES and entry.admission:
        _check_admission(entry, admission(store, entry), key)
    if entry.result:
        _blob(store, entry.result, key, "report")


def admission(store: Store, entry: Entry) -> Admission:
    """What a move was decided on. Raises `LedgerBroken` where it is missing, damaged or no admission."""
    key = entry_key(entry.environment, entry.model, entry.sequence)
    if entry.admission is None:
        raise LedgerBroken(key, "names no admission")
    data = _blob(store, entry.admission, key, "admission")
    try:
        return decode(Admission, data, blob_key(entry.admission))
    except BadDocument as error:
        raise LedgerBroken(key, f"its admission is none: {error}") from error


def _check_admission(entry: Entry, found: Admission, key: str) -> None:
    for field in ("model", "version", "release_digest", "environment", "kind", "policy_digest"):
        if getattr(found, field) != getattr(entry, field):
            raise LedgerBroken(key, f"its admission is about another {field}: {getattr(found, field)}")
    if found.unmet:
        raise LedgerBroken(key, f"its admission was refused: {'; '.join(r.why for r in found.unmet)}")


def _blob(store: Store, digest: str, key: str, what: str) -> bytes:
    try:
        data = store.get(blob_key(digest), limit=MAX_DOCUMENT_BYTES)
    except (NotInStore, ObjectTooLarge) as error:
        raise LedgerBroken(key, f"its {what} is not to be had: {error}") from error
    if sha256_bytes(data) != digest:
        raise LedgerBroken(key, f"its {what} is damaged: {blob_key(digest)} holds something else")
    return data
