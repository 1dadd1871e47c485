"""What Dagster's log holds becomes notices: each once, in bounded steps, and nothing that nobody needs to hear."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ascend_assets import event_log, history
from ascend_assets.notices import evaluations, gathering
from ascend_assets.notices.gathering import Cursor
from resources.notify.notice import Notice

DOSSIERS = Path("/state/dossiers")
NOW = 4_000_000_000.0


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


class Look:
    """Looks at an instance again and again, as the sensor does; the log begins empty."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursor = Cursor()
        self.again()

    def again(self) -> list[Notice]:

        found, self.cursor = gathering.gather(self.instance, self.cursor, DOSSIERS, time.time())
        assert not found.unreadable
        return found.notices


@pytest.fixture
def look(instance: dg.DagsterInstance) -> Look:
    return Look(instance)


def evaluated(instance: dg.DagsterInstance, asset: str, check: str, *, passed: bool, **more: Any) -> None:
    own: dict[str, Any] = {
        "severity": dg.AssetCheckSeverity.ERROR,
        "description": "because",
        "blocking": False,
        "metadata": {},
    }
    key = dg.AssetKey(asset.split("/"))
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(asset_key=key, check_name=check, passed=passed, **own | more)
    )


def told(notices: list[Notice]) -> list[tuple[str, str, str]]:
    return [(n.kind, n.state, n.subject) for n in notices]


def test_where_nothing_is_nothing_is_told(look: Look) -> None:
    assert look.again() == []


def test_a_check_that_informs_is_told_when_it_fails_and_when_it_passes(look: Look) -> None:
    warn = dg.AssetCheckSeverity.WARN
    evaluated(look.instance, "tiny/Ascend310P3/om", "current", passed=False, severity=warn)
    (notice,) = look.again()
    assert told([notice]) == [("check_failed", "begun", "tiny/Ascend310P3/om:current")]
    assert (notice.severity, notice.group, notice.facts["why"]) == ("warning", "tiny", "because")
    assert look.again() == [], "once"
    evaluated(look.instance, "tiny/Ascend310P3/om", "current", passed=True)
    assert told(look.again()) == [("check_failed", "over", "tiny/Ascend310P3/om:current")]


def test_a_gate_is_not_told_for_itself_for_its_run_is(look: Look) -> None:
    evaluated(look.instance, "tiny/dossier", "chain", passed=False, blocking=True)
    assert look.again() == []


def test_the_same_events_are_the_same_notices(look: Look) -> None:
    before = look.cursor
    evaluated(look.instance, "tiny/dossier", "note", passed=False)
    first = look.again()
    look.cursor = before
    assert [n.id for n in look.again()] == [n.id for n in first]


@pytest.mark.parametrize(
    ("asset", "check", "kind", "subject", "severity"),
    [
        ("tiny/metrics", "error_rate", "error_rate", "tiny", "error"),
        ("tiny/metrics", "load_time", "slow_load", "tiny", "warning"),
        ("tiny/metrics", "latency_p99", "check_failed", "tiny/metrics:latency_p99", "error"),
        ("tiny/drift", "psi", "drift", "tiny:psi", "warning"),
        ("tiny/production", "samples_valid", "check_failed", "tiny/production:samples_valid", "error"),
    ],
)
def test_production_has_kinds_of_its_own(
    look: Look, asset: str, check: str, kind: str, subject: str, severity: str
) -> None:
    evaluated(look.instance, asset, check, passed=False)
    (notice,) = look.again()
    assert (notice.kind, notice.state, notice.subject, notice.severity) == (kind, "begun", subject, severity)


@pytest.mark.parametrize("asset", ["tiny/metrics", "tiny/drift", "tiny/production"])
def test_what_could_not_be_judged_begins_and_ends_nothing(look: Look, asset: str) -> None:
    evaluated(look.instance, asset, "psi", passed=False, severity=dg.AssetCheckSeverity.WARN)
    assert look.again() == []


def test_that_there_are_no_metrics_any_more_is_told(look: Look) -> None:
    evaluated(look.instance, "tiny/metrics", "metrics_available", passed=False)
    assert told(look.again()) == [("check_failed", "begun", "tiny/metrics:metrics_available")]


WAITS = {"waiting": dg.MetadataValue.md("| table |"), history.MARK: dg.MetadataValue.text("mark 1")}


