"""Checkpoints: signed lists of where all ledgers end, by which an outsider sees later that no tail was cut off.

Here belong making one and believing one. Not here: walking the ledgers against one (`audit.py`), or SSH signatures
(`resources/ssh_signatures.py`).

A checkpoint is one JSON file: `signed`, the document's canonical text, and `signature`, as `ssh-keygen -Y sign` writes
it. So stock tools can verify it: `ssh-keygen -Y verify` over the bytes of `signed`, in the namespace `NAMESPACE`.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from ascend_assets.stage import Tools
from resources import ssh_signatures
from resources.digests import canonical_json
from resources.registry import audit
from resources.registry.approvals import Armoured
from resources.registry.documents import MAX_DOCUMENT_BYTES, BadDocument, Document, Name, Sha256, Utc, decode
from resources.registry.ledger import LedgerBroken
from resources.regular_files import open_regular
from resources.store.durable import sync_folder

NAMESPACE = "ledger-checkpoint@ascend-assets"
"""Namespace of the SSH signatures: the signature of an approval is none here."""

_MAX_SIGNERS_BYTES = 256 * 1024


class BadCheckpoint(Exception):
    """A checkpoint that cannot be believed. The message names the file and says why."""


class End(BaseModel):
    """Where a ledger ended."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: Name
    model: Name
    sequence: Annotated[int, Field(ge=1)]
    digest: Sha256

    @property
    def ledger(self) -> tuple[str, str]:
        """`(environment, model)`."""
        return self.environment, self.model


class Checkpoint(Document):
    """What is signed: where each ledger of a store ended at a moment, sorted, one end per ledger."""

    checkpoint: Literal["ledger heads"] = "ledger heads"
    heads: tuple[End, ...]
    at: Utc

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        ledgers = [end.ledger for end in self.heads]
        if ledgers != sorted(set(ledgers)):
            raise ValueError("heads: one per ledger, sorted by environment and model")
        return self


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    signed: Annotated[str, StringConstraints(max_length=MAX_DOCUMENT_BYTES)]
    signature: Armoured


@dataclass(frozen=True)
class Believed:
    """A checkpoint whose signature was verified. `signer`: in whose name."""

    checkpoint: Checkpoint
    signer: str

    def __str__(self) -> str:
        return f"the checkpoint of {self.checkpoint.at.isoformat(timespec='seconds')} by {self.signer}"


def take(tools: Tools) -> Checkpoint:
    """Where all ledgers end now. Raises `LedgerBroken` for a ledger that is not right: nobody should sign for it."""
    store = tools.blobs.store
    parts = audit.Parts(store)
    ledgers, strays = audit.ledgers(store)
    walked = (*map(audit.stray, strays), *(audit.verify(store, *ledger, parts=parts) for ledger in ledgers))
    heads = []
    for found in walked:
        if found.fault:
            raise LedgerBroken(found.fault.key, found.fault.why)
        if found.head:
            heads.append(
                End(environment=found.environment, model=found.model, sequence=found.entries, digest=found.head)
            )
    return Checkpoint(heads=tuple(sorted(heads, key=lambda end: end.ledger)), at=tools.now())


def make(tools: Tools, key: Path, out: Path, *, interactive: bool = False) -> Checkpoint:
    """Sign where all ledgers end now and write that to `out`. `key`, `interactive`: as `ssh_signatures.sign` has them.

    Keep the file where those who write the store cannot: beside the store it proves nothing. Raises `LedgerBroken`,
    `CannotSign`, `SshKeygenUnfit`, `OSError`.
    """
    taken = take(tools)
    signed = taken.encoded()
    signature = ssh_signatures.sign(signed, key, NAMESPACE, interactive=interactive)
    _write(out, canonical_json(_File(signed=signed.decode(), signature=signature).model_dump(mode="json")))
    return taken


def read(path: Path, signers: Path) -> Believed:
    """A checkpoint that somebody of the auditor's own allowed_signers file signed with a key that was valid then.

    Raises `BadCheckpoint`, `SshKeygenUnfit`.
    """
    try:
        file = _File.model_validate_json(_read(path, 2 * MAX_DOCUMENT_BYTES))
        found = decode(Checkpoint, file.signed.encode(), str(path))
    except (ValidationError, BadDocument, UnicodeEncodeError) as error:
        raise BadCheckpoint(f"{path} is no checkpoint, or was damaged: {error}") from error
    try:
        return Believed(found, _signer(file, _read(signers, _MAX_SIGNERS_BYTES).decode(), found))
    except UnicodeDecodeError as error:
        raise BadCheckpoint(f"{signers} is no allowed_signers file: it is not UTF-8") from error
    except ssh_signatures.BadSigners as error:
        raise BadCheckpoint(f"{signers}: {error}") from error
    except ssh_signatures.BadSignature as error:
        raise BadCheckpoint(f"{path} cannot be believed, its signature does not count: {error}") from error


def _signer(file: _File, signers: str, found: Checkpoint) -> str:
    """In whose name a checkpoint was signed. Raises `BadSignature`, `BadSigners`."""
    names = ssh_signatures.signers_of(file.signature, signers, namespace=NAMESPACE, at=found.at)
    if not names:
        raise ssh_signatures.BadSignature(
            f"its key is of nobody who might sign checkpoints at {found.at.isoformat(timespec='seconds')}"
        )
    message = file.signed.encode()
    ssh_signatures.verify(message, file.signature, signers, principal=names[0], namespace=NAMESPACE, at=found.at)
    return names[0]


def _read(path: Path, limit: int) -> bytes:
    try:
        file, size = open_regular(path)
        with file:
            if size > limit:
                raise BadCheckpoint(f"{path} has {size} bytes, more than the {limit} that are read")
            return file.read(limit)
    except OSError as error:
        raise BadCheckpoint(f"{path} cannot be read: {error.strerror}") from error


def _write(out: Path, data: bytes) -> None:
    """Write a file so that it is there whole, or as it was before. Raises `OSError`."""
    descriptor, name = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(out.parent)
