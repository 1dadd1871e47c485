"""What releases and bundles have in common: a manifest that is published once under a version and never changed.

Here belong reading one as it was published, and what the registry refuses. Not here: what a manifest says
(`releases.py`, `bundles.py`).
"""

from collections.abc import Callable
from typing import TypeVar

from resources.registry.documents import MAX_DOCUMENT_BYTES, BadDocument, Document, Name, Person, Utc, decode
from resources.registry.versions import InvalidVersion, Version, VersionText
from resources.store.objects import NotInStore, ObjectTooLarge, Store


class Manifest(Document):
    """What every manifest says of itself. `model` is a bundle's own name in a bundle's."""

    model: Name
    version: VersionText
    created_at: Utc
    created_by: Person


AnyManifest = TypeVar("AnyManifest", bound=Manifest)


class RegistryError(Exception):
    """Base of what the registry refuses."""


class AlreadyReleased(RegistryError):
    """The version is taken. `winner` is what stands."""

    def __init__(self, winner: Manifest) -> None:
        self.winner = winner
        candidate = getattr(winner, "candidate", "")
        origin = f"from candidate {candidate} " if candidate else ""
        super().__init__(
            f"{winner.model} {winner.version} was released before, {origin}by {winner.created_by} at "
            f"{winner.created_at.isoformat()} (manifest {winner.digest[:12]}): "
            "a release never changes, take the next version"
        )


class NotReleased(RegistryError):
    """There is no such release."""


class MissingArtefacts(RegistryError):
    """A manifest names what the store does not hold."""


class CorruptRelease(RegistryError):
    """A stored manifest that is not what was published."""


def read_manifest(
    store: Store, kind: type[AnyManifest], key: str, versions: Callable[[], tuple[Version, ...]], digest: str | None
) -> AnyManifest:
    """A manifest as it was published under a key; with `digest`, exactly that one.

    `versions` finds those that there are, for whoever asks for another. Raises `NotReleased`, `CorruptRelease`.
    """
    _, name, _, file = key.split("/")
    version = file.removesuffix(".json")
    try:
        found = decode(kind, store.get(key, limit=MAX_DOCUMENT_BYTES), key)
    except NotInStore as error:
        known = ", ".join(str(v) for v in versions()[-5:]) or "none"
        raise NotReleased(f"{name} has no release {version}; the newest are: {known}") from error
    except (BadDocument, ObjectTooLarge) as error:
        raise CorruptRelease(f"{error}. Restore it from a copy of the store") from error
    if (found.model, found.version) != (name, version):
        raise CorruptRelease(f"{key} holds the manifest of {found.model} {found.version}: restore it")
    if digest is not None and found.digest != digest:
        raise CorruptRelease(
            f"{key} has sha256 {found.digest}, but the ledger names {digest}: the manifest was changed after it "
            "was deployed. Restore it from a copy of the store"
        )
    return found


def version_of(key: str, prefix: str) -> Version:
    """The version that a manifest's key names. Raises `CorruptRelease`."""
    name = key.removeprefix(prefix)
    try:
        return Version.parse(name.removesuffix(".json") if name.endswith(".json") else name)
    except InvalidVersion as error:
        raise CorruptRelease(f"{key} is no manifest: something else put it there; look at it and remove it") from error
