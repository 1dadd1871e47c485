"""What a person signs, and the signed thing as a ledger keeps it.

Here belong the statement, whose canonical bytes are signed, and its place in an entry. Not here: making or verifying a
signature (`resources/ssh_signatures.py`), or whether it counts (`ascend_assets/gates/approvals.py`).
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from resources.registry.documents import Document, Name, Person, Sha256, Text, Utc
from resources.registry.versions import VersionText

NAMESPACE = "release-approval@ascend-assets"
"""Namespace of the SSH signatures: a signature made for anything else, such as a git commit, is none here."""

Armoured = Annotated[str, StringConstraints(min_length=1, max_length=16_384)]
"""A signature as `ssh-keygen -Y sign` writes it."""


class Decision(StrEnum):
    """What a person says about a release."""

    APPROVE = "approve"
    REJECT = "reject"


class Statement(Document):
    """What is signed. It binds everything that the decision was about, so that it dies when any of it changes.

    `live`: digest of the ledger entry that made the environment's present, None where nothing is live. `policy_digest`:
    the environment's policy. `at`: when it was signed, so that a decision and its reversal differ.
    """

    statement: Literal["release approval"] = "release approval"
    model: Name
    version: VersionText
    release_digest: Sha256
    environment: Name
    decision: Decision
    live: Sha256 | None
    policy_digest: Sha256
    reason: Text
    at: Utc


class Approval(BaseModel):
    """A signed statement. `signer`: the principal of the allowed_signers file in whose name it was signed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    statement: Statement
    signer: Person
    signature: Armoured
