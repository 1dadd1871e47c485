"""A store with one model's artefacts, and manifests, bundles and ledger entries about them."""

from datetime import UTC, datetime
from typing import Any

from resources.ascend.toolchain import ToolchainIdentity
from resources.onnx_files.signature import Signature, TensorType
from resources.registry.admissions import Admission, Requirement
from resources.registry.bundles import Bundle, Member
from resources.registry.ledger import MOVES, Entry, Kind, Ledger
from resources.registry.releases import Release, ReleasedTarget
from resources.store.blobs import Blobs

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
POLICY = "f" * 64
TARGET = "Ascend310P3"
STAGES = ("source", "onnx", "lint", f"{TARGET}__om", f"{TARGET}__precision", f"{TARGET}__benchmark")


def release(
    blobs: Blobs, version: str = "1.0.0", *, weights: bytes = b"weights", om: bytes = b"om", **fields: Any
) -> Release:
    """A release whose artefacts are in the store."""

    def stored(name: str) -> str:
        return blobs.put_bytes(name.encode(), name).sha256

    target = ReleasedTarget(
        soc_version=TARGET,
        om=blobs.put_bytes(om, "m.om"),
        om_identity="a" * 64,
        precision=stored("precision.json"),
        benchmark=stored("benchmark.json"),
    )
    tensor = TensorType(name="x", dtype="float32", shape=(1, 1, 8, 8))
    own = {
        "model": "digits",
        "version": version,
        "candidate": "20261120-1200-git-1a2b3c4d5e6f",
        "commit": "1a2b3c4d5e6f" + "0" * 28,
        "dirty": False,
        "task": "classification",
        "owners": ("team:vision",),
        "source": stored("source.tar"),
        "onnx": blobs.put_bytes(weights, "m.onnx"),
        "targets": {TARGET: target},
        "signature": Signature(inputs=(tensor,), outputs=(tensor,)),
        "toolchain": ToolchainIdentity(name="emulator", version="1", cann="8.1.RC1", origin="emulated"),
        "verdicts": ({"criterion": "cosine", "value": 0.99, "limits": {"dev": 0.9}},),
        "dossier": stored("dossier.html"),
        "pipeline": {"requirements.lock": "b" * 64},
        "changelog": "new weights",
        "created_at": NOON,
        "created_by": "Ada <ada@example.com>",
    }
    if fields.get("schema_version") != 1:
        own |= {
            "authors": ("Ada <ada@example.com>",),
            "definition": stored("definition.json"),
            "evidence": {stage: stored(f"{stage}.json") for stage in STAGES},
            "evaluation": blobs.put_bytes(b"evaluation", "evaluation.npz"),
        }
    return Release.model_validate(own | fields)


def bundle(blobs: Blobs, *members: Release, version: str = "1.0.0", **fields: Any) -> Bundle:
    """A bundle of releases, named `speech`, with one file of its own."""
    own = {
        "model": "speech",
        "version": version,
        "members": tuple(
            Member(model=r.model, version=r.version, release_digest=r.digest)
            for r in sorted(members, key=lambda r: r.model)
        ),
        "files": {"tokenizer": blobs.put_bytes(b"tokens", "tokenizer.json")},
        "created_at": NOON,
        "created_by": "Ada <ada@example.com>",
    }
    return Bundle.model_validate(own | fields)


def admission(entry: Entry, live: str | None = None, **fields: Any) -> Admission:
    """What a move was decided on: one requirement, which was met."""
    own = entry.model_dump(include={"model", "version", "release_digest", "environment", "kind", "policy_digest", "at"})
    met = Requirement(name="verdicts", met=True, why="every limit holds")
    return Admission.model_validate(own | {"live": live, "requirements": (met,)} | fields)


def entry(after: Entry | None, about: Release | Bundle, *, environment: str = "dev", **fields: Any) -> Entry:
    """The entry that deploys a release after another. What it names as its admission is `admission(entry)`."""
    own = {
        "sequence": after.sequence + 1 if after else 1,
        "previous": after.digest if after else None,
        "kind": Kind.DEPLOY,
        "model": about.model,
        "environment": environment,
        "version": about.version,
        "release_digest": about.digest,
        "actor": "ada",
        "reason": "better",
        "at": NOON,
        "policy_digest": POLICY,
    } | fields
    if own["kind"] in MOVES and own.get("schema_version") != 1 and "admission" not in own:
        draft = Entry.model_validate(own | {"admission": "0" * 64})
        own["admission"] = admission(draft, _live(after)).digest
    return Entry.model_validate(own)


def append(ledger: Ledger, made: Entry, after: Entry | None = None) -> Entry:
    """Append an entry, and store what it names as its admission."""
    if made.kind in MOVES and made.admission:
        data = admission(made, _live(after)).encoded()
        Blobs(ledger.store).put_bytes(data, "admission.json")  # type: ignore[arg-type]
    ledger.append(made)
    return made


def deploy(
    ledger: Ledger, about: Release | Bundle, times: int = 1, *, environment: str = "dev", **fields: Any
) -> Entry:
    """Append the same release so many times; the last entry."""
    last = ledger.current(environment, about.model)
    for _ in range(times):
        last = append(ledger, entry(last, about, environment=environment, **fields), last)
    assert last is not None
    return last


def _live(after: Entry | None) -> str | None:
    return after.digest if after and after.kind in MOVES else None
