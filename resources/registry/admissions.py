"""Admissions: on what a move in a ledger was decided, kept as a blob that the entry names.

Here belong the document and the requirement, one thing that had to be met. Not here: deciding (`ascend_assets/gates`).
"""

from pydantic import BaseModel, ConfigDict, JsonValue

from resources.registry.documents import Document, Name, Sha256, Utc
from resources.registry.ledger import Kind
from resources.registry.versions import VersionText


class Requirement(BaseModel):
    """One thing that had to be met: `why` says what was found, `remedy` what to do where it is not met."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    met: bool
    why: str
    remedy: str = ""

    def __bool__(self) -> bool:
        """Whether it is met."""
        return self.met


class Admission(Document):
    """Everything that a move was decided on, for an auditor.

    `live`: digest of the entry that was live then. `approvals` and `results`: digests of the ledger entries that
    counted. `verdicts`: as the gates gave them for this environment at that moment, per member of a bundle.
    """

    model: Name
    version: VersionText
    release_digest: Sha256
    environment: Name
    kind: Kind
    live: Sha256 | None
    policy_digest: Sha256
    approvals: tuple[Sha256, ...] = ()
    results: tuple[Sha256, ...] = ()
    requirements: tuple[Requirement, ...]
    verdicts: tuple[dict[str, JsonValue], ...] = ()
    at: Utc

    @property
    def unmet(self) -> tuple[Requirement, ...]:
        """What stands against the move. Where nothing was required, nothing was decided: that is no admission."""
        nothing = Requirement(name="requirements", met=False, why="nothing was required, so nothing was decided")
        return tuple(r for r in self.requirements if not r) if self.requirements else (nothing,)