def test_a_promotion_that_waits_for_signatures_is_told_by_what_it_waits_for(look: Look) -> None:
    warn = dg.AssetCheckSeverity.WARN
    evaluated(look.instance, "tiny/staging/deployment", "approvals", passed=False, severity=warn, metadata=WAITS)
    notices = {n.kind: n for n in look.again()}
    assert (notices["signatures"].state, notices["signatures"].version) == ("begun", "mark 1")
    assert notices["signatures"].facts["environment"] == "staging"
    assert notices["check_failed"].state == "over"
    evaluated(look.instance, "tiny/staging/deployment", "approvals", passed=True)
    assert ("signatures", "over", "tiny/staging") in told(look.again())


@pytest.mark.parametrize("check", ["approvals", "admissibility", "health"])
def test_that_nothing_is_deployed_yet_is_no_news(look: Look, check: str) -> None:
    warn = dg.AssetCheckSeverity.WARN
    evaluated(look.instance, "tiny/prod/deployment", check, passed=False, severity=warn)
    assert {n.state for n in look.again()} == {"over"}


def test_what_is_live_and_broken_is_an_error(look: Look) -> None:
    evaluated(look.instance, "tiny/prod/deployment", "health", passed=False)
    (notice,) = look.again()
    assert (notice.kind, notice.state, notice.severity) == ("check_failed", "begun", "error")


@pytest.mark.parametrize(("kind", "expected"), [("rollback", 1), ("deploy", 0)])
def test_a_rollback_is_told_once_however_often_it_is_shown(look: Look, kind: str, expected: int) -> None:
    entry = {"kind": kind, "version": "1.0.0", "who": "grace", "why": "slow", "sha256": "d" * 64}
    for _ in range(2):
        look.instance.report_runless_asset_event(
            dg.AssetMaterialization(["tiny", "prod", "deployment"], metadata=entry)
        )
    found = look.again()
    assert len({n.id for n in found}) == expected
    if expected:
        assert (found[0].kind, found[0].subject, found[0].facts["who"]) == ("rollback", "tiny/prod", "grace")


def run(instance: dg.DagsterInstance, job: str, tags: dict[str, str], *, gate: bool = False, fails: str = "") -> str:
    """A real run of one asset and its gate."""

    @dg.asset(key=["tiny", "thing"])
    def thing() -> None:
        if fails:
            raise RuntimeError(fails)

    @dg.asset_check(asset=thing, blocking=True, name="cosine_similarity")
    def check() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=not gate, description="0.91 is below 0.99")

    jobs = [dg.define_asset_job(job, "*", tags=tags)]
    walk = dg.Definitions(assets=[thing], asset_checks=[check], jobs=jobs).resolve_job_def(job)
    return walk.execute_in_process(instance=instance, raise_on_error=False).run_id


TINY = {history.MODEL_TAG: "tiny"}


def test_a_failed_run_says_which_step_and_why(look: Look) -> None:
    run_id = run(look.instance, "tiny_candidate", TINY, fails="no space\nleft, token=abcdef123456")
    (notice,) = look.again()
    assert (notice.kind, notice.severity, notice.subject) == ("run_failed", "error", "tiny_candidate")
    assert (notice.facts["step"], notice.facts["run"]) == ("tiny__thing", run_id)
    assert "no space" in notice.facts["why"]
    assert "abcdef" not in notice.facts["why"]


def test_a_refused_candidate_is_told_with_its_criteria_and_page(look: Look) -> None:
    run(look.instance, "tiny_candidate", {**TINY, history.CANDIDATE_TAG: "20261120-1403-git-1a2b3c4d5e6f"}, gate=True)
    (notice,) = look.again()
    assert (notice.kind, notice.facts["criteria"]) == ("refused", "cosine_similarity")
    assert notice.facts["why"] == "0.91 is below 0.99"
    assert notice.facts["page"] == "/state/dossiers/tiny/20261120-1403-git-1a2b3c4d5e6f.html"


def test_a_run_whose_process_was_killed_says_what_dagster_knows(look: Look) -> None:
    @dg.job
    def job() -> None:
        """Never begun."""

    run = look.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    look.instance.report_run_failed(run, "The process of this run was killed")
    (notice,) = look.again()
    assert (notice.facts["step"], notice.facts["why"]) == ("-", "The process of this run was killed")


def test_a_gate_that_somebody_evaluated_by_hand_is_told_of_its_model(look: Look) -> None:
    run(look.instance, "clicked", {}, gate=True)
    (notice,) = look.again()
    assert (notice.kind, notice.subject, notice.facts["model"]) == ("refused", "tiny", "tiny")


