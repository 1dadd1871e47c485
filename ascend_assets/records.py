"""What each stage hands on: records that name, by digest, what was made and what it was made from.

A record is stored as JSON, its files as blobs. It holds no candidate and no time (but for `source`, `dossier` and
`release`, which are about a candidate), so that the same work gives the same record and the chain of digests decides
what belongs together. Not here: how a record is made (`assets/`) or judged (`gates/`).
"""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from ascend_assets.gates.verdict import Verdict
from ascend_assets.remedies.kinds import AnyRemedy
from resources.ascend.option_values import without_unset
from resources.ascend.toolchain import (
    Comparison,
    CompileReport,
    Diagnostic,
    OmInfo,
    Origin,
    Profile,
    ToolchainIdentity,
)
from resources.digests import canonical_json, sha256_bytes
from resources.onnx_files.signature import Signature
from resources.store.blobs import Artefact


class Record(BaseModel):
    """Base of all records.

    `key`: sha256 over stage, code version, options, toolchain and inputs: two records of one key are the same work.
    `made_from`: input name -> data version of that input. `LATER` names fields that were gained since the first were
    stored: unset they are not written, so that what was stored before keeps its bytes and its digest.
    """

    LATER: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    stage: str
    key: str
    made_from: dict[str, str]

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_unset(self, write(self), self.LATER)

    @property
    def digest(self) -> str:
        """Sha256 of the record itself."""
        return sha256_bytes(self.canonical())

    @property
    def data_version(self) -> str:
        """Sha256 of what was made: the file where there is one, else the record."""
        return self.digest

    def canonical(self) -> bytes:
        """The bytes that are stored."""
        return canonical_json(self.model_dump(mode="json"))

    def artefacts(self) -> tuple[Artefact, ...]:
        """The files that the record names."""
        return tuple(value for _, value in self if isinstance(value, Artefact))


class HubFiles(BaseModel):
    """What came from a model hub. `files`: path -> sha256."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    revision: str
    files: dict[str, str]


class Training(BaseModel):
    """What a continuous training was made of. `challenger`: digest of the record that it was found better by."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    why: str
    data: str
    challenger: str


class AppliedRepair(BaseModel):
    """What a repair changes of the candidate that failed. `record`: digest of the record that it was found by.

    `graph`: for all targets, in the order in which they are made. `options`: target -> those for it alone.
    `accepted_by`: who accepted remedies that need a person; empty where there are none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    record: str
    failed: str
    graph: tuple[AnyRemedy, ...] = ()
    options: dict[str, tuple[AnyRemedy, ...]] = {}
    accepted_by: str = ""

    @property
    def changes(self) -> str:
        """Digest of what is changed, whoever found it."""
        return sha256_bytes(canonical_json(self.model_dump(mode="json", include={"graph", "options"})))


class SourceRecord(Record):
    """A candidate's files at its commit."""

    LATER: ClassVar[frozenset[str]] = frozenset({"hub", "training", "repair"})

    stage: Literal["source"] = "source"
    model: str
    candidate: str
    commit: str
    """Full commit id, or empty outside git."""
    author: str
    dirty: bool
    """Built from a working tree with uncommitted changes, or with a pipeline that has some."""
    archive: Artefact
    hub: HubFiles | None = None
    training: Training | None = None
    repair: AppliedRepair | None = None

    @property
    def data_version(self) -> str:
        """The archive's digest, with a repair's: two commits with the same files give the same artefacts."""
        if self.repair is None:
            return self.archive.sha256
        return sha256_bytes(f"{self.archive.sha256} {self.repair.changes}".encode())


