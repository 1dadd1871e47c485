"""The simulated day: against theory, and the laws that it keeps."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ascend_assets.scale.figures import Requests
from ascend_assets.scale.queueing import erlang_c, mean_wait
from ascend_assets.scale.simulation import Arrival, Day, poisson, quantile, simulate
from ascend_assets.scale.walk_costs import KINDS, Task

SOC = "Ascend310P3"
ASKS = {kind: Requests(cpu=1, memory=2, disk=3) for kind in (*KINDS, "run")}


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - a test that can be repeated


def on_card(seconds: float, after: tuple[int, ...] = ()) -> Task:
    return Task("benchmark", "benchmark", seconds, 0.0, SOC, after)


def light(seconds: float, after: tuple[int, ...] = ()) -> Task:
    return Task("lint", "lint", seconds, 0.0, "", after)


def play(arrivals: Sequence[Arrival], cards: int, spread: float = 0.0, seed: int = 1) -> Day:
    return simulate(arrivals, {SOC: cards}, ASKS, spread=spread, seed=seed)


@pytest.mark.parametrize(("cards", "load"), [(1, 0.7), (4, 3.0), (12, 10.0)])
def test_it_waits_as_erlang_says(cards: int, load: float) -> None:
    """Poisson arrivals, exponential times: M/M/c, of which Erlang's law is exact."""
    chance = seeded(7)
    times = poisson(chance, load / 10.0, 0.0, 30_000 * 10.0 / load)
    arrivals = [Arrival(at, place, (on_card(chance.expovariate(0.1)),)) for place, at in enumerate(times)]
    waits = play(arrivals, cards).waits[SOC]
    assert len(waits) == len(arrivals)
    assert sum(wait > 0 for wait in waits) / len(waits) == pytest.approx(erlang_c(cards, load), rel=0.15)
    assert sum(waits) / len(waits) == pytest.approx(mean_wait(cards, load, 10.0), rel=0.25)


work = st.lists(st.tuples(st.floats(0, 500), st.floats(1, 200), st.floats(1, 200)), min_size=1, max_size=30)


@settings(deadline=None)
@given(work, st.integers(1, 8))
def test_with_another_card_nobody_waits_longer(rows: list[tuple[float, float, float]], cards: int) -> None:
    """Candidates of different models, each with two steps on a card after one without: first come, first served."""
    arrivals = [
        Arrival(at, place, (light(before), on_card(held, (0,)), on_card(held / 2, (0,))))
        for place, (at, before, held) in enumerate(rows)
    ]
    fewer, more = play(arrivals, cards), play(arrivals, cards + 1)
    for less, much in zip(sorted(more.waits[SOC]), sorted(fewer.waits[SOC]), strict=True):
        assert less <= much + 1e-9
    for less, much in zip(sorted(more.times), sorted(fewer.times), strict=True):
        assert less <= much + 1e-9


@settings(deadline=None)
@given(work, st.integers(1, 8))
def test_everything_is_done_and_none_faster_than_its_work(rows: list[tuple[float, float, float]], cards: int) -> None:
    arrivals = [
        Arrival(at, place % 3, (light(before), on_card(held, (0,)), light(5.0, (1,))), seen=2.0, before=3.0)
        for place, (at, before, held) in enumerate(rows)
    ]
    day = play(arrivals, cards)
    assert len(day.times) == len(rows)
    assert min(day.times) >= min(before + held for _, before, held in rows) + 10.0 - 1e-9
    busy = sum(held for _, _, held in rows)
    assert day.ended >= busy / cards - 1e-9


def test_candidates_of_one_model_are_built_one_at_a_time() -> None:
    same = play([Arrival(0.0, 7, (light(10.0),)), Arrival(0.0, 7, (light(10.0),))], 1)
    other = play([Arrival(0.0, 7, (light(10.0),)), Arrival(0.0, 8, (light(10.0),))], 1)
    assert sorted(same.times) == [10.0, 20.0]
    assert sorted(other.times) == [10.0, 10.0]
    assert (same.runs, other.runs) == (1, 2)


def test_a_step_waits_for_all_that_it_needs() -> None:
    steps = (light(10.0), light(30.0), light(5.0, (0, 1)))
    assert play([Arrival(0.0, 1, steps)], 1).times == [35.0]


def test_the_cards_go_to_whoever_asked_first() -> None:
    arrivals = [Arrival(float(place), place, (on_card(10.0),)) for place in range(3)]
    assert play(arrivals, 1).waits[SOC] == [0.0, 9.0, 18.0]


def test_pods_cores_memory_and_disk_are_counted_with_the_runs_own() -> None:
    day = play([Arrival(0.0, place, (light(10.0), light(10.0))) for place in range(3)], 1)
    assert (day.pods, day.cpu, day.memory, day.disk, day.runs) == (9, 9.0, 18.0, 27.0, 3)


def test_a_step_that_waits_for_a_card_has_no_pod() -> None:
    day = play([Arrival(0.0, place, (on_card(10.0),)) for place in range(3)], 1)
    assert (day.pods, day.runs) == (4, 3)


def test_work_varies_around_its_mean_and_is_the_same_for_any_number_of_cards() -> None:
    arrivals = [Arrival(0.0, place, (Task("om", "precision", 5.0, 60.0, SOC),)) for place in range(4000)]
    one, many = play(arrivals, 4000, spread=0.5), play(arrivals, 4000, spread=0.5)
    assert one.times == many.times
    mean = sum(one.times) / len(one.times)
    assert mean == pytest.approx(65.0, rel=0.05)
    deviation = (sum((t - mean) ** 2 for t in one.times) / len(one.times)) ** 0.5
    assert deviation == pytest.approx(30.0, rel=0.15)
    fewer = play(arrivals, 2000, spread=0.5)
    assert sum(fewer.times) - sum(fewer.waits[SOC]) == pytest.approx(sum(one.times))
    assert play(arrivals, 4000, spread=0.5, seed=2).times != one.times


def test_poisson_comes_as_often_as_asked() -> None:
    times = poisson(seeded(1), 0.1, 100.0, 100_100.0)
    assert times == sorted(times)
    assert (min(times) >= 100.0, max(times) < 100_100.0) == (True, True)
    assert len(times) == pytest.approx(10_000, rel=0.03)
    assert poisson(seeded(1), 0.0, 0.0, 100.0) == []


def test_a_quantile_is_one_of_the_values() -> None:
    assert [quantile([3.0, 1.0, 2.0, 4.0], share) for share in (0.0, 0.25, 0.5, 0.95, 1.0)] == [1.0, 1.0, 2.0, 4.0, 4.0]
    empty = quantile([], 0.5)
    assert empty != empty  # noqa: PLR0124 - NaN: nothing waited, which is not the same as no time


def test_whoever_waits_for_the_simulation_is_told() -> None:
    said: list[tuple[int, int]] = []
    arrivals = [Arrival(float(place), place, (light(1.0),)) for place in range(600)]
    simulate(arrivals, {}, ASKS, spread=0.0, seed=1, say=lambda done, of: said.append((done, of)))
    assert said == [(256, 600), (512, 600)]