def test_who_watches_a_run_need_not_be_told(look: Look) -> None:
    run(look.instance, "tiny_candidate", {**TINY, history.STARTED_BY_TAG: "command line"}, fails="no")
    assert look.again() == []


def test_a_run_that_is_tried_again_is_told_when_it_is_not_any_more(look: Look) -> None:
    run(look.instance, "tiny_candidate", {**TINY, "dagster/will_retry": "true"}, fails="no")
    assert look.again() == []


def test_a_retraining_is_told_from_begin_to_end(look: Look) -> None:
    why = {**TINY, history.WHY_TAG: "drift", history.TRIGGER_TAG: "retraining"}
    run(look.instance, "tiny_retrain", why)
    notices = look.again()
    assert [n.kind for n in notices] == ["retraining_begun", "retraining_released"]
    assert notices[0].facts["why"] == "drift"
    run(look.instance, "tiny_retrain", why, gate=True)
    assert [n.kind for n in look.again()] == ["retraining_begun", "retraining_refused"]
    run(look.instance, "tiny_candidate", TINY)
    assert look.again() == [], "that a candidate passed is seen in the UI"


def test_how_a_repair_ends_is_told(look: Look) -> None:
    tags = {**TINY, history.CANDIDATE_TAG: "20261120-1403-git-1a2b3c4d5e6f-repaired"}
    run(look.instance, "tiny_repair", tags)
    (released,) = look.again()
    assert released.kind == "repair_released"
    assert released.facts["candidate"].endswith("-repaired")
    run(look.instance, "tiny_repair", TINY, gate=True)
    assert [n.kind for n in look.again()] == ["repair_refused"]


def test_a_look_is_bounded_and_the_next_goes_on(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "AT_MOST", 2)
    monkeypatch.setattr(gathering, "SECONDS", -1.0)
    for n in range(5):
        evaluated(look.instance, f"tiny/a{n}", "c", passed=False)
    assert [len(look.again()) for _ in range(4)] == [2, 2, 1, 0]
    monkeypatch.setattr(gathering, "SECONDS", 60.0)
    for n in range(5):
        evaluated(look.instance, f"tiny/a{n}", "c", passed=False)
    assert len(look.again()) == 5, "as many steps as time allows"


def test_the_first_look_goes_back_an_hour_and_no_further(instance: dg.DagsterInstance) -> None:
    evaluated(instance, "tiny/a", "c", passed=False)
    found, cursor = gathering.gather(instance, Cursor(), DOSSIERS, NOW)
    assert found.notices == [], "that was long ago"
    evaluated(instance, "tiny/b", "c", passed=False)
    assert told(gathering.gather(instance, cursor, DOSSIERS, NOW)[0].notices) == [("check_failed", "begun", "tiny/b:c")]

    assert len(gathering.gather(instance, Cursor(), DOSSIERS, time.time())[0].notices) == 2


def test_an_event_that_cannot_be_told_is_said_and_stops_no_other(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:

    real = evaluations.notices

    def picky(seen: Any) -> Any:
        if seen.evaluation.check_name == "poison":
            raise ValueError("what is this")
        return real(seen)

    monkeypatch.setattr(evaluations, "notices", picky)
    evaluated(look.instance, "tiny/a", "poison", passed=False)
    evaluated(look.instance, "tiny/b", "c", passed=False)
    found, look.cursor = gathering.gather(look.instance, look.cursor, DOSSIERS, time.time())
    assert len(found.notices) == 1
    assert len(found.unreadable) == 1
    assert look.again() == [], "it is not looked at for ever"


def test_the_event_log_of_this_project_answers_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster's storage in SQLite keeps a file per run; ours is derived from it."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    settings = (Path(event_log.__file__).parents[1] / "deploy" / "local" / "dagster.yaml").read_text()
    storage = settings[settings.index("event_log_storage:") : settings.index("# No newsletter")]
    (tmp_path / "dagster.yaml").write_text(f"telemetry: {{enabled: false}}\n{storage}")
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.event_log_storage, event_log.KeptSqliteEventLogStorage)
        look = Look(instance)
        run(instance, "tiny_retrain", TINY, gate=True)
        run(instance, "tiny_candidate", TINY, fails="no")
        evaluated(instance, "tiny/a", "c", passed=False)
        assert sorted(n.kind for n in look.again()) == [
            "check_failed",
            "retraining_begun",
            "retraining_refused",
            "run_failed",
        ]
        assert look.again() == []
