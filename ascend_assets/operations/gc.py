"""Removing blobs that nothing refers to any more: what refused candidates left behind.

Here belongs finding out what must stay. Not here: deleting, and the races of it (`resources/store`).

What stays: whatever a release, a bundle or a ledger entry names, and what the evidence among it mentions in turn. If
anything that could name a blob cannot be read, nothing is deleted.
"""

import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from ascend_assets.stage import Tools
from resources.digests import sha256_bytes
from resources.registry import audit
from resources.registry.bundles import Bundles
from resources.registry.documents import MAX_DOCUMENT_BYTES
from resources.registry.ledger import Entry, Ledger, LedgerBroken
from resources.registry.manifests import RegistryError
from resources.registry.releases import Registry, Release
from resources.store.blobs import CorruptBlob
from resources.store.objects import BLOBS, NotInStore, ObjectTooLarge, Store, blob_key

YOUNGEST = timedelta(hours=24)
"""Younger blobs always stay: a candidate that is on its way has put them and not yet published what names them."""

DEFAULT_AGE = timedelta(days=14)

_MANIFESTS = {"models/": "models/<model>/releases/<version>.json", "bundles/": "bundles/<name>/releases/<version>.json"}
_DIGEST = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_MANIFEST_KEY = re.compile(r"(?:models|bundles)/([a-z][a-z0-9_]{0,62})/releases/[^/]+\.json")


class GcRefused(Exception):
    """Nothing was deleted, because nobody can say what must stay. The message names what cannot be read."""


@dataclass(frozen=True)
class Unreferenced:
    """A blob that nothing names. `size` in bytes; `age` since it was last put."""

    key: str
    size: int
    age: timedelta


@dataclass(frozen=True)
class Swept:
    """What went, or would go. `kept`: how many blobs are referred to."""

    blobs: tuple[Unreferenced, ...]
    kept: int
    dry_run: bool

    @property
    def keys(self) -> tuple[str, ...]:
        """Their keys."""
        return tuple(blob.key for blob in self.blobs)

    @property
    def bytes(self) -> int:
        """Their sizes together."""
        return sum(blob.size for blob in self.blobs)


def gc(tools: Tools, *, older_than: timedelta = DEFAULT_AGE, dry_run: bool = False) -> Swept:
    """Delete the blobs that nothing refers to and that were last put before `older_than` ago.

    Raises `GcRefused` before anything is deleted, `ValueError` for less than `YOUNGEST`.
    """
    if older_than < YOUNGEST:
        raise ValueError(f"older_than is {older_than}: blobs stay for at least {YOUNGEST}, for candidates on their way")
    store = tools.blobs.store
    keep = {blob_key(digest) for digest in referenced(store)}
    loose = {blob.key: blob for blob in _unreferenced(store, keep, tools.now())}
    kept = sum(key in keep for key in store.list(BLOBS))
    if dry_run:
        return Swept(tuple(blob for blob in loose.values() if blob.age > older_than), kept, dry_run)
    gone = store.delete_unreferenced(keep, older_than)
    return Swept(tuple(loose.get(key) or Unreferenced(key, 0, older_than) for key in gone), kept, dry_run)


def referenced(store: Store) -> frozenset[str]:
    """Digest of every blob that must stay. Raises `GcRefused`, which names what cannot be read."""
    named, evidence = set[str](), set[str]()
    for release in _releases(store):
        named |= release.blobs
        evidence |= {d for target in release.targets.values() for d in (target.precision, target.benchmark)}
        evidence |= set(release.evidence.values())
    for bundle in _bundle_blobs(store):
        named |= bundle
    for entry in _entries(store):
        named |= {entry.policy_digest}
        evidence |= {digest for digest in (entry.admission, entry.result) if digest}
    return frozenset(named | evidence | _mentioned(store, evidence))


def _unreferenced(store: Store, keep: AbstractSet[str], now: datetime) -> Iterator[Unreferenced]:
    for key in store.list(BLOBS):
        head = None if key in keep else store.head(key)
        if head is not None:
            yield Unreferenced(key, head.size, now - head.put_at)


def _releases(store: Store) -> Iterator[Release]:
    registry = Registry(store)
    for model in _names(store, "models/"):
        try:
            yield from registry.releases(model)
        except RegistryError as error:
            raise _refusal(str(error)) from error


def _bundle_blobs(store: Store) -> Iterator[frozenset[str]]:
    bundles = Bundles(store)
    for name in _names(store, "bundles/"):
        try:
            for version in bundles.versions(name):
                yield bundles.get(name, str(version)).blobs
        except RegistryError as error:
            raise _refusal(str(error)) from error


def _entries(store: Store) -> Iterator[Entry]:
    ledgers, strays = audit.ledgers(store)
    for key in strays:
        raise _refusal(f"{key} belongs to no ledger: look at it and remove it")
    for environment, model in ledgers:
        try:
            yield from Ledger(store).walk(environment, model)
        except LedgerBroken as error:
            raise _refusal(str(error)) from error


def _names(store: Store, prefix: str) -> tuple[str, ...]:
    """Models or bundles that have manifests. A key that is none could name blobs in a way that is not known here."""
    found = set()
    for key in store.list(prefix):
        match = _MANIFEST_KEY.fullmatch(key)
        if not match:
            raise _refusal(f"{key} is no manifest ({_MANIFESTS[prefix]}): look at it and remove it")
        found.add(match[1])
    return tuple(sorted(found))


def _mentioned(store: Store, evidence: Iterable[str]) -> set[str]:
    """Every digest in the text of the evidence: a record of another version may be read by nobody, and yet holds."""
    found = set[str]()
    for digest in sorted(evidence):
        try:
            data = store.get(blob_key(digest), limit=MAX_DOCUMENT_BYTES)
        except (NotInStore, ObjectTooLarge, CorruptBlob) as error:
            raise _refusal(f"evidence cannot be read: {error}. Restore it from a copy of the store") from error
        if sha256_bytes(data) != digest:
            raise _refusal(f"{blob_key(digest)} is damaged. Restore it from a copy of the store")
        found |= {match.decode() for match in _DIGEST.findall(data)}
    return found


def _refusal(why: str) -> GcRefused:
    return GcRefused(f"nothing was deleted, because it is not known what must stay. {why}")
