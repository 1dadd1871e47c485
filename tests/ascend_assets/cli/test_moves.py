"""`ascend promote`, `ascend model rollback` and `ascend model result`: what is said, written, and refused."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from governed import World

from ascend_assets.cli import person
from ascend_assets.operations import promote as operation
from ascend_assets.operations.promote import Plan
from resources.registry.ledger import Entry
from resources.store.objects import blob_key

Here = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def live(world: World, environment: str = "dev") -> str:
    entry = world.tools.ledger.live(environment, "digits")
    return entry.version if entry else ""


def test_promote_takes_the_newest_to_the_first_environment(world: World, here: Here) -> None:
    world.publish(0)
    world.publish(1)
    code, out, err = here("promote", "digits", "--to", "dev", "--reason", "try")
    assert (code, err) == (0, "")
    assert out.startswith("digits 1.1.0 is live in dev (entry 1, deploy by ")
    assert live(world) == "1.1.0"


def test_promote_takes_what_is_live_before_to_the_next(world: World, here: Here) -> None:
    world.publish(0)
    world.publish(1)
    world.deploy(0)
    world.approve(0)
    assert here("promote", "digits", "--to", "staging")[0] == 0
    assert live(world, "staging") == "1.0.0"


def test_promoting_what_is_live_changes_nothing(world: World, here: Here) -> None:
    world.publish(0)
    world.deploy(0)
    code, out, _ = here("promote", "digits", "--to", "dev")
    assert (code, out.startswith("digits 1.0.0 is live in dev already, since ")) == (0, True)
    assert json.loads(here("promote", "digits", "--to", "dev", "--json")[1])["changed"] is False
    assert len(world.tools.ledger.history("dev", "digits")) == 1


def test_a_refusal_names_what_is_missing_and_how_to_get_it(world: World, here: Here) -> None:
    world.publish(0)
    world.deploy(0)
    code, out, err = here("promote", "digits", "--to", "staging")
    assert code == 1
    assert out.splitlines()[0].split()[:2] == ["unmet", "approvals"]
    assert "-> 1 of grace@example.org must sign: ascend approve digits --version 1.0.0 --env staging" in out
    assert "met    " not in out.splitlines()[0][6:]
    assert err == "ascend: digits 1.0.0 may not enter staging: 1 requirement not met\n"
    assert live(world, "staging") == ""


def test_a_dry_run_shows_every_requirement_and_writes_nothing(world: World, here: Here) -> None:
    world.publish(0)
    before = sorted(world.store.list())
    code, out, _ = here("promote", "digits", "--to", "dev", "--dry-run")
    assert code == 0
    *table, last = out.splitlines()
    assert {line.split()[0] for line in table} == {"met"}
    assert {"verdicts", "evidence", "approvals", "loads"} <= {line.split()[1] for line in table}
    assert last == "digits 1.0.0 would be live in dev, as entry 1; nothing was written"
    assert sorted(world.store.list()) == before


def test_a_dry_run_that_would_be_refused_shows_met_and_unmet(world: World, here: Here) -> None:
    world.publish(0)
    code, out, _ = here("promote", "digits", "--version", "v1.0.0", "--to", "staging", "--dry-run", "--json")
    found = json.loads(out)
    assert (code, found["refused"]) == (1, True)
    assert {r["name"] for r in found["requirements"] if not r["met"]} == {"approvals", "came_from"}
    assert all(r["remedy"] for r in found["requirements"] if not r["met"])
    assert any(r["met"] for r in found["requirements"])


def test_what_a_script_reads_of_a_promotion(world: World, here: Here) -> None:
    world.publish(0)
    found = json.loads(here("promote", "digits", "--to", "dev", "--json", "--reason", "why")[1])
    assert (found["changed"], found["dry_run"], found["refused"]) == (True, False, False)
    entry = world.tools.ledger.live("dev", "digits")
    assert entry is not None
    assert (found["entry"]["digest"], found["entry"]["reason"]) == (entry.digest, "why")


def test_whoever_was_slower_is_told_who_won(world: World, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    world.publish(0)
    world.publish(1)
    make = operation.make

    def late(tools: Any, decided: Plan) -> Entry:
        monkeypatch.setattr(operation, "make", make)
        world.deploy(1)
        return make(tools, decided)

    monkeypatch.setattr(operation, "make", late)
    code, out, err = here("promote", "digits", "--version", "1.0.0", "--to", "dev", "--json")
    assert (code, json.loads(out)["refused"]) == (1, True)
    assert json.loads(out)["because"] in err
    assert "won: entry 1 (deploy digits 1.1.0 in dev by ada" in err
    assert live(world) == "1.1.0"


def test_rollback_returns_to_the_last_that_was_well(world: World, here: Here) -> None:
    for number in (0, 1):
        world.publish(number)
        world.deploy(number)
    code, out, err = here("model", "rollback", "digits", "--env", "dev", "--reason", "too slow", "--dry-run")
    assert (code, out, err) == (0, "digits 1.0.0 would be live in dev, as entry 3; nothing was written\n", "")
    assert live(world) == "1.1.0"
    code, out, err = here("model", "rollback", "digits", "--env", "dev", "--reason", "too slow")
    assert (code, err) == (0, "")
    assert out.startswith("digits 1.0.0 is live in dev (entry 3, rollback by ")
    again = here("model", "rollback", "digits", "--env", "dev", "--version", "1.0.0", "--reason", "x", "--json")
    assert json.loads(again[1])["changed"] is False


def test_a_release_that_is_damaged_is_not_returned_to(world: World, here: Here) -> None:
    damaged = world.publish(0)
    world.deploy(0)
    for number in (1, 2):
        world.publish(number)
        world.deploy(number)
    middle = world.tools.registry.get("digits", "1.1.0")
    (target,) = middle.targets.values()
    world.rewrite(blob_key(target.om.sha256), b"something else")
    code, out, err = here("model", "rollback", "digits", "--env", "dev", "--reason", "worse")
    assert code == 1
    assert out.splitlines()[0].split()[:2] == ["unmet", "content"]
    assert err.count("\n") == 1
    assert "digits 1.1.0 is not fit to return to; 1.2.0 stays in dev" in err
    assert f"ascend model rollback digits --env dev --version {damaged.version} --reason WHY" in err
    found = json.loads(here("model", "rollback", "digits", "--env", "dev", "--reason", "worse", "--json")[1])
    assert {r["name"] for r in found["requirements"]} == {"content", "loads"}
    assert live(world) == "1.2.0"


def test_nothing_to_return_to_is_a_refusal(world: World, here: Here) -> None:
    world.publish(0)
    world.deploy(0)
    code, out, err = here("model", "rollback", "digits", "--env", "dev", "--reason", "worse")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "has nothing in dev to return to" in err
    assert here("model", "rollback", "digits", "--env", "staging", "--reason", "worse")[0] == 1


def test_a_rollback_wants_a_reason(world: World, here: Here) -> None:
    assert world.folder.is_dir()
    code, _, err = here("model", "rollback", "digits", "--env", "dev")
    assert (code, "Missing option '--reason'" in err) == (2, True)


def test_a_reason_that_nobody_would_read_is_not_taken(world: World, here: Here) -> None:
    world.publish(0)
    code, _, err = here("promote", "digits", "--to", "dev", "--reason", "x" * 2001)
    assert (code, "at most 2,000" in err, live(world)) == (2, True, "")


def test_a_user_with_a_long_name_or_none_may_deploy(world: World, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    world.publish(0)
    monkeypatch.setenv("USER", "u" * 500)
    assert here("promote", "digits", "--to", "dev")[0] == 0
    entry = world.tools.ledger.live("dev", "digits")
    assert entry is not None
    assert entry.actor == "u" * 200
    monkeypatch.delenv("USER")
    monkeypatch.delenv("LOGNAME", raising=False)
    monkeypatch.setattr("os.getuid", lambda: 123_456)
    assert person.actor() == "uid-123456"


def report(world: World, **fields: Any) -> str:
    now = datetime.now(UTC)
    own = {
        "kind": "canary",
        "origin": "measured",
        "baseline": None,
        "candidate": {"version": "1.0.0", "requests": 5000, "errors": 1, "latency_p99_ms": 2.0},
        "started": (now - timedelta(minutes=30)).isoformat(),
        "ended": now.isoformat(),
    }
    path = world.folder / "report.json"
    path.write_text(json.dumps(own | fields))
    return str(path)


RESULT = ("model", "result", "digits", "--version", "1.0.0", "--env", "staging", "--reason", "canary of 30 minutes")


def test_a_result_is_judged_and_recorded(world: World, here: Here) -> None:
    world.publish(0)
    dry = here(*RESULT, "--report", report(world), "--dry-run")
    assert (dry[0], world.tools.ledger.current("staging", "digits")) == (0, None)
    code, out, err = here(*RESULT, "--report", report(world))
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "the test of digits 1.0.0 in staging is recorded (entry 1): good"
    assert "tested" in here("model", "list", "digits")[1]


def test_a_bad_result_is_recorded_too_and_ends_with_1(world: World, here: Here) -> None:
    world.publish(0)
    few = {"version": "1.0.0", "requests": 2, "errors": 1, "latency_p99_ms": 2.0}
    code, out, err = here(*RESULT, "--report", report(world, candidate=few), "--json")
    found = json.loads(out)
    assert (code, found["good"], found["entry"]["kind"]) == (1, False, "result")
    assert any(not r["met"] for r in found["requirements"])
    assert "did not go well" in err
    assert world.tools.ledger.current("staging", "digits") is not None


def test_a_report_that_cannot_be_read_is_told(world: World, here: Here) -> None:
    world.publish(0)
    path = world.folder / "report.json"
    path.write_text("{}")
    code, out, err = here(*RESULT, "--report", str(path))
    assert (code, out, "the report cannot be read" in err) == (1, "", True)
    path.write_bytes(b" " * 100_000)
    assert here(*RESULT, "--report", str(path))[0] == 2
    code, _, err = here(*RESULT, "--report", str(path.with_name("gone.json")))
    assert (code, "No such file" in err) == (2, True)
    assert world.tools.ledger.current("staging", "digits") is None
