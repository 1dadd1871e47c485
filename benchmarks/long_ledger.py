"""Ledgers of any length, written quickly: valid chained entries in which two releases take turns.

Here belongs building them below a folder store. Not here: what is measured on them (`registry.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from ascend_assets.environments import Environment
from resources.registry.admissions import Admission
from resources.registry.ledger import Entry, Kind, Ledger, entry_key
from resources.registry.releases import Release
from resources.store.blobs import Blobs
from resources.store.folder import FolderStore
from resources.store.objects import blob_key

_STEP = timedelta(milliseconds=1)
"""Between entries, so that a ledger of 10,000 spans seconds and lies in the past."""


@dataclass(frozen=True)
class Place:
    """Where a ledger is, and the two releases that take turns in it, the first one first."""

    store: FolderStore
    environment: Environment
    turns: tuple[Release, Release]

    @property
    def model(self) -> str:
        """The model's name."""
        return self.turns[0].model

    def key(self, sequence: int) -> str:
        """Where an entry is."""
        return entry_key(self.environment.name, self.model, sequence)


def lengthen(place: Place, length: int) -> None:
    """Append deployments until the ledger has so many entries, each with an admission of its own.

    The first entry must be there: its admission is the pattern. Nothing is synced to the disk.
    """
    ledger = Ledger(place.store)
    last = ledger.current(place.environment.name, place.model)
    if last is None or last.admission is None:
        raise ValueError(f"{place.key(1)}: the first entry is missing: promote a release before")
    pattern = Admission.model_validate_json(Blobs(place.store).read(last.admission))
    for entry, admission in _chain(place, last, pattern, length):
        _write(place.store, blob_key(admission.digest), admission.encoded())
        _write(place.store, place.key(entry.sequence), entry.encoded())


def shorten(place: Place, length: int) -> None:
    """Remove what was appended since: what no registry does, so that each measurement begins alike."""
    sequence = length + 1
    while (path := place.store.root / place.key(sequence)).exists():
        path.unlink()
        sequence += 1


def _chain(place: Place, last: Entry, pattern: Admission, length: int) -> Iterator[tuple[Entry, Admission]]:
    begin = last.at
    for sequence in range(last.sequence + 1, length + 1):
        release = place.turns[(sequence - 1) % 2]
        at = begin + _STEP * (sequence - 1)
        about = {"version": release.version, "release_digest": release.digest, "at": at}
        admission = Admission.model_validate({**dict(pattern), **about, "kind": Kind.DEPLOY, "live": last.digest})
        made = {**dict(last), **about, "sequence": sequence, "previous": last.digest, "admission": admission.digest}
        last = Entry.model_validate(made)
        yield last, admission


def _write(store: FolderStore, key: str, data: bytes) -> None:
    path = store.root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
