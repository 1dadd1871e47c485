"""Walking a ledger from its first entry, and looking for everything that its entries name.

Here belongs what needs no policy: the chain, and that each entry's release, admission, policy and report are there and
are about what the entry says. Not here: whether the policy of the time was met (`ascend_assets/operations/audit.py`).
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256

from resources.digests import CHUNK, sha256_bytes
from resources.registry import released
from resources.registry.admissions import Admission
from resources.registry.documents import MAX_DOCUMENT_BYTES, NAME, BadDocument, check_name, decode
from resources.registry.ledger import MOVES, Entry, Ledger, LedgerBroken, entry_key
from resources.registry.manifests import RegistryError
from resources.registry.released import Released
from resources.store.blobs import CorruptBlob
from resources.store.objects import NotInStore, ObjectTooLarge, Store, blob_key

LEDGERS = "environments/"


@dataclass(frozen=True)
class Fault:
    """The first wrong entry of a ledger: its key, and what is wrong."""

    key: str
    why: str


@dataclass(frozen=True)
class Audit:
    """What a walk along a ledger found: so many right entries, the last with digest `head`, then perhaps a fault.

    `notes`: what a person should know of a ledger though it is no fault, such as entries that no policy was kept for.
    """

    environment: str
    model: str
    entries: int
    head: str | None
    fault: Fault | None
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.fault is None


@dataclass
class Parts:
    """What entries name, each looked at once in a walk. `deep`: contents of releases' files are read and hashed."""

    store: Store
    deep: bool = False
    _releases: dict[tuple[str, str, str], Released] = field(default_factory=dict)
    _hashed: set[str] = field(default_factory=set)
    _admission: tuple[str, Admission] | None = None

    def check(self, entry: Entry) -> None:
        """Whether what an entry names is there and is about what the entry says. Raises `LedgerBroken`."""
        self.released(entry)
        if entry.kind in MOVES and entry.admission:
            _check_admission(entry, self.admission(entry))
        if entry.result:
            blob(self.store, entry, entry.result, "report")

    def admission(self, entry: Entry) -> Admission:
        """See `admission`. The last one is remembered: whoever checks the entry further asks again."""
        if self._admission is None or self._admission[0] != entry.admission:
            self._admission = (entry.admission or "", admission(self.store, entry))
        return self._admission[1]

    def released(self, entry: Entry) -> Released:
        """The release or bundle that an entry is about, with all its files. Raises `LedgerBroken`."""
        wanted = (entry.model, entry.version, entry.release_digest)
        found = self._releases.get(wanted)
        if found is None:
            try:
                found = released.find(self.store, entry.model, entry.version, digest=entry.release_digest)
                released.check(self.store, found)
            except RegistryError as error:
                raise LedgerBroken(key_of(entry), f"its release is not to be had: {error}") from error
            if self.deep:
                self._hash(entry, found)
            self._releases[wanted] = found
        return found

    def _hash(self, entry: Entry, found: Released) -> None:
        for digest in sorted(found.blobs - self._hashed):
            if not _holds_what_it_says(self.store, digest):
                damage = f"{blob_key(digest)} holds something else. Putting the right file again mends it"
                raise LedgerBroken(key_of(entry), f"{found.name} {found.version} is damaged: {damage}")
            self._hashed.add(digest)


def verify(
    store: Store,
    environment: str,
    model: str,
    *,
    parts: Parts | None = None,
    check: Callable[[Entry], None] = lambda _: None,
) -> Audit:
    """Walk the chain and look for each release and what it is made of; the first wrong entry is named.

    `check` is asked about each entry after all this, and raises `LedgerBroken`. What no chain can show: that its tail
    was cut off, or its last entry changed into another valid one. A signed checkpoint shows that.
    """
    parts = parts or Parts(store)
    last: Entry | None = None
    try:
        for entry in Ledger(store).walk(environment, model):
            parts.check(entry)
            check(entry)
            last = entry
    except LedgerBroken as error:
        return _faulty(environment, model, last, error)
    return Audit(environment, model, last.sequence if last else 0, last.digest if last else None, None)


def admission(store: Store, entry: Entry) -> Admission:
    """What a move was decided on. Raises `LedgerBroken` where it is missing, damaged or no admission."""
    if entry.admission is None:
        raise LedgerBroken(key_of(entry), "names no admission")
    data = blob(store, entry, entry.admission, "admission")
    try:
        return decode(Admission, data, blob_key(entry.admission))
    except BadDocument as error:
        raise LedgerBroken(key_of(entry), f"its admission is none: {error}") from error


def blob(store: Store, entry: Entry, digest: str, what: str) -> bytes:
    """A small document that an entry names, verified. Raises `LedgerBroken`."""
    try:
        data = store.get(blob_key(digest), limit=MAX_DOCUMENT_BYTES)
    except (NotInStore, ObjectTooLarge, CorruptBlob) as error:
        raise LedgerBroken(key_of(entry), f"its {what} is not to be had: {error}") from error
    if sha256_bytes(data) != digest:
        raise LedgerBroken(key_of(entry), f"its {what} is damaged: {blob_key(digest)} holds something else")
    return data


def ledgers(store: Store) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Every `(environment, model)` that has a ledger, and every key among them that belongs to none."""
    found: dict[tuple[str, str], None] = {}
    strays = []
    for key in store.list(LEDGERS):
        place = key.removeprefix(LEDGERS).split("/")
        try:
            environment, model, _ = place
            found[check_name(environment), check_name(model)] = None
        except ValueError:
            strays.append(key)
    return tuple(found), tuple(strays)


def stray(key: str) -> Audit:
    """The report on a key among the ledgers that belongs to none."""
    layout = f"{LEDGERS}<environment>/<model>/<sequence>.json"
    why = f"belongs to no ledger, whose entries are {layout}, with names after {NAME}: look at it and remove it"
    return Audit("", "", 0, None, Fault(key, why))


def key_of(entry: Entry) -> str:
    """Where an entry is."""
    return entry_key(entry.environment, entry.model, entry.sequence)


def _faulty(environment: str, model: str, last: Entry | None, error: LedgerBroken) -> Audit:
    """The report on a fault. An entry that its successor disowns was walked over, but is not right."""
    fault = Fault(error.key, error.why)
    if last is not None and key_of(last) == error.key:
        return Audit(environment, model, last.sequence - 1, last.previous, fault)
    return Audit(environment, model, last.sequence if last else 0, last.digest if last else None, fault)


def _check_admission(entry: Entry, found: Admission) -> None:
    for name in ("model", "version", "release_digest", "environment", "kind", "policy_digest"):
        if getattr(found, name) != getattr(entry, name):
            raise LedgerBroken(key_of(entry), f"its admission is about another {name}: {getattr(found, name)}")
    if found.unmet:
        raise LedgerBroken(key_of(entry), f"its admission was refused: {'; '.join(r.why for r in found.unmet)}")


def _holds_what_it_says(store: Store, digest: str) -> bool:
    hashed = sha256()
    try:
        with closing(store.open(blob_key(digest))) as file:
            while chunk := file.read(CHUNK):
                hashed.update(chunk)
    except CorruptBlob:
        return False  # a store that verifies while it streams has said so itself
    return hashed.hexdigest() == digest
