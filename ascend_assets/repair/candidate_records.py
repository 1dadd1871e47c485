"""What the repair of a failed candidate leaves behind: a record, from which the repaired candidate is made.

Here belongs the record alone, and what follows from it. Not here: making it (`candidates.py`), or what one target's
repair is (`records.py`).
"""

from typing import Literal

from ascend_assets.diagnosis.cause import Frozen
from ascend_assets.records import AppliedRepair, Record
from ascend_assets.remedies.kinds import AnyRemedy
from ascend_assets.repair.records import GraphChange, Repair
from resources.store.blobs import Artefact


class TargetRepair(Frozen):
    """One target: what the search for remedies found, and those of its options that are in force now."""

    target: str
    repair: Repair
    options: tuple[AnyRemedy, ...] = ()


class ProposedPatch(Frozen):
    """A patch of the model's file, for a person to merge. `why_not`: why there is none; empty where there is one."""

    diff: str
    why_not: str = ""
    file: Artefact | None = None


class RepairRecord(Record):
    """The repair of one candidate that was refused.

    `source`, `onnx`: digests of its records. `graph`: remedies of the graph for all targets; `changed`: what they make
    of its operators. `accepted_by`: who accepted remedies that need a person; `for_person`: those that nobody accepted
    and that might help.
    """

    stage: Literal["repair"] = "repair"
    model: str
    failed: str
    run: str
    commit: str
    source: str
    onnx: str
    refused: tuple[str, ...]
    targets: tuple[TargetRepair, ...]
    graph: tuple[AnyRemedy, ...] = ()
    changed: tuple[GraphChange, ...] = ()
    for_person: tuple[AnyRemedy, ...] = ()
    accepted_by: str = ""
    ended: str
    patch: ProposedPatch

    @property
    def repaired(self) -> bool:
        """Whether every target passes, and something was changed for it."""
        whole = all(one.repair.status != "not_repaired" for one in self.targets)
        return whole and bool(self.graph or any(one.options for one in self.targets))

    @property
    def remedies(self) -> tuple[AnyRemedy, ...]:
        """All that are in force, those of the graph first."""
        return (*self.graph, *(remedy for one in self.targets for remedy in one.options))

    def artefacts(self) -> tuple[Artefact, ...]:
        """The files that the record names."""
        return (*super().artefacts(), *([self.patch.file] if self.patch.file else []))

    def applied(self) -> AppliedRepair:
        """As the repaired candidate's records say it."""
        return AppliedRepair(
            record=self.digest,
            failed=self.failed,
            graph=self.graph,
            options={one.target: one.options for one in self.targets if one.options},
            accepted_by=self.accepted_by,
        )
