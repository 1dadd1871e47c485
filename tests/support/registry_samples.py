"""A store with one model's artefacts, and manifests and ledger entries about them."""

from datetime import UTC, datetime
from typing import Any

from resources.ascend.toolchain import ToolchainIdentity
from resources.onnx_files.signature import Signature, TensorType
from resources.registry.ledger import Entry, Kind, Ledger
from resources.registry.releases import Release, ReleasedTarget
from resources.store.blobs import Blobs

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
POLICY = "f" * 64


def release(
    blobs: Blobs, version: str = "1.0.0", *, weights: bytes = b"weights", om: bytes = b"om", **fields: Any
) -> Release:
    """A release whose artefacts are in the store."""

    def stored(name: str) -> str:
        return blobs.put_bytes(name.encode(), name).sha256

    target = ReleasedTarget(
        soc_version="Ascend310P3",
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
        "targets": {"Ascend310P3": target},
        "signature": Signature(inputs=(tensor,), outputs=(tensor,)),
        "toolchain": ToolchainIdentity(name="emulator", version="1", cann="8.1.RC1", origin="emulated"),
        "verdicts": ({"criterion": "cosine", "value": 0.99, "limits": {"dev": 0.9}},),
        "dossier": stored("dossier.html"),
        "pipeline": {"lock": "b" * 64},
        "changelog": "new weights",
        "created_at": NOON,
        "created_by": "Ada <ada@example.com>",
    }
    return Release.model_validate(own | fields)


def entry(after: Entry | None, about: Release, *, environment: str = "dev", **fields: Any) -> Entry:
    """The entry that deploys a release after another."""
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
    }
    return Entry.model_validate(own | fields)


def deploy(ledger: Ledger, about: Release, times: int = 1, **fields: Any) -> Entry:
    """Append the same release so many times; the last entry."""
    last = ledger.current("dev", about.model)
    for _ in range(times):
        last = entry(last, about, **fields)
        ledger.append(last)
    assert last is not None
    return last
