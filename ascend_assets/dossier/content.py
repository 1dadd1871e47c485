"""What the dossier is about: one candidate's records and verdicts, complete or not.

Here belong the gathered facts and what is read off them directly. Not here: what they add up to (`admission.py`,
`chain.py`, `changes.py`), or how they look.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from ascend_assets.diagnosis.cause import Cause
from ascend_assets.dossier.changes import Changes
from ascend_assets.gates.verdict import Verdict
from ascend_assets.records import BenchmarkRecord, LintRecord, OmRecord, OnnxRecord, PrecisionRecord, SourceRecord
from ascend_assets.repair.applied import options_for
from ascend_assets.repair.candidate_records import RepairRecord
from ascend_assets.spec import ModelSpec
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Diagnostic, Origin, ToolchainIdentity


@dataclass(frozen=True)
class TargetEvidence:
    """What is known of one target. A refused one has no `om`; `refusals` are the compiler's reasons, `log` its text."""

    key: str
    om: OmRecord | None = None
    precision: PrecisionRecord | None = None
    benchmark: BenchmarkRecord | None = None
    refusals: tuple[Diagnostic, ...] = ()
    log: str = ""

    @property
    def origins(self) -> frozenset[Origin]:
        """Origins of the target's evidence; empty where nothing ran."""
        return frozenset(record.origin for record in (self.precision, self.benchmark) if record is not None)

    @property
    def missing(self) -> tuple[str, ...]:
        """Stages that left no record."""
        records = {"om": self.om, "precision": self.precision, "benchmark": self.benchmark}
        return tuple(stage for stage, record in records.items() if record is None)


@dataclass(frozen=True)
class Content:
    """One candidate. Everything but its source and verdicts may be missing: a refused candidate has a dossier too.

    `provenance`: facts about the pipeline that made it, as label -> text (digest of the lock, code version, ...).
    `changes`: None where nobody compared it with a release. `created_at` is shown in UTC. `repair`: what a repaired
    candidate was made by; `causes`: target -> why it was refused, as far as rules know.
    """

    spec: ModelSpec
    source: SourceRecord
    created_at: datetime
    verdicts: tuple[Verdict, ...]
    onnx: OnnxRecord | None = None
    lint: LintRecord | None = None
    targets: tuple[TargetEvidence, ...] = ()
    toolchain: ToolchainIdentity | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    changes: Changes | None = None
    repair: RepairRecord | None = None
    causes: Mapping[str, tuple[Cause, ...]] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """The model's name."""
        return self.source.model

    @property
    def candidate(self) -> str:
        """The candidate's name."""
        return self.source.candidate

    @property
    def evidence(self) -> tuple[TargetEvidence, ...]:
        """Evidence of every target of the spec, in its order; an empty one where there is none."""
        given = {target.key: target for target in self.targets}
        return tuple(given.get(target.key, TargetEvidence(target.key)) for target in self.spec.targets)

    @property
    def origin(self) -> Literal["measured", "emulated", "mixed", "none"]:
        """Where the evidence as a whole comes from."""
        origins = frozenset[Origin]().union(*(target.origins for target in self.evidence))
        if len(origins) > 1:
            return "mixed"
        return next(iter(origins), "none")

    @property
    def identity(self) -> ToolchainIdentity | None:
        """The toolchain: as the first record names it, or as given where there is none."""
        named = [t.om.info.toolchain for t in self.evidence if t.om]
        named += [r.toolchain for t in self.evidence for r in (t.precision, t.benchmark) if r]
        return next(iter(named), self.toolchain)

    def options(self, key: str) -> CompileOptions:
        """What a target was compiled with; what it would have been compiled with where it was refused."""
        compiled = next((t.om for t in self.evidence if t.key == key and t.om), None)
        return compiled.info.options if compiled else options_for(self.spec, self.spec.target(key), self.source.repair)

    def about(self, key: str) -> tuple[Verdict, ...]:
        """Verdicts about one target."""
        return tuple(v for v in self.verdicts if v.target == key)
