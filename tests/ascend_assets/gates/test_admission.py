"""What an environment demands of a release that is to become its present: each concern by itself."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from registry_samples import NOON, TARGET, entry, release

from ascend_assets.environments import ROLLOUT_RESULT, Environment, Hardware
from ascend_assets.gates.admission import Facts, Judged, refusing, requirements, told
from ascend_assets.gates.verdict import Verdict
from resources.registry.admissions import Requirement
from resources.registry.ledger import Entry, Kind, Present
from resources.registry.released import Released
from resources.registry.releases import Release
from resources.registry.stays import Record, Stay
from resources.store.blobs import Blobs, FolderStore

DEV = Environment(name="dev", evidence=("measured", "emulated"), allows_dirty=True)
PROD = Environment(name="prod", evidence=("measured",))


@pytest.fixture
def made(tmp_path: Path) -> Release:
    return release(Blobs(FolderStore(tmp_path)))


def verdict(criterion: str = "cosine_similarity", **fields: Any) -> Verdict:
    own: dict[str, Any] = {
        "criterion": criterion,
        "target": TARGET,
        "passed": True,
        "judged": True,
        "value": 0.999,
        "sense": ">=",
        "limits": {"dev": 0.98, "prod": 0.99},
        "admits": ("dev", "prod"),
        "why": "found so",
        "origin": "measured",
        "subject": "0" * 64,
    }
    return Verdict.model_validate(own | fields)


def facts(made: Release, *verdicts: Verdict, **fields: Any) -> Facts:
    own: dict[str, Any] = {
        "released": Released(made, (made,)),
        "present": Present("prod", "digits", None, None, ()),
        "judged": {"digits": Judged(verdicts or (verdict(),))},
        "before": None,
        "elsewhere": (Requirement(name="approvals", met=True, why="none needed"),),
        "result": None,
        "now": NOON,
    }
    return Facts(**own | fields)


def named(found: Facts, environment: Environment = PROD) -> dict[str, Requirement]:
    return {requirement.name: requirement for requirement in requirements(environment, found)}


def unmet(found: Facts, environment: Environment = PROD) -> list[str]:
    return [requirement.name for requirement in requirements(environment, found) if not requirement]


def test_a_release_that_meets_everything(made: Release) -> None:
    assert unmet(facts(made)) == []
    assert list(named(facts(made))) == ["not_live", "verdicts", "evidence", "hardware", "clean_tree", "approvals"]


def test_whatever_is_not_met_says_what_to_do(made: Release) -> None:
    bad = facts(made, verdict(admits=("dev",), value=0.985), verdict("opset", admits=(), judged=False, value=None))
    for requirement in requirements(PROD, bad):
        assert requirement.why
        assert requirement or requirement.remedy


def test_a_broken_limit_is_told_with_value_and_limit(made: Release) -> None:
    bad = facts(made, verdict(admits=("dev",), value=0.985))
    assert unmet(bad) == ["verdicts"]
    expected = f"cosine_similarity ({TARGET}) is 0.985, prod wants >= 0.99: found so"
    assert named(bad)["verdicts"].why == expected
    assert told(verdict(value=0.985, unit="share"), "nowhere").startswith(
        f"cosine_similarity ({TARGET}) is 0.985 share, nowhere has no limit"
    )


def test_what_nobody_judged_is_told(made: Release) -> None:
    bad = facts(made, verdict("cve_high", admits=("dev",), judged=False, value=None, why="not judged: no scanner"))
    assert unmet(bad) == ["verdicts"]
    assert "cve_high (Ascend310P3): not judged: no scanner" in named(bad)["verdicts"].why
    assert named(bad)["verdicts"].remedy.startswith("provide what could not be judged")
    assert unmet(bad, DEV) == []


def test_emulated_evidence_is_told_apart_from_broken_limits(made: Release) -> None:
    emulated = verdict("latency_p99_ms", admits=("dev",), origin="emulated", sense="<=", value=0.5)
    assert unmet(facts(made, emulated)) == ["evidence"]
    both = facts(made, emulated, verdict(admits=(), value=0.5, origin="emulated"))
    assert unmet(both) == ["verdicts", "evidence"]
    assert "latency_p99_ms" not in named(both)["verdicts"].why
    assert "cosine_similarity" not in named(both)["evidence"].why


def test_every_verdict_against_it_counts_once() -> None:
    against = (verdict(admits=()), verdict(admits=(), origin="emulated"), verdict(admits=(), judged=False))
    refused, foreign = refusing((verdict(), *against), PROD)
    assert sorted((*refused, *foreign), key=str) == sorted(against, key=str)
    assert foreign == (against[1],)


@pytest.mark.parametrize("judged", [{}, {"digits": Judged(())}, {"digits": Judged((), "records are missing")}])
def test_where_nothing_was_judged_nothing_is_admitted(made: Release, judged: dict[str, Judged]) -> None:
    found = facts(made, judged=judged)
    assert unmet(found) == ["verdicts", "evidence"]
    assert named(found)["verdicts"].remedy


def test_required_checks_were_judged(made: Release) -> None:
    strict = Environment(name="prod", evidence=("measured",), required_checks=("cve_high", "opset"))
    assert unmet(facts(made, verdict("cve_high"), verdict("opset")), strict) == []
    missing = facts(made, verdict("cve_high", judged=False, why="no scanner"))
    assert unmet(missing, strict) == ["required_checks"]
    assert named(missing, strict)["required_checks"].why == (
        "not judged: cve_high (no scanner); opset (no gate speaks of it)"
    )


def test_every_target_of_a_required_check_was_judged(made: Release) -> None:
    strict = Environment(name="prod", evidence=("measured",), required_checks=("opset",))
    half = facts(made, verdict("opset"), verdict("opset", target="other", judged=False))
    assert unmet(half, strict) == ["required_checks"]


@pytest.mark.parametrize(("socs", "met"), [((), True), ((TARGET,), True), (("Ascend910B1",), False)])
def test_it_is_compiled_for_the_hardware(made: Release, socs: tuple[str, ...], met: bool) -> None:  # noqa: FBT001
    there = Environment(name="prod", evidence=("measured",), hardware=Hardware(soc_versions=socs))
    found = named(facts(made), there)["hardware"]
    assert (found.met, TARGET in found.why) == (met, True)


def test_a_dirty_tree_stays_where_that_is_allowed(made: Release) -> None:
    dirty = made.model_copy(update={"dirty": True})
    found = facts(dirty, released=Released(dirty, (dirty,)))
    assert unmet(found) == ["clean_tree"]
    assert unmet(found, DEV) == []
    judged = facts(made, verdict(), verdict("clean_tree", target="", admits=("dev",), sense="<=", value=1.0))
    assert unmet(judged) == ["clean_tree"]


def stay(made: Release, *, hours: float = 3, ended: Kind | None = None) -> Stay:
    first = entry(None, made, at=NOON - timedelta(hours=hours))
    other = made.model_copy(update={"version": "1.1.0"})
    after: Entry | None = entry(first, other, at=NOON, kind=ended) if ended else None
    return Stay(first, after)


def test_it_was_live_in_the_environment_before(made: Release) -> None:
    def come(record: Record) -> Facts:
        return facts(made, before=(DEV, record))

    assert unmet(come(Record(stay(made), timedelta(hours=3)))) == []
    assert unmet(come(Record(stay(made, ended=Kind.DEPLOY), timedelta(hours=3)))) == []
    never = come(Record(None, timedelta()))
    assert unmet(never) == ["came_from"]
    assert named(never)["came_from"].remedy == "deploy it there first: ascend promote digits --version 1.0.0 --to dev"
    left = come(Record(stay(made, ended=Kind.ROLLBACK), timedelta()))
    assert unmet(left) == ["came_from"]
    assert "left by a rollback in dev: better" in named(left)["came_from"].why


@pytest.mark.parametrize(("hours", "met"), [(0, False), (23.9, False), (24, True), (25, True)])
def test_it_soaked(made: Release, hours: float, met: bool) -> None:  # noqa: FBT001
    slow = Environment(name="prod", evidence=("measured",), soak_hours=24)
    found = facts(made, before=(DEV, Record(stay(made, hours=hours), timedelta(hours=hours))))
    assert named(found, slow)["soak"].met is met
    assert bool(named(found, slow)["soak"].remedy) is not met


def test_what_is_live_is_not_deployed_again(made: Release) -> None:
    live = entry(None, made)
    assert unmet(facts(made, present=Present("prod", "digits", live, live, ()))) == ["not_live"]
    other = entry(None, made.model_copy(update={"version": "0.9.0"}))
    assert unmet(facts(made, present=Present("prod", "digits", other, other, ()))) == []


def test_a_rollout_ended_well(made: Release) -> None:
    careful = Environment(name="prod", evidence=("measured",), required_checks=(ROLLOUT_RESULT,))
    missing = named(facts(made), careful)[ROLLOUT_RESULT]
    assert not missing
    assert "ascend model result digits --version 1.0.0 --env prod --report FILE" in missing.remedy
    recorded = entry(None, made, kind="result", result="0" * 64)
    good = Requirement(name="errors", met=True, why="few")
    bad = Requirement(name="latency", met=False, why="slow", remedy="look")
    assert unmet(facts(made, result=(recorded, (good,))), careful) == []
    failed = named(facts(made, result=(recorded, (good, bad))), careful)[ROLLOUT_RESULT]
    assert (failed.met, failed.why, failed.remedy) == (False, "latency: slow", "look")
    assert unmet(facts(made, result=(recorded, ())), careful) == [ROLLOUT_RESULT]


def test_what_other_gates_said_is_passed_on(made: Release) -> None:
    refused = Requirement(name="approvals", met=False, why="nobody signed", remedy="sign")
    assert requirements(PROD, facts(made, elsewhere=(refused,)))[-1] == refused


def test_models_of_a_bundle_are_told_apart(tmp_path: Path, made: Release) -> None:
    from registry_samples import bundle

    whole = Released(bundle(Blobs(FolderStore(tmp_path)), made), (made,))
    found = facts(made, verdict(admits=()), released=whole)
    assert named(found)["verdicts"].why.startswith("digits: cosine_similarity")
