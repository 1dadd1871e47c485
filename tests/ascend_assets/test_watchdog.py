"""A sensor that stopped is found, and one that only had no daemon for a night is not."""

import time
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import InstigatorStatus, TickStatus
from hypothesis import given
from hypothesis import strategies as st
from sensor_history import beat, error, sensor, ticks

from ascend_assets import sensor_records, watchdog
from ascend_assets.watchdog import Pulse, Stopped, limit

NOW = 1_795_000_000.0
INTERVALS = {"commits_origin": 60.0, "deployed": 30.0}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        beat(made, NOW - 20)
        yield made


def stopped(instance: dg.DagsterInstance, *, outside: bool = True) -> tuple[Stopped, ...]:
    return watchdog.stopped(instance, INTERVALS, NOW, outside=outside)


def regular(until: float, interval: float = 30.0, count: int = 60) -> list[float]:
    return [until - interval * n for n in reversed(range(count))]


def test_sensors_that_tick_are_well(instance: dg.DagsterInstance) -> None:
    sensor(instance, "deployed", ended=NOW - 25)
    sensor(instance, "commits_origin", ended=NOW - 300)
    assert stopped(instance) == ()


def test_a_sensor_that_is_silent_while_another_ticks_has_stopped(instance: dg.DagsterInstance) -> None:
    sensor(instance, "deployed", ended=NOW - 25)
    ticks(instance, "deployed", regular(NOW - 25))
    sensor(instance, "commits_origin", ended=NOW - 1000)
    (found,) = stopped(instance)
    assert found.name == "commits_origin"
    assert found.since == NOW - 1000
    assert found.why.startswith("no tick of it has ended since 2026-")
    assert found.why.endswith("one is due every 60 s")


def test_the_night_in_which_the_daemon_was_down_does_not_count(instance: dg.DagsterInstance) -> None:
    """The first tick of all after the start looks at sensors whose turn has not come yet."""
    night = 8 * 3600
    sensor(instance, "deployed", ended=NOW - 1)
    ticks(instance, "deployed", [*regular(NOW - night), NOW - 1])
    sensor(instance, "commits_origin", ended=NOW - night)
    assert stopped(instance) == ()


def test_after_the_night_it_counts_again(instance: dg.DagsterInstance) -> None:
    night = 8 * 3600
    sensor(instance, "deployed", ended=NOW - 1)
    ticks(instance, "deployed", [*regular(NOW - night, count=5), *regular(NOW - 1, count=22)])
    sensor(instance, "commits_origin", ended=NOW - night)
    assert [one.name for one in stopped(instance)] == ["commits_origin"]


def test_a_slow_sensor_is_given_five_of_its_intervals(instance: dg.DagsterInstance) -> None:
    intervals = {"deployed": 30.0, "toolchain_changed": 300.0}
    sensor(instance, "deployed", ended=NOW - 1)
    ticks(instance, "deployed", regular(NOW - 1, count=120))
    sensor(instance, "toolchain_changed", ended=NOW - 1490)
    assert watchdog.stopped(instance, intervals, NOW) == ()
    assert [one.name for one in watchdog.stopped(instance, intervals, NOW + 60)] == ["toolchain_changed"]


def test_what_somebody_switched_off_has_not_stopped(instance: dg.DagsterInstance) -> None:
    sensor(instance, "deployed", ended=NOW - 1)
    ticks(instance, "deployed", regular(NOW - 1))
    sensor(instance, "commits_origin", ended=NOW - 9e5, status=InstigatorStatus.STOPPED, good=False)
    assert stopped(instance) == ()


def test_what_was_just_switched_on_has_not_stopped(instance: dg.DagsterInstance) -> None:
    sensor(instance, "deployed", ended=NOW - 1)
    ticks(instance, "deployed", regular(NOW - 1))
    sensor(instance, "commits_origin", begun=NOW - 60, ended=NOW - 9e5)
    assert stopped(instance) == ()


