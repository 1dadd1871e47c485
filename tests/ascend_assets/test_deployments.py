"""Deployments in Dagster: what a reviewer sees of them, and what the checks say when he evaluates them."""

import dagster as dg
import pytest
from operators import Desk, answers, desk

from ascend_assets import deployments, history
from resources.registry.ledger import entry_key

__all__ = ["desk"]

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def test_a_candidates_run_answers_for_the_first_environment(desk: Desk) -> None:
    asked = answers(desk.release())
    assert {name: answer.passed for name, answer in asked.items()} == dict.fromkeys(asked, True)
    assert {"approvals", "admissibility", "health"} == set(asked)
    assert {answer.asset_key for answer in asked.values()} == {dg.AssetKey(["tiny", "dev", "deployment"])}


def test_the_first_environments_deployment_says_who_why_and_on_what(desk: Desk) -> None:
    desk.release()
    event = desk.instance.get_latest_materialization_event(dg.AssetKey(["tiny", "dev", "deployment"]))
    assert event is not None
    assert event.asset_materialization is not None
    said = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    live = desk.live("dev")
    assert live is not None
    assert said["sha256"] == live.digest
    assert (said["version"], said["kind"], said["ledger entry"]) == ("1.0.0", "deploy", 1)
    assert said["policy"] == live.policy_digest
    assert "| ✓ | verdicts |" in str(said["requirements"])


def test_what_is_missing_is_a_warning_with_a_table(desk: Desk) -> None:
    desk.release()
    asked = answers(desk.check("staging"))
    for name in ("approvals", "admissibility", "health"):
        assert not asked[name].passed
        assert asked[name].severity == WARN
    assert "grace@example.org must sign" in (asked["approvals"].description or "")
    assert "| ✗ | approvals |" in str(asked["admissibility"].metadata["waiting"].value)


def test_a_deployment_that_is_broken_is_an_error(desk: Desk) -> None:
    desk.release()
    release = desk.sandbox.tools().registry.get("tiny", "1.0.0")
    (target,) = release.targets.values()
    path = desk.sandbox.tools().blobs.path(target.om.sha256)
    path.chmod(0o644)
    path.write_bytes(b"other")
    asked = answers(desk.check("dev"))
    assert not asked["health"].passed
    assert asked["health"].severity == ERROR
    assert asked["approvals"].passed


def test_a_ledger_that_was_edited_is_an_error_and_no_crash(desk: Desk) -> None:
    desk.release()
    path = desk.sandbox.root.parent / "store" / entry_key("dev", "tiny", 1)
    path.chmod(0o644)
    path.write_text("{}")
    asked = answers(desk.check("dev"))
    assert {(a.passed, a.severity) for a in asked.values()} == {(False, ERROR)}
    assert "environments/dev/tiny" in (asked["health"].description or "")


@pytest.mark.parametrize("name", ["approvals", "admissibility", "health"])
def test_a_reviewer_may_evaluate_a_single_check(desk: Desk, name: str) -> None:
    job = dg.define_asset_job(
        "one", dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey(["tiny", "prod", "deployment"]), name))
    )
    merged = dg.Definitions.merge(desk.sandbox.definitions(), dg.Definitions(jobs=[job]))
    result = merged.resolve_job_def("one").execute_in_process(instance=desk.instance)
    assert set(answers(result)) == {name}


def test_only_a_deployment_is_one() -> None:
    assert deployments.is_deployment(deployments.key("tiny", "prod"))
    assert not deployments.is_deployment(("tiny", "release"))
    assert not deployments.is_deployment(("tiny", "Ascend310P3", "om"))


def test_what_a_person_reports_by_hand_is_seen_as_the_newest(desk: Desk) -> None:
    """The UI has a button for it: an external asset can be said to be anything."""
    desk.release()
    asset = deployments.key("tiny", "dev")
    live = desk.live("dev")
    assert live is not None
    assert deployments.shows(desk.instance, asset, live)
    desk.instance.report_runless_asset_event(dg.AssetMaterialization(list(asset), metadata={"version": "9.9.9"}))
    assert not deployments.shows(desk.instance, asset, live)
    assert history.latest(desk.instance, asset) is not None
