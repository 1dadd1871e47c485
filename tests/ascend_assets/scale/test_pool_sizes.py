"""How many cards and slots a demand needs."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ascend_assets.scale import pools
from ascend_assets.scale.demand import Demand
from ascend_assets.scale.figures import overheads
from ascend_assets.scale.pools import Goal, TooFew
from ascend_assets.scale.typical import shares, shipped
from ascend_assets.scale.walk_costs import Costs

SOC = "Ascend310P3"
COSTS = Costs(overheads(), {}, 100)
KINDS = (shipped([SOC]),)


def asked(commits: float, targets: float = 1.0) -> Demand:
    return Demand(1000, {SOC: targets}, commits)


def test_the_load_is_arrivals_times_the_time_that_a_card_is_held() -> None:
    held = pools.of_cards(SOC, asked(3600), KINDS, COSTS)
    assert (held.a_day, held.peak) == (7200, 0.2)
    assert held.load == pytest.approx(0.2 * held.mean)
    assert held.over_the_day == pytest.approx(held.load * 10 / 24)
    assert held.mean == pytest.approx(COSTS.pod + (60 + 45) / 2 + (314.5 + 125) / 2 * 5.048e-3)


def test_a_mixture_varies_more_than_each_of_its_parts() -> None:
    slow = replace(KINDS[0], latency_ms={SOC: 500.0})
    each = [pools.of_cards(SOC, asked(100), (kind,), COSTS).spread for kind in (KINDS[0], slow)]
    both = pools.of_cards(SOC, asked(100), shares((KINDS[0], slow)), COSTS)
    assert both.spread > max(each)
    assert both.mean == pytest.approx(
        sum(pools.of_cards(SOC, asked(100), (k,), COSTS).mean for k in (KINDS[0], slow)) / 2
    )


def test_compilations_come_once_per_target_and_exports_once_per_commit() -> None:
    demand = Demand(1000, {SOC: 2.0}, 300.0, retrainings_a_month=3.0)
    slots = {held.pool: held for held in pools.of_slots(demand, KINDS, COSTS)}
    assert (slots["compiling"].a_day, slots["exporting"].a_day) == (800.0, 300.0)
    assert (slots["compiling"].together, slots["compiling"].of_a_model) == (2, 2.0)
    only_retrained = Demand(1000, {SOC: 2.0}, 0.0, retrainings_a_month=3.0)
    assert [held.pool for held in pools.of_slots(only_retrained, KINDS, COSTS)] == ["compiling"]


@settings(deadline=None)
@given(st.floats(1, 20_000), st.floats(0, 20_000), st.floats(0.1, 0.95), st.floats(1, 3600))
def test_more_commits_never_need_fewer_cards(commits: float, more: float, utilisation: float, wait: float) -> None:
    goal = Goal(utilisation, wait)
    few = pools.sized(pools.of_cards(SOC, asked(commits), KINDS, COSTS), goal)
    many = pools.sized(pools.of_cards(SOC, asked(commits + more), KINDS, COSTS), goal)
    assert many.places >= few.places
    assert few.held.load / few.places <= utilisation + 1e-6


@settings(deadline=None)
@given(st.floats(1, 20_000), st.floats(1, 3600), st.floats(0, 3600))
def test_who_may_wait_longer_needs_no_more_cards(commits: float, wait: float, longer: float) -> None:
    held = pools.of_cards(SOC, asked(commits), KINDS, COSTS)
    assert pools.sized(held, Goal(0.7, wait + longer)).for_wait <= pools.sized(held, Goal(0.7, wait)).for_wait


def test_less_than_a_days_work_in_a_day_is_refused_with_the_least_number() -> None:
    held = pools.of_cards(SOC, asked(3000), KINDS, COSTS)
    least = int(held.over_the_day) + 1
    pools.require(held, least)
    with pytest.raises(TooFew, match=rf"{SOC}: .* give {least} or more"):
        pools.require(held, least - 1)
