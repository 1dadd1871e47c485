"""Records to blobs and back.

Here belongs the one place that knows all record types. A record's digest is the name of its blob, so what is read is
what was written.
"""

from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from ascend_assets.drift.records import DriftRecord
from ascend_assets.production.records import MetricsRecord, ProductionRecord, ProposedLimitsRecord
from ascend_assets.records import (
    BenchmarkRecord,
    DeploymentRecord,
    DossierRecord,
    LintRecord,
    OmRecord,
    OnnxRecord,
    PrecisionRecord,
    Record,
    RefusalRecord,
    ReleaseRecord,
    SourceRecord,
)
from ascend_assets.repair.candidate_records import RepairRecord
from ascend_assets.training.records import ChallengerRecord
from resources.store.blobs import Blobs

AnyRecord = (
    SourceRecord
    | OnnxRecord
    | LintRecord
    | OmRecord
    | PrecisionRecord
    | BenchmarkRecord
    | DossierRecord
    | ReleaseRecord
    | DeploymentRecord
    | ProductionRecord
    | MetricsRecord
    | ProposedLimitsRecord
    | DriftRecord
    | ChallengerRecord
    | RefusalRecord
    | RepairRecord
)
_ADAPTER: TypeAdapter[AnyRecord] = TypeAdapter(Annotated[AnyRecord, Field(discriminator="stage")])


class UnreadableRecord(Exception):
    """A stored record that this version cannot read."""


def write_record(blobs: Blobs, record: Record) -> str:
    """Store a record; returns its digest."""
    return blobs.put_bytes(record.canonical(), name=f"{record.stage}.json").sha256


def read_record(blobs: Blobs, digest: str) -> AnyRecord:
    """Read a record, its bytes verified against the digest. Raises `UnreadableRecord` for another version's."""
    try:
        return _ADAPTER.validate_json(blobs.read(digest))
    except ValidationError as error:
        reason = error.errors()[0]
        raise UnreadableRecord(
            f"record {digest[:12]} was written by another version of ascend_assets "
            f"({'.'.join(map(str, reason['loc']))}: {reason['msg']}): run the candidate again"
        ) from error
