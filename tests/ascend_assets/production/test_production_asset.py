"""The asset `production` and its check: run in Dagster, shown, and never crashed by what somebody wrote."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from production_samples import folder, in_production, samples
from sandbox import Sandbox

from ascend_assets import history
from ascend_assets.codec import read_record
from ascend_assets.production.records import ProductionRecord
from resources.production.samples import write_samples


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASCEND_PRODUCTION", str(tmp_path / "production"))
    return tmp_path / "production"


def look(sandbox: Sandbox) -> tuple[ProductionRecord, dg.AssetCheckEvaluation]:
    result = sandbox.run("tiny_production")
    assert result.success
    made = history.latest(sandbox.instance, ("tiny", "production"))
    assert made is not None
    record = read_record(sandbox.store.blobs(), made.record)
    assert isinstance(record, ProductionRecord)
    assert made.data_version == record.data_version
    check = next(c for c in result.get_asset_check_evaluations() if c.check_name == "samples_valid")
    return record, check


def recent() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=10)


def test_samples_become_one_file_and_the_check_passes(sandbox: Sandbox, root: Path) -> None:
    in_production(sandbox)
    write_samples(folder(root), samples(20, at=recent()))
    record, check = look(sandbox)
    assert (record.rows, record.refused, record.environment) == (20, 0, "dev")
    assert check.passed
    assert not check.blocking


def test_bad_rows_are_a_table_in_a_failed_check(sandbox: Sandbox, root: Path) -> None:
    in_production(sandbox)
    x = np.zeros((5, 8), dtype=np.float32)
    x[2, 3] = 11
    write_samples(folder(root), samples(5, at=recent(), in_x=x))
    record, check = look(sandbox)
    assert (record.rows, record.refused) == (4, 1)
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.ERROR
    shown = check.metadata["first violations"]
    assert isinstance(shown, dg.TableMetadataValue)
    row = shown.records[0].data
    assert (row["row"], row["column"], row["check"], row["value"]) == ("2", "in_x[3]", "is more than 10", "11")


def test_no_samples_is_not_judged(sandbox: Sandbox, root: Path) -> None:
    in_production(sandbox)
    record, check = look(sandbox)
    assert (record.rows, record.samples) == (0, None)
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert (check.description or "").startswith("not judged")
    assert not root.exists(), "looking makes no folder"


def test_a_model_that_says_nothing_of_production_has_none_of_it(sandbox: Sandbox) -> None:
    repository = sandbox.definitions().get_repository_def()
    assert dg.AssetKey(["tiny", "production"]) not in repository.asset_graph.get_all_asset_keys()
    assert not repository.has_job("tiny_production")
