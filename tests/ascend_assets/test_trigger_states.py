"""Everything that a person wants to know of a trigger is in one row, whatever its sensor keeps in its cursor."""

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import InstigatorStatus, TickStatus
from hypothesis import given
from hypothesis import strategies as st
from sensor_history import beat, error, sensor, ticks

from ascend_assets import trigger_states
from ascend_assets.trigger_states import Doing, Installation
from resources.breaker import COOL, FAILURES, Breaker

NOW = 1_795_000_000.0


@dg.sensor(name="commits_origin", default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=60)
def commits_origin() -> None: ...


@dg.sensor(name="by_hand")
def by_hand() -> None: ...


REPOSITORY = dg.Definitions(sensors=[commits_origin, by_hand]).get_repository_def()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        beat(made, NOW - 5)
        yield made


def look(instance: dg.DagsterInstance) -> Installation:
    return trigger_states.look(instance, REPOSITORY, NOW)


def commits(instance: dg.DagsterInstance) -> Doing:
    found = {one.name: one for one in look(instance).triggers}
    assert list(found) == ["by_hand", "commits_origin"]
    return found["commits_origin"]


def test_before_the_daemon_ever_ran_that_is_what_is_wrong() -> None:
    with dg.instance_for_test() as instance:
        found = look(instance)
    assert [(one.name, one.word) for one in found.triggers] == [("by_hand", "off"), ("commits_origin", "new")]
    assert found.wrong == ("no daemon ever ran here, so nothing starts by itself: start one (dagster-daemon run)",)


def test_one_that_is_well(instance: dg.DagsterInstance) -> None:
    sensor(instance, "commits_origin", ended=NOW - 30, cursor='{"refs": {}}')
    ticks(instance, "commits_origin", [NOW - 30], skip="no branch has a new commit")
    one = commits(instance)
    assert (one.word, one.every, one.last, one.said) == ("ok", 60.0, NOW - 30, "no branch has a new commit")
    assert look(instance).wrong == ()


def test_one_that_asked_for_runs(instance: dg.DagsterInstance) -> None:
    sensor(instance, "commits_origin", ended=NOW - 30)
    ticks(instance, "commits_origin", [NOW - 30], TickStatus.SUCCESS, run_ids=["a", "b"])
    one = commits(instance)
    assert (one.said, one.runs) == ("asked for 2 runs", 2)


def test_one_whose_source_is_down(instance: dg.DagsterInstance) -> None:
    trouble = {"since": "2026-11-21T10:00:00+00:00", "times": 4, "why": "origin cannot be reached"}
    sensor(instance, "commits_origin", ended=NOW - 30, cursor=json.dumps({"trouble": trouble}))
    one = commits(instance)
    assert one.word == "trouble"
    assert one.why == "since 2026-11-21T10:00:00+00:00, 4 times: origin cannot be reached"
    assert look(instance).wrong == (f"commits_origin is in trouble {one.why}",)


@pytest.mark.parametrize(("ago", "state"), [(1.0, "open"), (COOL + 1, "half_open")])
def test_one_whose_breaker_is_open(instance: dg.DagsterInstance, ago: float, state: str) -> None:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker = breaker.failed(NOW - ago, "the hub answers 500")
    sensor(instance, "commits_origin", ended=NOW - 30, cursor=json.dumps({"breaker": breaker.model_dump()}))
    one = commits(instance)
    assert (one.word, one.breaker) == ("trouble", state)
    assert one.why.endswith("the hub answers 500")


def test_a_closed_breaker_is_no_trouble(instance: dg.DagsterInstance) -> None:
    cursor = json.dumps({"breaker": Breaker().failed(NOW, "once").model_dump(), "trouble": None})
    sensor(instance, "commits_origin", ended=NOW - 30, cursor=cursor)
    assert (commits(instance).word, commits(instance).breaker) == ("ok", "closed")


def test_one_whose_last_tick_failed(instance: dg.DagsterInstance) -> None:
    sensor(instance, "commits_origin", ended=NOW - 30, good=False)
    ticks(instance, "commits_origin", [NOW - 30], TickStatus.FAILURE, failed=error("outer", "KeyError: 'x'"))
    one = commits(instance)
    assert (one.word, one.said) == ("failed", "KeyError: 'x'")
    assert look(instance).wrong == (), "one failed tick is tried again"


def test_one_that_stopped(instance: dg.DagsterInstance) -> None:
    sensor(instance, "by_hand", ended=NOW - 1)
    ticks(instance, "by_hand", [NOW - 30 * n for n in range(60, 0, -1)])
    sensor(instance, "commits_origin", ended=NOW - 1500, cursor='{"trouble": {"why": "old"}}')
    assert commits(instance).word == "stopped"
    assert look(instance).wrong[0].startswith("commits_origin has stopped: no tick of it has ended since")


def test_one_that_was_switched_off(instance: dg.DagsterInstance) -> None:
    sensor(instance, "commits_origin", ended=NOW - 1e6, status=InstigatorStatus.STOPPED)
    assert commits(instance).word == "off"
    assert look(instance).wrong == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON)
def test_no_cursor_breaks_it(trouble: Any, breaker: Any) -> None:
    kept = trigger_states._object(json.dumps({"trouble": trouble, "breaker": breaker}))
    found = trigger_states._trouble(kept)
    assert found is None or len(found.why) <= 500
    assert trigger_states._breaker(kept, NOW) in {"", "closed", "open", "half_open"}


@pytest.mark.parametrize("cursor", ["", "no json", "[1]", "5", "[" * 100_000])
def test_a_cursor_that_is_no_object_says_nothing(instance: dg.DagsterInstance, cursor: str) -> None:
    sensor(instance, "commits_origin", ended=NOW - 30, cursor=cursor)
    assert commits(instance).word == "ok"
