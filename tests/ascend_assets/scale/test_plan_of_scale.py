"""The whole plan of a demand."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ascend_assets.cluster import cluster_file
from ascend_assets.scale import day, in_cluster
from ascend_assets.scale.demand import Demand
from ascend_assets.scale.figures import overheads
from ascend_assets.scale.plan import Plan, plan
from ascend_assets.scale.pools import Goal, TooFew
from ascend_assets.scale.typical import shares, shipped

SOC, OTHER = "Ascend310P3", "Ascend910B3"
THERE = in_cluster.of(cluster_file.in_force(), overheads())


def planned(
    models: int = 100,
    commits: float = 200.0,
    targets: Mapping[str, float] | None = None,
    cards: Mapping[str, int] | None = None,
    **more: float,
) -> Plan:
    demand = Demand(models, targets or {SOC: 1.0}, commits, **more)
    return plan(demand, (shipped(demand.targets),), THERE, cards=cards)


def test_a_plan_is_the_same_every_time() -> None:
    assert planned() == planned()


def test_the_parts_fit_together() -> None:
    found = planned(models=500, commits=1000, targets={SOC: 1.0, OTHER: 0.5})
    assert [pool.name for pool in found.cards] == [SOC, OTHER]
    assert {pool.name for pool in found.slots} == {"compiling", "exporting"}
    assert found.use.pods_a_day == pytest.approx(1000 * (1 + 10 + 6 * 1.5))
    assert found.release_p50 <= found.release_p95
    assert all(pool.at_peak <= 0.7 + 1e-9 for pool in found.cards)
    kinds = {stage.kind: stage for stage in found.stages}
    assert (kinds["om"].pods_a_day, kinds["judging"].pods_a_day) == pytest.approx((1500, 1000 * (4 + 3 * 1.5)))
    # By Little's law, what is there at once is arrivals times stay; the played day has no more on average.
    assert found.use.pods >= sum(stage.at_once for stage in found.stages)
    assert found.origin == "assumed"


def test_half_a_target_is_every_second_model() -> None:
    found = planned(commits=2000, models=1000, targets={SOC: 1.0, OTHER: 0.5})
    waits = {soc: len(found.played.day.waits[soc]) for soc in (SOC, OTHER)}
    assert waits[OTHER] / waits[SOC] == pytest.approx(0.5, abs=0.05)


def test_a_mix_is_played_by_its_shares() -> None:
    slow = replace(shipped([SOC]), name="slow", latency_ms={SOC: 2000.0})
    demand = Demand(1000, {SOC: 1.0}, 500.0)
    fast, mixed = (
        plan(demand, kinds, THERE, cards={SOC: 60}) for kinds in ((shipped([SOC]),), shares((shipped([SOC]), slow)))
    )
    # Half of the models take ten minutes more on a card.
    assert mixed.release_p50 < fast.release_p50 + 700
    assert mixed.release_p95 > fast.release_p95 + 300


def test_with_fewer_cards_one_waits_and_with_too_few_for_ever() -> None:
    enough, few = planned(models=1000, commits=1000), planned(models=1000, commits=1000, cards={SOC: 2})
    assert (few.cards[0].places, enough.cards[0].places) == (2, 6)
    assert few.cards[0].wait_p95 > 3600 > enough.cards[0].wait_p95
    assert few.release_p95 > enough.release_p95
    assert few.cards[0].at_peak > 1 > few.cards[0].over_the_day
    with pytest.raises(TooFew, match="grow for ever"):
        planned(models=1000, commits=1000, cards={SOC: 1})


@settings(deadline=None, max_examples=8)
@given(st.integers(20, 400), st.integers(1, 6))
def test_another_card_never_lets_anybody_wait_longer(commits: int, cards: int) -> None:
    """Of as many models as commits, so that hardly one waits for another of its own."""
    fewer = planned(models=1_000_000, commits=float(commits), cards={SOC: cards})
    more = planned(models=1_000_000, commits=float(commits), cards={SOC: cards + 1})
    assert more.release_p50 <= fewer.release_p50 + 1e-6
    assert more.release_p95 <= fewer.release_p95 + 1e-6


@settings(deadline=None, max_examples=8)
@given(st.integers(10, 2000), st.integers(1, 3000), st.integers(1, 3000))
def test_more_commits_need_no_less_of_anything(models: int, commits: int, more: int) -> None:
    few, many = planned(models, float(commits)), planned(models, float(commits + more))
    for pool, larger in zip((*few.cards, *few.slots), (*many.cards, *many.slots), strict=True):
        assert larger.places >= pool.places
    assert many.use.pods_a_day >= few.use.pods_a_day
    assert many.storage.store_gb_a_month >= few.storage.store_gb_a_month


def test_a_large_day_is_played_in_part_and_its_peaks_stand_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = planned(models=5000, commits=4000)
    monkeypatch.setattr(day, "MOST_TASKS", 20_000)
    part = planned(models=5000, commits=4000)
    assert (whole.played.part, part.played.part) == (1, 4)
    assert len(part.played.day.times) == pytest.approx(len(whole.played.day.times) / 4, rel=0.1)
    assert part.use.pods == pytest.approx(whole.use.pods, rel=0.6)
    assert part.cards[0].wait_p95 >= whole.cards[0].wait_p95
    assert part.release_p50 == pytest.approx(whole.release_p50, rel=0.3)


def test_of_few_commits_several_days_are_played() -> None:
    found = planned(commits=10)
    assert found.played.days == 50
    assert len(found.played.day.times) == pytest.approx(500, rel=0.2)
    assert 0 < found.played.last < 86_400
    assert planned(commits=600).played.days == 1


def test_retrainings_need_cards_by_night_too() -> None:
    found = planned(models=1000, commits=0, retrainings_a_month=6)
    assert found.demand.peak * 86_400 == pytest.approx(200)
    assert found.cards[0].at_peak == pytest.approx(found.cards[0].over_the_day)
    assert [stage.kind for stage in found.stages][1] == "challenger"
    assert found.release_p50 > 1800


def test_a_stricter_goal_needs_more_cards() -> None:
    demand = Demand(1000, {SOC: 1.0}, 1000.0)
    relaxed, strict = (
        plan(demand, (shipped([SOC]),), THERE, goal=goal) for goal in (Goal(0.9, 3600.0), Goal(0.7, 5.0))
    )
    assert strict.cards[0].places > relaxed.cards[0].places
    assert strict.cards[0].wait_p95 <= relaxed.cards[0].wait_p95
