"""The registry of releases: manifests that are published once and never changed.

Here belong what a manifest says and its publication. Not here: which version a release gets (`versions.py`), where it
is deployed (`ledger.py`), or whether it may be released (the gates).
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from resources.ascend.toolchain import ToolchainIdentity
from resources.candidates import Candidate, CandidateName
from resources.onnx_files.signature import Signature
from resources.registry.documents import Person, Sha256, Text, check_name
from resources.registry.manifests import AlreadyReleased, Manifest, MissingArtefacts, read_manifest, version_of
from resources.registry.versions import Contents, Version
from resources.store.blobs import Artefact
from resources.store.objects import Store, blob_key

Commit = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})?$")]
"""A full commit id, or empty for what is in no commit."""


class ReleasedTarget(BaseModel):
    """One compiled model of a release. `precision` and `benchmark` are digests of the evidence about it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    soc_version: str
    om: Artefact
    om_identity: Sha256
    precision: Sha256
    benchmark: Sha256


class Release(Manifest):
    """A manifest: all that a release is made of, by digest.

    `source`: the archive of the model's files. `dossier`: what reviewers saw. `verdicts`: as the gates gave them.
    `pipeline`: what else decided the result, such as the lock file's digest. `authors`: who wrote the commits since the
    release before. `definition`: blob of the model's definition. `evidence`: stage, or `<target>__<stage>`, -> blob of
    its record, from which the gates judge again. `evaluation`: the data that the task metric was computed on.
    """

    SINCE: ClassVar[Mapping[str, int]] = {"authors": 2, "definition": 2, "evidence": 2, "evaluation": 2}

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


def _refuse_missing(release: Release, missing: list[str]) -> None:
    if missing:
        raise MissingArtefacts(
            f"{release.model} {release.version}: the store does not hold {', '.join(sorted(missing))}. "
            f"Run the candidate {release.candidate} again, or restore them from a copy of the store"
        )


def release_key(model: str, version: str) -> str:
    """Where a manifest is. Raises `ValueError` for a bad name or version."""
    return f"models/{check_name(model)}/releases/{Version.parse(version)}.json"
