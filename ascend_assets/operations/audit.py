"""`ascend audit verify`: is every ledger whole, and was the policy of its time met by every entry?

Here belong choosing the ledgers, walking each, and holding them against a checkpoint. Not here: what is looked for
(`resources/registry/audit.py`, `policy_audit.py`), or where a checkpoint comes from (`checkpoint.py`).
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ascend_assets.gates.approval_rules import Verifier
from ascend_assets.operations import checkpoint, policy_audit
from ascend_assets.operations.checkpoint import Believed, End
from ascend_assets.operations.policy_audit import Archive, PolicyWalk, Remembering
from ascend_assets.stage import Tools
from resources import ssh_signatures
from resources.registry import audit
from resources.registry.audit import Audit, Fault, Parts, key_of
from resources.registry.ledger import Entry, LedgerBroken, entry_key

_TOLD_EVERY = 500
"""Entries between two reports of progress."""

Progress = Callable[[str, int], None]
"""Told the ledger (`prod/digits`) and how many of its entries were walked."""


class NothingToAudit(Exception):
    """No ledger answers to what was asked for."""


def verify(
    tools: Tools,
    *,
    environment: str = "",
    model: str = "",
    against: tuple[Path, Path] | None = None,
    deep: bool = False,
    progress: Progress = lambda _ledger, _entries: None,
    verify_signature: Verifier = ssh_signatures.verify,
) -> tuple[Audit, ...]:
    """Walk every ledger, or those of an environment or model; each report names the ledger's first wrong entry.

    `against`: a checkpoint's file and an allowed_signers file that says whom the auditor believes. `deep`: every file
    of every release that was deployed is read and hashed. Raises `NothingToAudit`, `BadCheckpoint`, `SshKeygenUnfit`,
    `StoreError`.
    """
    believed = checkpoint.read(*against) if against else None
    store = tools.blobs.store
    archive = Archive(tools, Parts(store, deep=deep), Remembering(verify_signature))
    there, strays = audit.ledgers(store)
    ends = {end.ledger: end for end in believed.checkpoint.heads} if believed else {}
    wanted = [
        ledger for ledger in sorted({*there, *ends}) if environment in ("", ledger[0]) and model in ("", ledger[1])
    ]
    if not wanted and (environment or model):
        raise NothingToAudit(f"there is no ledger of {model or 'any model'} in {environment or 'any environment'}")
    found = [_one(archive, ledger, ends.get(ledger), believed, progress) for ledger in wanted]
    return (*found, *(map(audit.stray, strays) if not (environment or model) else ()))


def _one(
    archive: Archive, ledger: tuple[str, str], end: End | None, believed: Believed | None, progress: Progress
) -> Audit:
    environment, model = ledger
    walk = PolicyWalk(archive, policy_audit.in_force(archive.tools.environments, environment))

    def check(entry: Entry) -> None:
        walk(entry)
        if end and entry.sequence == end.sequence and entry.digest != end.digest:
            raise LedgerBroken(key_of(entry), f"its sha256 is {entry.digest}, but {believed} names {end.digest}")
        if entry.sequence % _TOLD_EVERY == 0:
            progress(f"{environment}/{model}", entry.sequence)

    found = audit.verify(archive.tools.blobs.store, environment, model, parts=archive.parts, check=check)
    progress(f"{environment}/{model}", found.entries)
    found = replace(found, notes=policy_audit.notes(walk))
    if found and end and found.entries < end.sequence:
        key = entry_key(environment, model, found.entries + 1)
        why = f"missing: {believed} names entry {end.sequence}, so the ledger's tail was cut off"
        return replace(found, fault=Fault(key, why))
    return found
