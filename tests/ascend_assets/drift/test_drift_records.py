"""A record of drift is read back as it was written, whatever its figures are."""

import math
from pathlib import Path

import pytest

from ascend_assets.codec import read_record, write_record
from ascend_assets.drift.records import CHECKS, Distance, DriftCheck, DriftRecord, FeatureDrift
from resources.store.blobs import Blobs, FolderStore


def record(value: float | None) -> DriftRecord:
    check = DriftCheck(
        judged=value is not None,
        value=value,
        limit=0.1,
        drifted_features=0,
        features=1,
        state="unjudged" if value is None else "drifted",
        held="drifted",
        streak=0,
        why="because",
    )
    number = 0.0 if value is None else value
    feature = FeatureDrift(
        name="x",
        kind="number",
        reference=1,
        production=1,
        missing=0,
        infinite=0,
        outside=0,
        distances={"ks": Distance(value=number, error=number, p=number)},
        drifted=("ks",),
    )
    return DriftRecord(
        key="1" * 64,
        made_from={"production": "2" * 64},
        environment="dev",
        version="1.0.0",
        production="2" * 64,
        reference="3" * 64,
        samples=1,
        reference_samples=1,
        accuracy=value,
        counted=True,
        newest=None,
        seen=1,
        checks=dict.fromkeys(CHECKS, check),
        features=(feature,),
        total_features=1,
    )


@pytest.mark.parametrize("value", [None, 0.25, math.inf, math.nan])
def test_it_comes_back_from_the_store(tmp_path: Path, value: float | None) -> None:
    blobs = Blobs(FolderStore(tmp_path))
    made = record(value)
    found = read_record(blobs, write_record(blobs, made))
    assert isinstance(found, DriftRecord)
    assert found.digest == made.digest
    came = found.checks["ks"].value
    assert came is None if value is None else (came == value or (came is not None and math.isnan(came)))


def test_what_drifted_is_what_says_so() -> None:
    assert record(0.5).drifted == CHECKS
    assert record(None).drifted == ()
