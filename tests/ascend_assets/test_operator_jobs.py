"""What a reviewer does in the UI: the operations of the command line, each as a job whose result can be read."""

import json
import subprocess
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from operators import Desk, answers, desk, failure, shown

from ascend_assets import history, operator_jobs
from resources.registry.approvals import NAMESPACE
from resources.registry.ledger import entry_key

__all__ = ["desk"]

STAGING = dg.AssetKey(["tiny", "staging", "deployment"])


def in_staging(desk: Desk) -> dg.ExecuteInProcessResult:
    desk.release()
    version = f"1.{desk.made - 1}.0"
    desk.sign(version)
    result = desk.move("promote", "staging")
    assert shown(result)["version"] == version
    return result


def materialised(result: dg.ExecuteInProcessResult) -> list[dg.AssetMaterialization]:
    return [e.materialization for e in result.all_events if e.is_step_materialization]


@pytest.mark.parametrize("job", operator_jobs.JOBS, ids=lambda job: job.name)
def test_no_job_is_tried_twice_and_every_field_says_what_it_is(job: dg.JobDefinition) -> None:
    assert job.tags["dagster/max_retries"] == "0"
    assert job.tags["dagster/retry_on_asset_or_op_failure"] == "false"
    assert job.description
    (node,) = job.graph.node_dict.values()
    form: Any = node.definition.config_schema
    fields = getattr(form.config_type, "fields", {})
    assert all(field.description for field in fields.values()), job.name
    assert bool(fields) == (job.name != "doctor")


def test_a_promotion_materialises_the_deployment_and_answers_its_checks(desk: Desk) -> None:
    result = in_staging(desk)
    (made,) = materialised(result)
    assert made.asset_key == STAGING
    said = {name: value.value for name, value in made.metadata.items()}
    live = desk.live("staging")
    assert live is not None
    assert (said["version"], said["who"], said["why"]) == ("1.0.0", "grace", "looked at it")
    assert (said["sha256"], said["policy"]) == (live.digest, live.policy_digest)
    assert "| ✓ | approvals |" in str(said["requirements"])
    assert {name: a.passed for name, a in answers(result).items()} == dict.fromkeys(answers(result), True)
    run = desk.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags[history.MODEL_TAG] == "tiny"


def test_a_refused_promotion_says_why_and_what_to_do_and_writes_nothing(desk: Desk) -> None:
    desk.release()
    result = desk.move("promote", "staging")
    said = failure(result)
    assert "grace@example.org must sign" in said.description
    assert "| ✗ | approvals |" in str(said.metadata["not met"].value)
    assert materialised(result) == []
    assert desk.live("staging") is None


def test_a_dry_run_shows_every_requirement_and_writes_nothing(desk: Desk) -> None:
    desk.release()
    said = shown(desk.move("promote", "staging", dry_run=True))
    assert "may not enter staging; nothing was written" in said["result"]
    assert "| ✓ | verdicts |" in said["requirements"]
    assert "| ✗ | approvals |" in said["requirements"]
    assert desk.live("staging") is None


def test_what_is_live_is_not_promoted_twice_nor_shown_twice(desk: Desk) -> None:
    in_staging(desk)
    again = desk.move("promote", "staging")
    assert "nothing to do" in shown(again)["result"]
    assert materialised(again) == []


def test_a_rollback_returns_and_shows_it(desk: Desk) -> None:
    in_staging(desk)
    in_staging(desk)
    before = desk.live("staging")
    assert "would be appended" in shown(desk.move("rollback", "staging", dry_run=True))["result"]
    assert desk.live("staging") == before
    result = desk.move("rollback", "staging", reason="it forgets the sevens")
    (made,) = materialised(result)
    assert made.metadata["kind"].value == "rollback"
    assert made.metadata["why"].value == "it forgets the sevens"
    live = desk.live("staging")
    assert live is not None
    assert live.version == "1.0.0"
    assert answers(result)["health"].passed


def test_a_rollback_to_nothing_is_refused(desk: Desk) -> None:
    desk.release()
    assert "nothing to roll back" in failure(desk.move("rollback", "staging")).description


