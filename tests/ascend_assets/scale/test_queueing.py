"""Formulas of queues: against published values, and the laws that they keep."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ascend_assets.scale import queueing
from ascend_assets.scale.queueing import TooMany, erlang_b, erlang_c, mean_wait, servers_for, waits_longer

LOADS = st.floats(0.01, 200.0)
SERVERS = st.integers(1, 300)
SPREADS = st.floats(0.0, 4.0)


@pytest.mark.parametrize(
    ("servers", "load", "blocked"), [(1, 1.0, 0.5), (5, 2.0, 0.0367), (10, 5.0, 0.0184), (2, 1.0, 0.2)]
)
def test_erlangs_b_has_the_values_of_its_tables(servers: int, load: float, blocked: float) -> None:
    assert erlang_b(servers, load) == pytest.approx(blocked, abs=5e-5)


@pytest.mark.parametrize(("servers", "load", "waits"), [(5, 4.0, 0.5541), (10, 8.0, 0.4092), (2, 1.0, 1 / 3)])
def test_erlangs_c_has_the_values_of_its_tables(servers: int, load: float, waits: float) -> None:
    assert erlang_c(servers, load) == pytest.approx(waits, abs=5e-5)


def test_one_server_is_the_queue_that_everybody_knows() -> None:
    """M/M/1: the wait is service x load / (1 - load); M/D/1 (nothing varies) half of it."""
    assert erlang_c(1, 0.8) == pytest.approx(0.8)
    assert mean_wait(1, 0.8, 10.0) == pytest.approx(40.0)
    assert mean_wait(1, 0.8, 10.0, spread=0.0) == pytest.approx(20.0)
    assert waits_longer(1, 0.8, 10.0, 0.0) == pytest.approx(0.8)
    assert waits_longer(1, 0.8, 10.0, 50.0) == pytest.approx(0.8 * math.exp(-1.0))


def test_beyond_capacity_everything_waits_for_ever() -> None:
    assert erlang_c(3, 3.0) == 1.0
    assert math.isinf(mean_wait(3, 3.0, 1.0))
    assert waits_longer(3, 3.5, 1.0, 1e9) == 1.0


@given(SERVERS, LOADS, SPREADS)
def test_another_server_never_makes_anybody_wait_longer(servers: int, load: float, spread: float) -> None:
    assert erlang_c(servers + 1, load) <= erlang_c(servers, load)
    assert mean_wait(servers + 1, load, 60.0, spread=spread) <= mean_wait(servers, load, 60.0, spread=spread)
    assert waits_longer(servers + 1, load, 60.0, 30.0, spread=spread) <= waits_longer(
        servers, load, 60.0, 30.0, spread=spread
    )


@given(SERVERS, LOADS, st.floats(0.0, 50.0))
def test_more_work_never_waits_less(servers: int, load: float, more: float) -> None:
    assert erlang_c(servers, load + more) >= erlang_c(servers, load) - 1e-12


@given(LOADS, st.floats(1.0, 1000.0), st.floats(0.05, 0.99), st.floats(0.0, 1000.0), SPREADS)
def test_servers_are_enough_and_no_more(
    load: float, service: float, utilisation: float, wait: float, spread: float
) -> None:
    def enough(servers: int) -> bool:
        kept = load / servers <= utilisation * (1 + 1e-9)
        return kept and waits_longer(servers, load, service, wait, spread=spread) <= 0.05

    found = servers_for(load, service, utilisation=utilisation, wait=wait, spread=spread)
    assert enough(found)
    assert found == 1 or not enough(found - 1)


def test_more_servers_than_anybody_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TooMany, match="more than 1,000,000"):
        servers_for(2e6, 1.0, utilisation=0.7, wait=1.0)
    monkeypatch.setattr(queueing, "MAX_SERVERS", 3)
    with pytest.raises(TooMany, match="a wait of 0"):
        servers_for(2.5, 100.0, utilisation=1.0, wait=0.0)