class OnnxRecord(Record):
    """The exported model and the evaluation data that came with it.

    `remedies`: what was changed of the file that was exported, `exported`, first by the model's own definition, then by
    `repair`.
    """

    LATER: ClassVar[frozenset[str]] = frozenset({"exported", "remedies", "repair"})

    stage: Literal["onnx"] = "onnx"
    file: Artefact
    signature: Signature
    evaluation: Artefact | None
    exported: Artefact | None = None
    remedies: tuple[AnyRemedy, ...] = ()
    repair: AppliedRepair | None = None

    @property
    def data_version(self) -> str:
        """Digest over the ONNX file, its evaluation data and its repair, or the file's own where it has neither."""
        parts = [self.file.sha256, *([self.evaluation.sha256] if self.evaluation else [])]
        # Remedies for options change no file: what is compiled is another thing all the same.
        parts += [self.repair.changes] if self.repair else []
        return sha256_bytes(" ".join(parts).encode()) if len(parts) > 1 else self.file.sha256


class Finding(BaseModel):
    """One thing that lint found. `where` is a node, an input, or file:line; empty for the whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    where: str
    message: str


class LintCount(BaseModel):
    """Findings of one criterion. `judged` is False where no tool could look; `note` says why, or what looked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    criterion: str
    judged: bool
    value: float | None
    findings: tuple[Finding, ...] = ()
    note: str = ""


class LintRecord(Record):
    """What reading the ONNX file and the model's own code found, one entry per criterion."""

    stage: Literal["lint"] = "lint"
    counts: tuple[LintCount, ...]

    @property
    def data_version(self) -> str:
        """Digest of what was found, notes left out: a scanner's newer database alone makes no other artefact."""
        found = [count.model_dump(mode="json", exclude={"note"}) for count in self.counts]
        return sha256_bytes(canonical_json({"counts": found, "made_from": self.made_from}))


class RefusalRecord(Record):
    """What a compiler said that refused a model for one target: there is nothing else of such a compilation."""

    stage: Literal["refusal"] = "refusal"
    target: str
    diagnostics: tuple[Diagnostic, ...]
    log: str


class OmRecord(Record):
    """A compiled model for one target."""

    stage: Literal["om"] = "om"
    target: str
    file: Artefact
    info: OmInfo
    report: CompileReport

    @property
    def data_version(self) -> str:
        """The compiled file's digest."""
        return self.file.sha256


class TaskMetric(BaseModel):
    """The task metric on evaluation data: FP32 ONNX against the device."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    name: str
    higher_is_better: bool
    reference: float
    device: float
    samples: int


class PrecisionRecord(Record):
    """How far the device is from FP32 for one target."""

    stage: Literal["precision"] = "precision"
    target: str
    origin: Origin
    toolchain: ToolchainIdentity
    comparison: Comparison
    task_metric: TaskMetric | None
    inputs: Literal["evaluation", "random"]
    """Whether layers were compared on evaluation samples or on random tensors."""
    samples: int


class BenchmarkRecord(Record):
    """How fast one target is."""

    stage: Literal["benchmark"] = "benchmark"
    target: str
    origin: Origin
    toolchain: ToolchainIdentity
    profile: Profile


class DossierRecord(Record):
    """Everything a reviewer decides from, about exactly one candidate."""

    stage: Literal["dossier"] = "dossier"
    model: str
    candidate: str
    commit: str
    dirty: bool
    verdicts: tuple[Verdict, ...]
    records: dict[str, str]
    """Stage or `<target>/<stage>` -> digest of the record that was judged."""
    html: Artefact


class ReleaseRecord(Record):
    """A published release."""

    stage: Literal["release"] = "release"
    model: str
    version: str
    candidate: str
    release_digest: str

    @property
    def data_version(self) -> str:
        """The manifest's digest."""
        return self.release_digest


class DeploymentRecord(Record):
    """What the ledger of an environment says after a deployment."""

    stage: Literal["deployment"] = "deployment"
    model: str
    environment: str
    version: str
    release_digest: str
    sequence: int
    entry_digest: str

    @property
    def data_version(self) -> str:
        """The ledger entry's digest."""
        return self.entry_digest
