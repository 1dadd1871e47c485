"""The assets `metrics` and `proposed_limits` in Dagster: shown, blocking nothing, with a patch that git applies."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from production_samples import folder, in_production
from sandbox import Sandbox, git

from ascend_assets import history
from ascend_assets.codec import read_record, write_record
from ascend_assets.production.records import MetricsRecord, ProposedLimitsRecord
from resources.production.metrics_files import Minute, write_minute

LIMITS = "  gates: {latency_p99_ms: {dev: 20.0, staging: 5.0, prod: 5.0}}  # ms\n"
CHECKS = ("metrics_available", "error_rate", "load_time", "latency_p99")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASCEND_PRODUCTION", str(tmp_path / "production"))
    monkeypatch.setenv("ASCEND_TRIGGERS", str(tmp_path / "no_triggers.yaml"))
    return tmp_path / "production"


def wrote(root: Path, milliseconds: float = 10.0) -> None:
    now = datetime.now(UTC)
    for n in range(3):
        minute = Minute.model_validate(
            {
                "at": now - timedelta(minutes=n),
                "requests": {"200": 1000},
                "latency_seconds": {str(milliseconds / 1000): 1000, "+Inf": 1000},
                "load_seconds": 6.0,
            }
        )
        write_minute(folder(root), minute)


def checks(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str]]:
    found = result.get_asset_check_evaluations()
    return {one.check_name: (one.passed, one.severity.value) for one in found if one.check_name in CHECKS}


def test_figures_and_checks_are_shown(sandbox: Sandbox, root: Path) -> None:
    in_production(sandbox, LIMITS + "  production: {environment: dev}\n")
    wrote(root)
    result = sandbox.run("tiny_production")
    assert result.success, "no check here blocks a run"
    assert checks(result) == {
        "metrics_available": (True, "WARN"),
        "error_rate": (False, "WARN"),
        "load_time": (False, "ERROR"),
        "latency_p99": (True, "WARN"),
    }
    event = sandbox.instance.get_latest_materialization_event(dg.AssetKey(["tiny", "metrics"]))
    assert event is not None
    assert event.asset_materialization is not None
    shown = event.asset_materialization.metadata
    assert shown["latency_p99_ms"].value == pytest.approx(9.9)
    assert "error_rate_yesterday share" not in shown, "what is not known is no figure"


def test_where_nobody_measures_nothing_is_judged(sandbox: Sandbox, root: Path) -> None:
    in_production(sandbox)
    assert not root.exists()
    result = sandbox.run("tiny_production")
    assert result.success
    assert checks(result) == {
        "metrics_available": (False, "WARN"),
        "error_rate": (False, "WARN"),
        "load_time": (False, "WARN"),
        "latency_p99": (False, "WARN"),
    }


def test_a_server_that_stopped_writing_is_an_error(sandbox: Sandbox, root: Path) -> None:
    in_production(sandbox)
    (root / "tiny" / "dev" / "metrics").mkdir(parents=True)
    assert checks(sandbox.run("tiny_production"))["metrics_available"] == (False, "ERROR")


def past(sandbox: Sandbox, hours: int) -> None:
    """Looks of the hours before, as their runs would have left them."""
    now = datetime.now(UTC)
    for n in range(hours):
        record = MetricsRecord(
            key=str(n),
            made_from={},
            environment="dev",
            source="files",
            at=now - timedelta(hours=2 * n + 2),
            figures={"requests": 1000.0, "latency_p99_ms": 10.0},
        )
        digest = write_record(sandbox.store.blobs(), record)
        sandbox.instance.report_runless_asset_event(
            dg.AssetMaterialization(["tiny", "metrics"], metadata={history.RECORD: digest})
        )


def test_many_looks_propose_a_limit_that_git_applies(sandbox: Sandbox, root: Path) -> None:
    in_production(sandbox, LIMITS + "  production: {environment: dev}\n")
    sandbox.commit()
    wrote(root)
    past(sandbox, 30)
    assert sandbox.run("tiny_production").success
    made = history.latest(sandbox.instance, ("tiny", "proposed_limits"))
    assert made is not None
    record = read_record(sandbox.store.blobs(), made.record)
    assert isinstance(record, ProposedLimitsRecord)
    (one,) = record.proposals
    assert (one.criterion, one.present, one.proposed, one.kind) == ("latency_p99_ms", 20.0, 12.0, "tighten")
    assert record.patch is not None
    assert git(sandbox.root, "status", "--porcelain") == "", "nothing changes by itself"
    git(sandbox.root, "apply", str(sandbox.store.blobs().path(record.patch)))
    assert sandbox.spec.limits("latency_p99_ms")["dev"] == 12.0
    event = sandbox.instance.get_latest_materialization_event(dg.AssetKey(["tiny", "proposed_limits"]))
    assert event is not None
    assert event.asset_materialization is not None
    assert "+  gates: {latency_p99_ms: {dev: 12.0, staging: 5.0, prod: 5.0}}  # ms" in str(
        event.asset_materialization.metadata["diff"].value
    )


def test_few_looks_propose_nothing(sandbox: Sandbox, root: Path) -> None:
    in_production(sandbox, LIMITS + "  production: {environment: dev}\n")
    wrote(root)
    assert sandbox.run("tiny_production").success
    made = history.latest(sandbox.instance, ("tiny", "proposed_limits"))
    assert made is not None
    record = read_record(sandbox.store.blobs(), made.record)
    assert isinstance(record, ProposedLimitsRecord)
    assert (record.proposals, record.patch) == ((), None)
    assert "nothing is proposed yet" in record.notes[0]