def test_a_daemon_that_never_ran_owes_nothing() -> None:
    with dg.instance_for_test() as instance:
        assert stopped(instance) == ()


def test_a_dead_daemon_is_one_trouble_and_not_one_per_sensor(instance: dg.DagsterInstance) -> None:
    beat(instance, NOW - 4000)
    sensor(instance, "deployed", ended=NOW - 4000)
    (found,) = stopped(instance)
    assert (found.name, found.since) == ("daemon", NOW - 4000)
    assert "nothing starts by itself" in found.why


def test_a_daemon_that_asks_nobody_is_one_trouble(instance: dg.DagsterInstance) -> None:
    sensor(instance, "deployed", ended=NOW - 2000)
    sensor(instance, "commits_origin", ended=NOW - 2100)
    (found,) = stopped(instance)
    assert (found.name, found.since) == ("every sensor", NOW - 2000)
    assert "does the code location load?" in found.why
    assert "1970" not in stopped_by_none()[0].why
    assert stopped(instance, outside=False) == (), "a sensor that asks is itself asked"


def test_the_first_tick_after_a_night_sees_nobody_working_and_is_silent(instance: dg.DagsterInstance) -> None:
    """Also its own last tick lies in the evening before."""
    for name in ("notices", "deployed", "commits_origin"):
        sensor(instance, name, ended=NOW - 8 * 3600)
        ticks(instance, name, regular(NOW - 8 * 3600))
    ticks(instance, "notices", [NOW], TickStatus.STARTED)
    assert stopped(instance, outside=False) == ()


def test_the_one_who_asks_is_a_pulse_too_though_it_is_not_asked_about(instance: dg.DagsterInstance) -> None:
    sensor(instance, "notices", ended=NOW - 30)
    ticks(instance, "notices", regular(NOW - 30))
    for name in INTERVALS:
        sensor(instance, name, ended=NOW - 1500)
    assert [one.name for one in stopped(instance, outside=False)] == ["commits_origin", "deployed"]


def stopped_by_none() -> tuple[Stopped, ...]:
    with dg.instance_for_test() as instance:
        beat(instance, NOW)
        return stopped(instance)


