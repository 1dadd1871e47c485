"""A larger number is not enough: the exact test, its interval, and the decision."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import binomtest

from ascend_assets.training.compare import Paired, interval, judge, mcnemar

counts = st.integers(0, 3000)


def paired(wins: int, losses: int, *, both: int = 400, neither: int = 50) -> Paired:
    return Paired(samples=both + wins + losses + neither, both=both, only_challenger=wins, only_champion=losses)


EQUAL = paired(5, 5)


@given(counts, counts)
def test_it_is_the_binomial_test(wins: int, losses: int) -> None:
    expected = binomtest(wins, wins + losses, 0.5, alternative="greater").pvalue if wins + losses else 1.0
    assert mcnemar(wins, losses) == pytest.approx(expected, rel=1e-6, abs=1e-300)


@given(counts, counts)
def test_it_is_a_probability_that_falls_with_every_win(wins: int, losses: int) -> None:
    assert 0 <= mcnemar(wins + 1, losses) <= mcnemar(wins, losses) <= 1
    assert mcnemar(wins, losses + 1) >= mcnemar(wins, losses)


@given(counts, counts)
def test_both_sides_share_what_is_drawn(wins: int, losses: int) -> None:
    """P(X >= wins) + P(X < wins) = 1, and the second is the other side's P(X >= losses + 1)."""
    trials_same = mcnemar(wins, losses) + (mcnemar(losses + 1, wins - 1) if wins else 0.0)
    assert trials_same == pytest.approx(1.0)


@pytest.mark.parametrize(("wins", "losses", "p"), [(0, 0, 1.0), (5, 0, 1 / 32), (4, 1, 6 / 32), (0, 9, 1.0)])
def test_small_counts_are_exact(wins: int, losses: int, p: float) -> None:
    assert mcnemar(wins, losses) == pytest.approx(p)


def test_millions_are_no_trouble() -> None:
    expected = binomtest(1_002_000, 2_000_000, 0.5, alternative="greater").pvalue
    assert mcnemar(1_002_000, 998_000) == pytest.approx(expected, rel=1e-5)
    assert mcnemar(2_000_000, 0) == 0.0


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        mcnemar(-1, 3)


def test_counts_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValidationError, match="more than these"):
        Paired(samples=10, both=8, only_challenger=2, only_champion=1)
    with pytest.raises(ValidationError):
        Paired(samples=0, both=0, only_challenger=0, only_champion=0)


def test_accuracies_follow_from_the_counts() -> None:
    found = Paired(samples=100, both=60, only_challenger=20, only_champion=5)
    assert (found.challenger, found.champion) == (0.8, 0.65)
    assert found.difference == pytest.approx(0.15)


def test_the_interval_holds_the_difference_and_narrows_with_samples() -> None:
    few, many = paired(30, 10), paired(3000, 1000, both=40_000, neither=5000)
    assert interval(few)[0] < few.difference < interval(few)[1]
    assert interval(many)[1] - interval(many)[0] < (interval(few)[1] - interval(few)[0]) / 5
    assert interval(few) == interval(few)


def test_the_interval_agrees_with_the_normal_one() -> None:
    found = paired(300, 200, both=4000, neither=500)
    n, difference = found.samples, found.difference
    sd = math.sqrt((500 / n - difference**2) / n)
    low, high = interval(found)
    assert low == pytest.approx(difference - 1.96 * sd, abs=0.1 * sd)
    assert high == pytest.approx(difference + 1.96 * sd, abs=0.1 * sd)


def decide(production: Paired | None, original: Paired | None, significance: float = 0.05) -> tuple[bool, str]:
    found = judge(production, original, significance=significance, tolerance=0.02)
    return bool(found), found.why


def test_better_is_better() -> None:
    found, why = decide(paired(40, 10), EQUAL)
    assert found
    assert "40 won, 10 lost" in why


@pytest.mark.parametrize(
    ("wins", "losses"),
    [(3, 2), (12, 8), (0, 0), (10, 40), (20, 20)],
    ids=["a few", "by chance", "the same", "worse", "even"],
)
def test_a_larger_number_alone_is_not_better(wins: int, losses: int) -> None:
    found, why = decide(paired(wins, losses), EQUAL)
    assert not found
    assert "not better on production's held-out samples" in why


def test_what_has_forgotten_its_own_data_is_not_better() -> None:
    found, why = decide(paired(200, 3), paired(3, 40))
    assert not found
    assert "forgotten" in why
    assert "where 0.02 is allowed" in why


def test_a_little_may_be_lost_where_much_is_won() -> None:
    assert decide(paired(200, 3), paired(2, 8))[0]


def test_a_world_where_the_challenger_is_worse_at_any_significance() -> None:
    """Significance 1 would let a coin through: the difference must be above nothing, too."""
    assert not decide(paired(10, 10), EQUAL, significance=0.999)[0]


@pytest.mark.parametrize("missing", ["production", "original"])
def test_what_was_not_compared_is_not_better(missing: str) -> None:
    sides = {"production": paired(40, 1), "original": EQUAL, missing: None}
    found, why = decide(sides["production"], sides["original"])
    assert not found
    assert why.startswith("not judged")


@pytest.mark.parametrize("bound", [math.nan, math.inf])
def test_a_limit_that_is_no_number_lets_nothing_pass(bound: float) -> None:
    assert not judge(paired(400, 1), EQUAL, significance=bound, tolerance=0.02)
    assert not judge(paired(400, 1), EQUAL, significance=0.05, tolerance=bound)
