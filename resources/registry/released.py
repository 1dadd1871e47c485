"""What a ledger's entry is about: a model's release, or a bundle of them.

Here belongs finding one by name and looking at its parts, so that what moves a release moves a bundle as well. Not
here: the two kinds of manifests (`releases.py`, `bundles.py`).
"""

from dataclasses import dataclass

from resources.registry.bundles import Bundle, Bundles
from resources.registry.manifests import MissingArtefacts, NotReleased
from resources.registry.releases import Registry, Release
from resources.registry.versions import Version
from resources.store.objects import Store, blob_key


@dataclass(frozen=True)
class Released:
    """A manifest and the releases that it stands for: itself, or a bundle's members in their order."""

    manifest: Release | Bundle
    releases: tuple[Release, ...]

    @property
    def name(self) -> str:
        """The model's or the bundle's name, as in a ledger."""
        return self.manifest.model

    @property
    def version(self) -> str:
        """The version of the whole."""
        return self.manifest.version

    @property
    def digest(self) -> str:
        """Digest of the manifest."""
        return self.manifest.digest

    @property
    def is_bundle(self) -> bool:
        """Whether it moves several models."""
        return isinstance(self.manifest, Bundle)

    @property
    def authors(self) -> frozenset[str]:
        """Who wrote any part of it, as git names them: `Ada <ada@example.com>`."""
        return frozenset(author for release in self.releases for author in release.authors)

    @property
    def blobs(self) -> frozenset[str]:
        """Every blob that it needs."""
        own = self.manifest.blobs if isinstance(self.manifest, Bundle) else frozenset[str]()
        return own.union(*(release.blobs for release in self.releases))


def find(store: Store, name: str, version: str, *, digest: str | None = None) -> Released:
    """A release or bundle; with `digest`, exactly that manifest. Raises `NotReleased`, `CorruptRelease`."""
    registry, bundles = Registry(store), Bundles(store)
    if not bundles.versions(name):
        release = registry.get(name, version, digest=digest)
        return Released(release, (release,))
    bundle = bundles.get(name, version, digest=digest)
    members = (registry.get(m.model, m.version, digest=m.release_digest) for m in bundle.members)
    return Released(bundle, tuple(members))


def versions(store: Store, name: str) -> tuple[Version, ...]:
    """Every version of a model or bundle, in order."""
    return Bundles(store).versions(name) or Registry(store).versions(name)


def latest(store: Store, name: str) -> Released:
    """The highest version. Raises `NotReleased` where there is none."""
    found = versions(store, name)
    if not found:
        raise NotReleased(f"{name} has no release yet")
    return find(store, name, str(found[-1]))


def check(store: Store, released: Released) -> None:
    """Whether the store holds everything. Raises `MissingArtefacts`; contents are verified when they are read."""
    missing = sorted(digest for digest in released.blobs if store.head(blob_key(digest)) is None)
    if missing:
        raise MissingArtefacts(
            f"{released.name} {released.version}: the store does not hold {', '.join(missing)}. "
            "Restore them from a copy of the store, or build the candidate again"
        )