def test_a_sensor_that_the_daemon_never_saw_counts_from_when_its_code_was_loaded(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensor(instance, "deployed", ended=NOW - 1)
    ticks(instance, "deployed", regular(NOW - 1))
    (found,) = stopped(instance)
    assert found.name == "commits_origin"
    assert "this version of the code" in found.why
    monkeypatch.setattr(watchdog, "_LOADED", NOW - 100)
    assert stopped(instance, outside=False) == ()
    monkeypatch.setattr(watchdog, "_LOADED", NOW - 1000)
    assert [one.name for one in stopped(instance, outside=False)] == ["commits_origin"]
    assert watchdog.stopped(instance, INTERVALS, time.time()) != (), "a heartbeat of long ago"


def test_ticks_that_fail_again_and_again_are_a_stopped_sensor(instance: dg.DagsterInstance) -> None:
    sensor(instance, "deployed", ended=NOW - 1)
    sensor(instance, "commits_origin", ended=NOW - 10, good=False)
    ticks(instance, "commits_origin", [NOW - 400])
    wrong = error("Error occurred during the execution of evaluation_fn", "KeyError: 'x'\nmore")
    ticks(instance, "commits_origin", [NOW - 300, NOW - 200, NOW - 10], TickStatus.FAILURE, failed=wrong)
    (found,) = stopped(instance)
    assert found == Stopped("commits_origin", NOW - 300, "its last 3 ticks failed: KeyError: 'x'")


@pytest.mark.parametrize("times", [(NOW - 300, NOW - 200), (NOW - 90, NOW - 60, NOW - 30)])
def test_two_failures_or_a_minute_of_them_are_not_yet(instance: dg.DagsterInstance, times: tuple[float, ...]) -> None:
    sensor(instance, "deployed", ended=NOW - 1)
    sensor(instance, "commits_origin", ended=NOW - 10, good=False)
    ticks(instance, "commits_origin", times, TickStatus.FAILURE, failed=error("down"))
    assert stopped(instance) == ()


def test_a_tick_that_goes_on_does_not_hide_the_failed_ones(instance: dg.DagsterInstance) -> None:
    sensor(instance, "deployed", ended=NOW - 1)
    sensor(instance, "commits_origin", ended=NOW - 200, good=False)
    ticks(instance, "commits_origin", [NOW - 400, NOW - 300, NOW - 200], TickStatus.FAILURE, failed=error("down"))
    ticks(instance, "commits_origin", [NOW - 5], TickStatus.STARTED)
    assert [one.name for one in stopped(instance)] == ["commits_origin"]


def test_one_good_tick_and_it_is_well_again(instance: dg.DagsterInstance) -> None:
    sensor(instance, "deployed", ended=NOW - 1)
    sensor(instance, "commits_origin", ended=NOW - 200, good=False)
    ticks(instance, "commits_origin", [NOW - 500, NOW - 400, NOW - 300], TickStatus.FAILURE, failed=error("down"))
    ticks(instance, "commits_origin", [NOW - 200])
    assert stopped(instance) == ()


def test_a_tick_that_hangs_is_silence(instance: dg.DagsterInstance) -> None:
    sensor(instance, "deployed", ended=NOW - 1)
    ticks(instance, "deployed", regular(NOW - 1))
    sensor(instance, "commits_origin", ended=NOW - 2000, good=False)
    ticks(instance, "commits_origin", [NOW - 2000])
    ticks(instance, "commits_origin", [NOW - 1990], TickStatus.STARTED)
    assert [one.name for one in stopped(instance)] == ["commits_origin"]


def test_the_state_that_another_code_location_left_behind_is_not_taken_for_this_one(
    instance: dg.DagsterInstance,
) -> None:
    sensor(instance, "deployed", ended=NOW - 1)
    sensor(instance, "commits_origin", ended=NOW - 1)
    sensor(instance, "commits_origin", ended=NOW - 9e5, location="the_old_name")
    assert stopped(instance) == ()


def test_the_sensors_that_are_due_are_those_that_run_by_default() -> None:
    @dg.sensor(name="on", default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=45)
    def on() -> None: ...

    @dg.sensor(name="off")
    def off() -> None: ...

    found = dg.Definitions(sensors=[on, off]).get_repository_def()
    assert sensor_records.due(found) == {"on": 45.0}


@given(
    interval=st.sampled_from([10.0, 30.0, 60.0, 300.0]),
    outages=st.lists(st.floats(min_value=600, max_value=1e6), max_size=3),
    after=st.integers(min_value=1, max_value=8),
)
def test_outages_of_any_length_never_count_for_more_than_a_few_ticks(
    interval: float, outages: list[float], after: int
) -> None:
    at, times = NOW, []
    for gap in [*outages, 0.0]:
        for _ in range(after):
            times.append(at)
            at -= interval
        at -= gap
    alive = Pulse(interval, tuple(times)).alive(0.0, NOW)
    assert alive <= len(times) * interval + len(outages) * (2 * interval + 60)
    assert alive >= (after - 1) * interval


def test_where_nobody_ticked_since_no_time_counts() -> None:
    assert Pulse(30.0, ()).alive(0.0, NOW) == 0
    assert Pulse(30.0, (NOW - 60.0,)).alive(NOW - 30.0, NOW) == 0


@given(st.floats(min_value=1, max_value=1e6))
def test_nothing_counts_as_stopped_within_five_intervals_or_ten_minutes(interval: float) -> None:
    assert limit(interval) >= 5 * interval
    assert limit(interval) >= 600
