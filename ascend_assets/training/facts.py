"""What is known of a model that may be trained again, from Dagster's event log and the store.

Here belongs reading the newest looks at production, at drift, and the newest challenger; what was read stands in
`Seen`, so that a process reads a record once and not at every look. Not here: deciding (`due.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import dagster as dg

from ascend_assets import history
from ascend_assets.codec import UnreadableRecord, read_record
from ascend_assets.drift.records import ACCURACY, DriftRecord
from ascend_assets.production.records import ProductionRecord
from ascend_assets.records import Record
from ascend_assets.stage import AssetKey
from ascend_assets.training import retraining
from ascend_assets.training.due import Drifted, Facts, Labels, Past
from ascend_assets.training.records import ChallengerRecord
from resources.digests import canonical_json, sha256_bytes
from resources.store.blobs import Blobs

Kind = TypeVar("Kind", bound=Record)

PRODUCTION, DRIFT = "production", "drift"
MOST_RUNS = 50
"""Retrainings of a model whose evidence is remembered."""


@dataclass(frozen=True)
class Seen:
    """What the newest records said. `records`: asset's last part -> digest of the record that was read."""

    records: Mapping[str, str] = field(default_factory=dict)
    drifted: Drifted | None = None
    labels: Labels | None = None
    used: Labels | None = None

    def facts(self, moment: datetime | None) -> Facts:
        """As decisions take them."""
        return Facts(self.drifted, self.labels, self.used, moment)


def newest_records(instance: dg.DagsterInstance, models: Iterable[str]) -> dict[AssetKey, str]:
    """Digest of the record that each of the three assets of each model holds now, asked for all at once."""
    keys = [dg.AssetKey([m, n]) for m in models for n in (PRODUCTION, DRIFT, retraining.STAGE)]
    found: dict[AssetKey, str] = {}
    for one in instance.get_asset_records(keys) if keys else ():
        asset, last = tuple(one.asset_entry.asset_key.path), one.asset_entry.last_materialization
        shown = last.asset_materialization if last else None
        named = shown.metadata.get(history.RECORD) if shown else None
        # Somebody can report a materialisation by hand, without a record: the one before counts.
        digest = str(named.value) if named else _ours(instance, asset)
        if digest:
            found[asset] = digest
    return found


def look(blobs: Blobs, seen: Seen, model: str, newest: Mapping[AssetKey, str]) -> Seen:
    """What the newest records of a model say, read where they are others than before.

    Raises `StoreError`. A record that this version cannot read counts as none.
    """
    records = {name: newest[model, name] for name in (PRODUCTION, DRIFT, retraining.STAGE) if (model, name) in newest}
    if records == seen.records:
        return seen
    production = _read(blobs, records, PRODUCTION, ProductionRecord)
    challenger = _read(blobs, records, retraining.STAGE, ChallengerRecord)
    drift = _read(blobs, records, DRIFT, DriftRecord)
    return Seen(
        records=records,
        drifted=_drift(drift) if drift else None,
        labels=_labels(production) if production else None,
        used=_used(challenger) if challenger else None,
    )


def past(instance: dg.DagsterInstance, model: str) -> Past:
    """The model's retrainings, whoever started them."""
    job = retraining.job_name(model)
    records = instance.get_run_records(dg.RunsFilter(job_name=job), limit=MOST_RUNS)
    unfinished = instance.get_run_records(dg.RunsFilter(job_name=job, statuses=history.UNFINISHED), limit=1)
    tags = (one.dagster_run.tags.get(retraining.EVIDENCE_TAG) for one in records)
    return Past(
        in_flight=unfinished[0].dagster_run.run_id if unfinished else "",
        begun=max((_began(one) for one in records), default=None),
        answered=frozenset(tag for tag in tags if tag),
    )


def _began(record: dg.RunRecord) -> datetime:
    """When a run started, or was asked for where it has not."""
    return datetime.fromtimestamp(record.start_time, UTC) if record.start_time else record.create_timestamp


def _ours(instance: dg.DagsterInstance, asset: AssetKey) -> str:
    made = history.latest(instance, asset)
    return made.record if made else ""


def _read(blobs: Blobs, records: Mapping[str, str], name: str, kind: type[Kind]) -> Kind | None:
    if name not in records:
        return None
    try:
        record = read_record(blobs, records[name])
    except UnreadableRecord:
        return None
    return record if isinstance(record, kind) else None


def _drift(record: DriftRecord) -> Drifted:
    """What a look says. Looks that no new sample moved are about the same, and so are one piece of evidence."""
    drifted = tuple(sorted(name for name, check in record.checks.items() if check.state == "drifted"))
    about = {"version": record.version, "reference": record.reference, "newest": str(record.newest or record.digest)}
    return Drifted(
        look=sha256_bytes(canonical_json(about)),
        checks=tuple(name for name in drifted if name != ACCURACY),
        accuracy=ACCURACY in drifted,
    )


def _labels(record: ProductionRecord) -> Labels:
    since, until = record.window
    return Labels(version=record.data_version, labelled=record.labelled, since=since, until=until)


def _used(record: ChallengerRecord) -> Labels:
    since, until = record.rows.window
    version = record.made_from.get("production", "")
    return Labels(version=version, labelled=record.rows.labelled, since=since, until=until)
