"""Looks at production and drift that never were, for the sensor that reads them."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from ascend_assets import history
from ascend_assets.codec import write_record
from ascend_assets.drift.records import CHECKS, DriftCheck, DriftRecord, State
from ascend_assets.production.records import ProductionRecord
from ascend_assets.records import Record
from resources.configurable import Warehouse

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def production(labelled: int, *, until: datetime = NOW, hours: float = 24) -> ProductionRecord:
    return ProductionRecord(
        key="k",
        made_from={},
        environment="dev",
        window=(until - timedelta(hours=hours), until),
        rows=labelled,
        refused=0,
        labelled=labelled,
        versions={"1.0.0": labelled},
        samples=None,
        violations=(),
    )


def drift(*drifted: str, look: int = 1) -> DriftRecord:
    """A look that says drift by these checks; `look` tells new samples from old."""
    return DriftRecord(
        key="k",
        made_from={},
        environment="dev",
        version="1.0.0",
        production="p",
        reference="r",
        samples=600,
        reference_samples=600,
        counted=True,
        newest=NOW + timedelta(minutes=look),
        seen=600,
        checks={name: check("drifted" if name in drifted else "calm") for name in CHECKS},
        answers=None,
    )


def check(state: State) -> DriftCheck:
    return DriftCheck(
        judged=True,
        value=0.5,
        limit=0.1,
        drifted_features=1,
        features=1,
        state=state,
        held="calm" if state == "unjudged" else state,
        streak=2,
        why="",
    )


def report(instance: dg.DagsterInstance, store: Warehouse, model: str, record: Record) -> None:
    """The record as what its asset holds."""
    digest = write_record(store.blobs(), record)
    metadata = {history.RECORD: digest, history.DATA_VERSION: record.data_version}
    instance.report_runless_asset_event(dg.AssetMaterialization([model, record.stage], metadata=metadata))
