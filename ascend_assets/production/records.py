"""What is known of a model in production: its samples, its metrics, and the limits that they propose.

Here belong the records alone. Not here: how they are made (`gathering.py`, `metrics.py`, `proposals.py`). Unlike a
candidate's they hold times: they are about a window of time.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ascend_assets.records import Record
from resources.digests import canonical_json, sha256_bytes
from resources.store.blobs import Artefact

MAX_VIOLATIONS = 50
"""Violations that a record lists; all are counted."""


class Part(BaseModel):
    """A part of a record: frozen, NaN and infinity written as words."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Violation(Part):
    """A row that broke the model's schema, or a file that could not be read.

    `file` is relative to the model's folder of that environment; `row` counts from 0 and is None for a whole file.
    `value` is shortened.
    """

    file: str
    row: int | None
    column: str
    check: str
    value: str


class ProductionRecord(Record):
    """The samples of a window of time that kept the model's schema, each with its label where feedback came."""

    stage: Literal["production"] = "production"
    environment: str
    window: tuple[datetime, datetime]
    """Samples after the first moment, up to the second."""
    rows: int
    refused: int
    """Rows that broke the schema. Rows of a file that could not be read are not known, and not counted."""
    labelled: int
    versions: dict[str, int]
    """Release that answered -> rows."""
    samples: Artefact | None
    """One Parquet file: the samples' columns and `label`, sorted by (at, request_id); None where there is no row."""
    violations: tuple[Violation, ...]
    violated: int = 0
    """How many violations there are; `violations` lists the first."""
    files: int = 0
    duplicates: int = 0
    """Rows whose request_id had come before: the first by time counts."""
    unmatched: int = 0
    """Feedback for a request_id that no sample of the window has."""
    notes: tuple[str, ...] = ()

    @property
    def data_version(self) -> str:
        """Digest of the samples, or of the record where there are none."""
        return self.samples.sha256 if self.samples is not None else self.digest


class MetricsRecord(Record):
    """How the model serves, at one moment. A figure that nobody could tell is None, and `notes` says why."""

    stage: Literal["metrics"] = "metrics"
    environment: str
    source: Literal["prometheus", "files", "none"]
    """`none`: there is no Prometheus, and no server ever wrote files."""
    at: datetime
    figures: dict[str, float | None]
    notes: tuple[str, ...] = ()


class Proposal(Part):
    """Another limit for one criterion in one environment. Proposed, never in force by itself."""

    criterion: str
    environment: str
    present: float
    proposed: float
    kind: Literal["tighten", "loosen"]
    unit: str
    looks: int
    """How many looks at production it is drawn from."""
    why: str


class ProposedLimitsRecord(Record):
    """Limits that production's figures propose, and the patch of the model's file for a person to merge."""

    stage: Literal["proposed_limits"] = "proposed_limits"
    environment: str
    proposals: tuple[Proposal, ...]
    looks: int
    notes: tuple[str, ...] = ()
    diff: str
    """Unified diff of the model's `defs.yaml`; empty where nothing is proposed."""
    patch: Artefact | None

    @property
    def data_version(self) -> str:
        """Digest of what is proposed: the same proposal from other looks is the same."""
        said = [one.model_dump(mode="json", exclude={"looks", "why"}) for one in self.proposals]
        return sha256_bytes(canonical_json({"proposals": said, "diff": self.diff}))
