"""The registry of releases: manifests that are published once and never changed.

Here belong what a manifest says and its publication. Not here: which version a release gets (`versions.py`), where it
is deployed (`ledger.py`), or whether it may be released (the gates).
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from resources.ascend.toolchain import ToolchainIdentity
from resources.candidates import Candidate, CandidateName
from resources.onnx_files.signature import Signature
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
from resources.registry.versions import Contents, InvalidVersion, Version, VersionText
from resources.store.blobs import Artefact
from resources.store.objects import NotInStore, ObjectTooLarge, Store, blob_key

if TYPE_CHECKING:
    from resources.registry.bundles import Bundle

Commit = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})?$")]
"""A full commit id, or empty for what is in no commit."""


class RegistryError(Exception):
    """Base of what the registry refuses."""


class AlreadyReleased(RegistryError):
    """The version is taken. `winner` is the release that stands."""

    def __init__(self, winner: "Release | Bundle") -> None:
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


class ReleasedTarget(BaseModel):
    """One compiled model of a release. `precision` and `benchmark` are digests of the evidence about it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    soc_version: str
    om: Artefact
    om_identity: Sha256
    precision: Sha256
    benchmark: Sha256


class Release(Document):
    """A manifest: all that a release is made of, by digest.

    `source`: the archive of the model's files. `dossier`: what reviewers saw. `verdicts`: as the gates gave them.
    `pipeline`: what else decided the result, such as the lock file's digest. `authors`: who wrote the commits since the
    release before. `definition`: blob of the model's definition. `evidence`: stage, or `<target>__<stage>`, -> blob of
    its record, from which the gates judge again. `evaluation`: the data that the task metric was computed on.
    """

    SINCE: ClassVar[Mapping[str, int]] = {"authors": 2, "definition": 2, "evidence": 2, "evaluation": 2}

    model: Name
    version: VersionText
    candidate: CandidateName
    commit: Commit
    dirty: bool
    task: str
    owners: tuple[str, ...] = ()
    source: Sha256
    onnx: Artefact
    targets: Annotated[dict[str, ReleasedTarget], Field(min_length=1)]
    signature: Signature
    toolchain: ToolchainIdentity
    verdicts: tuple[dict[str, JsonValue], ...]
    dossier: Sha256
    pipeline: dict[str, str]
    changelog: Text = ""
    created_at: Utc
    created_by: Person
    authors: tuple[Person, ...] = ()
    definition: Sha256 | None = None
    evidence: dict[str, Sha256] = Field(default_factory=dict)
    evaluation: Artefact | None = None

    @model_validator(mode="after")
    def _can_be_judged_again(self) -> Self:
        if self.schema_version > 1 and not (self.evidence and self.definition):
            raise ValueError("evidence: a release names its definition and the records that it is judged by")
        return self

    @model_validator(mode="after")
    def _told_by_its_name(self) -> Self:
        if Candidate.parse(self.candidate).is_dirty and not self.dirty:
            raise ValueError(f"dirty is false, but the candidate {self.candidate} is from no commit")
        return self

    @property
    def contents(self) -> Contents:
        """What its version depends on."""
        return Contents(self.signature, self.onnx.sha256, {name: t.om.sha256 for name, t in self.targets.items()})

    @property
    def blobs(self) -> frozenset[str]:
        """Sha256 of every blob that the store must hold as long as there is this release."""
        evidence = {d for t in self.targets.values() for d in (t.om.sha256, t.precision, t.benchmark)}
        others = {*self.evidence.values(), *((self.definition,) if self.definition else ())}
        data = {self.evaluation.sha256} if self.evaluation else set()
        return frozenset({self.source, self.onnx.sha256, self.dossier} | evidence | others | data)


class Registry:
    """Releases in a store. Nothing is cached: what is read is what stands there."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def publish(self, release: Release) -> str:
        """Publish a manifest; returns its digest. Publishing the very same manifest again changes nothing.

        Its blobs are made young, so that none is deleted as old before the manifest that needs it is seen.
        Raises `AlreadyReleased` if the version is taken by another, `MissingArtefacts` before anything is written.
        """
        _refuse_missing(release, [digest for digest in release.blobs if not self.store.refresh(blob_key(digest))])
        if not self.store.put_if_absent(release_key(release.model, release.version), release.encoded()):
            winner = self.get(release.model, release.version)
            if winner.digest != release.digest:
                raise AlreadyReleased(winner)
        return release.digest

    def check(self, release: Release) -> None:
        """Whether the store holds everything that a release is made of. Raises `MissingArtefacts`.

        Contents are verified when they are read.
        """
        _refuse_missing(release, [digest for digest in release.blobs if self.store.head(blob_key(digest)) is None])

    def versions(self, model: str) -> tuple[Version, ...]:
        """Every version of a model, in order. Raises `CorruptRelease` for a file that is named after none."""
        prefix = release_key(model, "0.0.0").removesuffix("0.0.0.json")
        return tuple(sorted(version_of(key, prefix) for key in self.store.list(prefix)))

    def releases(self, model: str) -> tuple[Release, ...]:
        """Every release of a model, by version. Raises `CorruptRelease`."""
        return tuple(self.get(model, str(version)) for version in self.versions(model))

    def latest(self, model: str) -> Release | None:
        """The release with the highest version."""
        versions = self.versions(model)
        return self.get(model, str(versions[-1])) if versions else None

    def get(self, model: str, version: str, *, digest: str | None = None) -> Release:
        """One release; with `digest`, exactly the manifest that a ledger names.

        Raises `NotReleased`, `CorruptRelease`.
        """
        return read_manifest(self.store, Release, release_key(model, version), lambda: self.versions(model), digest)


AnyManifest = TypeVar("AnyManifest", "Release", "Bundle")


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


def _refuse_missing(release: Release, missing: list[str]) -> None:
    if missing:
        raise MissingArtefacts(
            f"{release.model} {release.version}: the store does not hold {', '.join(sorted(missing))}. "
            f"Run the candidate {release.candidate} again, or restore them from a copy of the store"
        )


def release_key(model: str, version: str) -> str:
    """Where a manifest is. Raises `ValueError` for a bad name or version."""
    return f"models/{check_name(model)}/releases/{Version.parse(version)}.json"


def version_of(key: str, prefix: str) -> Version:
    """The version that a manifest's key names. Raises `CorruptRelease`."""
    name = key.removeprefix(prefix)
    try:
        return Version.parse(name.removesuffix(".json") if name.endswith(".json") else name)
    except InvalidVersion as error:
        raise CorruptRelease(f"{key} is no manifest: something else put it there; look at it and remove it") from error
