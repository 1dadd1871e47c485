"""The past of the installation that `ticks.py` measures: runs, assets' events and looks at production, by the thousand.

Here belongs copying what one real run left in Dagster's databases under the names of other models and earlier runs:
straight into the tables, for Dagster's own interface would take an hour. Not here: the installation (`ticks_world.py`).
"""

import random
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import sqlalchemy as db
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, AssetKeyTable, SqlEventLogStorageTable
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable

from ascend_assets import history
from ascend_assets.codec import write_record
from ascend_assets.drift.records import CHECKS, DriftCheck, DriftRecord
from ascend_assets.production.records import ProductionRecord
from resources.store.blobs import Blobs

FIRST = "m_000"
"""The model of which a candidate is built for real."""
_STAMP = re.compile(r'("timestamp": )\d+\.\d+')
_HOUR = 3600.0
_SPAN = 90 * 24 * _HOUR
_BATCH = 5000
_CHECKS = 6
"""Evaluations that are copied of each candidate."""

Copy = tuple[str, str, float]
"""Run id, model, unix seconds."""


def looks(instance: dg.DagsterInstance, blobs: Blobs, names: Sequence[str]) -> None:
    """A calm look at production and its drift, as the asset of every model that is trained again."""
    now = datetime.now(UTC)
    seen = ProductionRecord(
        key="k",
        made_from={},
        environment="dev",
        window=(now - timedelta(days=1), now),
        rows=1000,
        refused=0,
        labelled=200,
        versions={"1.0.0": 1000},
        samples=None,
        violations=(),
    )
    check = {"judged": True, "value": 0.01, "limit": 0.2, "drifted_features": 0, "features": 8}
    calm = DriftCheck.model_validate({**check, "state": "calm", "held": "calm", "streak": 0, "why": ""})
    drift = DriftRecord(
        key="k",
        made_from={},
        environment="dev",
        version="1.0.0",
        production=seen.data_version,
        reference="r",
        samples=1000,
        reference_samples=64,
        counted=True,
        newest=now,
        seen=1000,
        checks=dict.fromkeys(CHECKS, calm),
        answers=None,
    )
    for record in (seen, drift):
        metadata = {history.RECORD: write_record(blobs, record), history.DATA_VERSION: record.data_version}
        for name in names:
            made = dg.AssetMaterialization([name, record.stage], metadata=metadata)
            instance.report_runless_asset_event(made)


def past(instance: dg.DagsterInstance, run_id: str, names: Sequence[str], candidates: int) -> None:
    """Runs, their tags, and the assets' events of so many candidates.

    Spread over three months; one in a hundred ended within the last half hour, which is what a sensor still has to tell
    that looks for the first time.
    """
    chance = random.Random(1)  # noqa: S311 - the same world each time
    now = time.time()
    recent = candidates // 100
    at = sorted(now - 2 * _HOUR - chance.random() * _SPAN for _ in range(candidates - recent))
    at += sorted(now - _HOUR / 2 * chance.random() for _ in range(recent))
    copies = [(uuid.uuid4().hex, names[number % len(names)], moment) for number, moment in enumerate(at)]
    _copy_runs(instance, run_id, copies)
    _copy_events(instance, run_id, copies, names)


def _copy_runs(instance: dg.DagsterInstance, run_id: str, copies: Sequence[Copy]) -> None:
    storage: Any = instance.run_storage
    template = instance.get_run_by_id(run_id)
    if template is None:
        raise ValueError(f"{run_id}: the run that all others are copies of has gone")
    with storage.connect() as connection:
        (row,) = connection.execute(db.select(RunsTable).where(RunsTable.c.run_id == run_id)).mappings().all()
        rows, tags = [], []
        for number, (copy, name, moment) in enumerate(copies):
            status = "FAILURE" if number % 5 == 0 else "SUCCESS"
            sha = f"{number:08x}" * 5
            own = {
                history.MODEL_TAG: name,
                history.COMMIT_TAG: sha,
                history.REF_TAG: "main",
                history.TRIGGER_TAG: "commits_origin",
                history.WHY_TAG: "commit",
                "dagster/run_key": f"ci:{name}:{sha}:1",
            }
            made = template.with_tags({**template.tags, **own})._replace(
                run_id=copy, job_name=f"{name}_candidate", status=dg.DagsterRunStatus(status)
            )
            when = datetime.fromtimestamp(moment, UTC).replace(tzinfo=None)
            body = dg.serialize_value(made)
            rows.append(
                {
                    **{k: v for k, v in row.items() if k != "id"},
                    "run_id": copy,
                    "pipeline_name": made.job_name,
                    "status": status,
                    "run_body": body,
                    "create_timestamp": when,
                    "update_timestamp": when,
                    "start_time": moment,
                    "end_time": moment + 60,
                }
            )
            tags += [{"run_id": copy, "key": key, "value": value} for key, value in made.tags.items()]
        for table, found in ((RunsTable, rows), (RunTagsTable, tags)):
            for begin in range(0, len(found), _BATCH):
                connection.execute(table.insert(), found[begin : begin + _BATCH])


def _copy_events(instance: dg.DagsterInstance, run_id: str, copies: Sequence[Copy], names: Sequence[str]) -> None:
    """Materialisations of all candidates; what its checks said of each; and each asset's newest."""
    storage: Any = instance.event_log_storage
    with storage.index_connection() as connection:
        events = SqlEventLogStorageTable
        wanted = db.select(events).where(
            events.c.run_id == run_id, events.c.dagster_event_type == "ASSET_MATERIALIZATION"
        )
        made = [dict(row) for row in connection.execute(wanted).mappings()]
        checks = AssetCheckExecutionsTable
        judged = [dict(r) for r in connection.execute(db.select(checks).where(checks.c.run_id == run_id)).mappings()]
        keys = [dict(row) for row in connection.execute(db.select(AssetKeyTable)).mappings()]
        for template, table in ((made, events), (judged[:_CHECKS], checks)):
            batch: list[dict[str, Any]] = []
            for copy in copies:
                batch += [_copied(row, run_id, copy) for row in template]
                if len(batch) >= _BATCH:
                    connection.execute(table.insert(), batch)
                    batch = []
            if batch:
                connection.execute(table.insert(), batch)
        for name, row in ((n, r) for n in names if n != FIRST for r in keys if FIRST in r["asset_key"]):
            last = max((c for c in copies if c[1] == name), key=lambda c: c[2], default=copies[-1])
            connection.execute(AssetKeyTable.insert(), [_copied(row, run_id, (last[0], name, last[2]))])


def _copied(row: Mapping[str, Any], run_id: str, copy: Copy) -> dict[str, Any]:
    """A row as another run of another model would have left it."""
    own, name, moment = copy

    def rewritten(value: Any) -> Any:  # noqa: ANN401 - of a column
        if isinstance(value, str):
            text = value.replace(run_id, own).replace(FIRST, name)
            return _STAMP.sub(rf"\g<1>{moment!r}", text)
        return datetime.fromtimestamp(moment, UTC).replace(tzinfo=None) if isinstance(value, datetime) else value

    return {column: rewritten(value) for column, value in row.items() if column != "id"}
