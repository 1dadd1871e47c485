"""Bundles: several models' releases that move as one, such as an encoder, a decoder and a tokenizer's files.

Here belong the bundle's manifest and its publication. A bundle has a ledger of its own in each environment, like a
model: one entry moves all its members, so that no moment has half of them. Not here: which version it gets, or whether
it may be deployed (`ascend_assets`).
"""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from resources.registry.documents import (
    Name,
    Sha256,
    Text,
    check_name,
)
from resources.registry.manifests import AlreadyReleased, Manifest, MissingArtefacts, read_manifest, version_of
from resources.registry.versions import Version, VersionText
from resources.store.blobs import Artefact
from resources.store.objects import Store, blob_key


class Member(BaseModel):
    """One model's release in a bundle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Name
    version: VersionText
    release_digest: Sha256


class Bundle(Manifest):
    """A manifest of releases and plain files. `model` is the bundle's own name, as in a ledger."""

    members: Annotated[tuple[Member, ...], Field(min_length=1, max_length=64)]
    files: Annotated[dict[str, Artefact], Field(max_length=1000)] = Field(default_factory=dict)
    changelog: Text = ""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        names = [member.model for member in self.members]
        if names != sorted(set(names)):
            raise ValueError("members: one per model, sorted by name")
        if self.model in names:
            raise ValueError("members: a bundle cannot hold itself")
        return self

    @property
    def blobs(self) -> frozenset[str]:
        """Sha256 of the bundle's own files; its members name theirs."""
        return frozenset(file.sha256 for file in self.files.values())


class Bundles:
    """Bundles in a store. Nothing is cached."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def publish(self, bundle: Bundle) -> str:
        """Publish a manifest; returns its digest. Publishing the very same one again changes nothing.

        Raises `AlreadyReleased`, and `MissingArtefacts` before anything is written where a file is not in the store.
        Whoever publishes has made sure that the members are there.
        """
        missing = sorted(digest for digest in bundle.blobs if not self.store.refresh(blob_key(digest)))
        if missing:
            raise MissingArtefacts(f"{bundle.model} {bundle.version}: the store does not hold {', '.join(missing)}")
        if not self.store.put_if_absent(bundle_key(bundle.model, bundle.version), bundle.encoded()):
            winner = self.get(bundle.model, bundle.version)
            if winner.digest != bundle.digest:
                raise AlreadyReleased(winner)
        return bundle.digest

    def names(self) -> tuple[str, ...]:
        """Every bundle."""
        return tuple(sorted({key.split("/")[1] for key in self.store.list("bundles/")}))

    def versions(self, name: str) -> tuple[Version, ...]:
        """Every version, in order. Raises `CorruptRelease`."""
        prefix = bundle_key(name, "0.0.0").removesuffix("0.0.0.json")
        return tuple(sorted(version_of(key, prefix) for key in self.store.list(prefix)))

    def latest(self, name: str) -> Bundle | None:
        """The bundle with the highest version."""
        versions = self.versions(name)
        return self.get(name, str(versions[-1])) if versions else None

    def get(self, name: str, version: str, *, digest: str | None = None) -> Bundle:
        """One bundle; with `digest`, exactly that manifest. Raises `NotReleased`, `CorruptRelease`."""
        return read_manifest(self.store, Bundle, bundle_key(name, version), lambda: self.versions(name), digest)


def bundle_key(name: str, version: str) -> str:
    """Where a bundle's manifest is. Raises `ValueError` for a bad name or version."""
    return f"bundles/{check_name(name)}/releases/{Version.parse(version)}.json"