def test_a_signature_is_made_elsewhere_and_pasted(desk: Desk, tmp_path: Path) -> None:
    desk.release()
    first = shown(desk.move("approve", "staging", version="1.0.0"))
    statement = tmp_path / "statement.json"
    statement.write_bytes(b64decode(first["how"].split()[1]))
    assert statement.read_text() == first["statement"]
    argv = ["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(desk.grace.path), str(statement)]
    subprocess.run(argv, check=True, capture_output=True)
    signature = (tmp_path / "statement.json.sig").read_text()
    form = {"version": "1.0.0", "statement": f"{first['statement']}\n", "signature": signature}
    dry = shown(desk.move("approve", "staging", **form, dry_run=True))
    assert "would be appended" in dry["result"]
    result = desk.move("approve", "staging", **form)
    assert shown(result)["signer"] == "grace@example.org"
    assert answers(result)["approvals"].passed
    assert "signed" in failure(desk.move("approve", "staging", **form)).description, "a replay"


def test_a_signature_on_something_else_is_refused(desk: Desk, tmp_path: Path) -> None:
    desk.release()
    form = {"version": "1.0.0", "statement": "{}", "signature": "none"}
    assert "statement" in failure(desk.move("approve", "staging", **form)).description
    missing = {"version": "1.0.0", "key_path": str(tmp_path / "no key")}
    assert "no key" in failure(desk.move("approve", "staging", **missing)).description
    assert desk.sandbox.tools().ledger.current("staging", "tiny") is None


def test_a_rejection_is_signed_as_well(desk: Desk) -> None:
    desk.release()
    result = desk.move("approve", "staging", version="1.0.0", reject=True, key_path=str(desk.grace.path))
    assert "reject" in shown(result)["result"]
    assert "rejected by grace@example.org" in (answers(result)["approvals"].description or "")


def test_a_result_is_recorded_and_judged(desk: Desk) -> None:
    in_staging(desk)
    said = shown(desk.move("record_result", "prod", version="1.0.0", report=json.dumps(canary())))
    assert said["good"]
    assert shown(desk.move("promote", "prod"))["version"] == "1.0.0"
    bad = failure(desk.move("record_result", "prod", version="1.0.0", report="{}")).description
    assert "the report cannot be read" in bad


def canary() -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "kind": "canary",
        "origin": "measured",
        "baseline": None,
        "candidate": {"version": "1.0.0", "requests": 5000, "errors": 0, "latency_p99_ms": 2.0},
        "started": (now - timedelta(minutes=30)).isoformat(),
        "ended": now.isoformat(),
    }


def test_history_list_and_diff_are_tables(desk: Desk) -> None:
    in_staging(desk)
    desk.release()
    told = shown(desk.job("model_history", model="tiny", environment="staging"))
    assert told["entries"] == 2
    assert "grace@example.org" in told["history"]
    listed = shown(desk.job("model_list", model="tiny"))["list"].splitlines()
    assert listed[0].startswith("| version | dev | staging | prod |")
    assert listed[2].startswith("| 1.1.0 | live | - | - |")
    assert listed[3].startswith("| 1.0.0 | was live | live | - |")
    said = shown(desk.job("model_diff", model="tiny", before="1.0.0", after="1.1.0"))
    assert "| onnx |" in said["diff"]
    assert "Changelog" in said["diff"]


def test_an_audit_names_the_first_wrong_entry(desk: Desk) -> None:
    in_staging(desk)
    assert "2 ledgers are whole" in shown(desk.job("audit_verify", deep=True))["result"]
    path = desk.sandbox.root.parent / "store" / entry_key("staging", "tiny", 1)
    path.chmod(0o644)
    path.write_text(path.read_text().replace("looked at it", "looked away"))
    said = failure(desk.job("audit_verify"))
    assert entry_key("staging", "tiny", 1) in said.description
    assert "| ✗ | staging/tiny |" in str(said.metadata["ledgers"].value)


def test_tidying_lists_before_it_deletes(desk: Desk) -> None:
    desk.release()
    assert "would be deleted" in shown(desk.job("store_gc"))["result"]
    assert "were deleted" in shown(desk.job("store_gc", dry_run=False))["result"]


def test_a_bundle_is_published_once(desk: Desk) -> None:
    desk.release()
    form = {"model": "pair", "members": ["tiny/1.0.0"], "actor": "grace"}
    assert "would be published" in shown(desk.job("bundle", **form, dry_run=True))["result"]
    assert "pair 1.0.0 published" in shown(desk.job("bundle", **form))["result"]
    assert "is there already" in shown(desk.job("bundle", **form))["result"]
    assert "names no version" in failure(desk.job("bundle", **form | {"members": ["tiny"]})).description
    assert "a model's name" in failure(desk.job("bundle", **form | {"model": "tiny"})).description


def test_the_doctor_looks_at_the_machine(desk: Desk) -> None:
    assert "| ✓ | policy |" in shown(desk.job("doctor"))["findings"]


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("model_history", {"model": "tiny", "environment": "nowhere"}),
        ("model_diff", {"model": "tiny", "before": "1.0.0", "after": "7.0.0"}),
        ("promote", {"model": "../etc", "environment": "dev", "actor": "a", "reason": "b"}),
        ("audit_verify", {"model": "nobody"}),
    ],
)
def test_what_there_is_not_is_refused_in_a_sentence(desk: Desk, name: str, form: dict[str, Any]) -> None:
    said = failure(desk.job(name, **form))
    assert said.label == "intentional-failure"
    assert said.description
