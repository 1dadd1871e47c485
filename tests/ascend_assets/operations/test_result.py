"""result: how a canary or an A/B test ended is recorded where it ran, good or bad, if it is about what is live."""

import json
from typing import Any

import pytest
from moving import MORNING, World, report, world

from ascend_assets.operations import result
from ascend_assets.operations.result import ResultRefused
from resources.registry import audit
from resources.registry.ledger import Kind
from resources.registry.manifests import NotReleased

__all__ = ["world"]


def as_json(**fields: Any) -> bytes:
    return json.dumps(report(**fields)).encode()


def test_a_good_result_is_recorded(world: World) -> None:
    world.publish(0)
    recorded = world.record(as_json())
    assert recorded
    entry = recorded.entry
    assert (entry.kind, entry.version, entry.actor, entry.reason) == (Kind.RESULT, "1.0.0", "ada", "tested")
    assert world.tools.ledger.current("trial", "digits") == entry
    assert world.tools.ledger.live("trial", "digits") is None
    assert audit.verify(world.store, "trial", "digits")
    assert world.tools.blobs.read(entry.policy_digest) == world.tools.environments.get("trial").encoded()


def test_a_bad_result_is_recorded_and_says_why(world: World) -> None:
    world.publish(0)
    bad = report()
    bad["candidate"]["latency_p99_ms"] = "NaN"
    recorded = world.record(json.dumps(bad).encode())
    assert not recorded
    assert [r.name for r in recorded.judged if not r] == ["latency"]
    assert world.tools.ledger.current("trial", "digits") == recorded.entry


def test_the_same_report_is_recorded_once(world: World) -> None:
    world.publish(0)
    first = world.record(as_json())
    assert world.record(json.dumps(report(), indent=2).encode()).entry == first.entry
    assert len(world.tools.ledger.history("trial", "digits")) == 1


def test_a_dry_run_writes_nothing(world: World) -> None:
    world.publish(0)
    before = sorted(world.store.list())
    assert world.record(as_json(), dry_run=True)
    assert sorted(world.store.list()) == before


def test_the_newest_result_of_a_release_counts(world: World) -> None:
    world.publish(0)
    trial = world.tools.environments.get("trial")
    digest = world.tools.registry.get("digits", "1.0.0").digest
    bad = report()
    bad["candidate"]["errors"] = 4000
    world.record(as_json())
    last = world.record(json.dumps(bad).encode()).entry
    found = result.newest(world.tools, trial, world.tools.ledger.present("trial", "digits"), digest)
    assert found is not None
    assert (found[0], all(found[1])) == (last, False)
    assert result.newest(world.tools, trial, world.tools.ledger.present("trial", "digits"), "0" * 64) is None


def test_a_stored_report_is_judged_again_and_not_believed(world: World) -> None:
    world.publish(0)
    trial = world.tools.environments.get("trial")
    recorded = world.record(as_json()).entry
    world.rewrite(f"blobs/sha256/{recorded.result}", b"{}")
    found = result.newest(world.tools, trial, world.tools.ledger.present("trial", "digits"), recorded.release_digest)
    assert found is not None
    assert [(r.name, r.met) for r in found[1]] == [("report", False)]
    assert "is damaged" in found[1][0].why


def in_trial(world: World) -> None:
    """1.0.0 is live in trial, 1.1.0 is about to be tested there."""
    world.live(0)
    world.wait(2)
    world.promote(0, "staging")
    world.record(as_json(at=world.moment))
    world.promote(0, "trial")
    world.publish(1)
    world.wait(2)


def test_a_result_is_against_what_is_live(world: World) -> None:
    in_trial(world)
    assert world.record(as_json(number=1, baseline=0, at=world.moment), 1)
    with pytest.raises(ResultRefused, match=r"compares with nothing, but 1\.0\.0 is live in trial"):
        world.record(as_json(number=1, at=world.moment), 1)
    with pytest.raises(ResultRefused, match=r"compares with 1\.7\.0"):
        world.record(as_json(number=1, baseline=7, at=world.moment), 1)


def test_a_test_that_began_before_what_is_live_was_against_another(world: World) -> None:
    in_trial(world)
    early = as_json(number=1, baseline=0, started=MORNING.isoformat(), at=world.moment)
    with pytest.raises(ResultRefused, match=r"before 1\.0\.0 became live"):
        world.record(early, 1)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"number": 3}, r"is about 1\.3\.0, not 1\.0\.0"),
        ({"ended": "2026-11-20T08:06:00Z"}, "which is not yet"),
        ({"ended": "2026-11-20T07:00:00Z"}, "ended: must be later than started"),
        ({"kind": "shadow"}, "kind"),
        ({"sneaked": 1}, "sneaked"),
        ({"candidate": {"version": "1.0.0"}}, r"candidate\.requests"),
    ],
)
def test_a_report_that_cannot_be_used_is_refused(world: World, fields: dict[str, Any], why: str) -> None:
    world.publish(0)
    with pytest.raises(ResultRefused, match=why):
        world.record(as_json(**fields))
    assert world.tools.ledger.current("trial", "digits") is None


@pytest.mark.parametrize("text", [b"", b"[]", b"\xff", b"[" * 20_000, b" " * 70_000])
def test_what_is_no_report_is_refused(world: World, text: bytes) -> None:
    world.publish(0)
    with pytest.raises(ResultRefused, match="report"):
        world.record(text)


def test_a_result_of_no_release_is_refused(world: World) -> None:
    with pytest.raises(NotReleased):
        world.record(as_json())
