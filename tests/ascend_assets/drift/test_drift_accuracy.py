"""Accuracy: worse only as far as chance does not explain it."""

import math

import numpy as np
import pytest

from ascend_assets.drift.accuracy import Tally, drop, tally, wilson


def share(right: int, number: int) -> Tally:
    return Tally(number, right, right)


def test_answers_are_counted_against_labels() -> None:
    found = tally("class", np.array([1, 2, 3, 3]), np.array([1.0, 2.0, 0.0, 3.0]))
    assert (found.number, found.mean) == (4, 0.75)
    found = tally("value", np.array([1.0, 2.0]), np.array([1.5, 0.0]))
    assert (found.number, found.mean, found.squares) == (2, 1.25, 4.25)
    assert tally("class", np.array([]), np.array([])) == Tally()


def test_tallies_of_parts_are_those_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    answers, labels = rng.normal(size=(2, 90))
    whole = tally("value", answers, labels)
    parts = tally("value", answers[:30], labels[:30]) + tally("value", answers[30:], labels[30:])
    assert parts.number == whole.number
    assert parts.total == pytest.approx(whole.total)
    assert parts.squares == pytest.approx(whole.squares)


def test_wilsons_interval_is_the_published_one() -> None:
    # Newcombe 1998, table 1: 81 of 263.
    assert list(wilson(share(81, 263), 1.959964)) == pytest.approx([0.2553, 0.3662], abs=1e-4)


def test_newcombes_difference_is_the_published_one() -> None:
    # Newcombe 1998 (Interval estimation for the difference), method 10, example a: 56/70 against 48/80, 95 % two-sided.
    found = drop("class", share(56, 70), share(48, 80), 0.025)
    assert found.value == pytest.approx(0.2)
    assert found.bound == pytest.approx(0.0524, abs=1e-4)


def test_few_labels_say_less_than_many() -> None:
    few, many = (drop("class", share(980, 1000), share(n * 9 // 10, n), 0.01) for n in (40, 4000))
    assert few.value == many.value == pytest.approx(0.08)
    assert few.bound < many.bound < 0.08


def test_chance_is_called_a_drop_as_rarely_as_asked_for() -> None:
    rng = np.random.default_rng(0)
    for p in (0.6, 0.97):
        rounds = [(rng.binomial(600, p), rng.binomial(200, p)) for _ in range(4000)]
        said = [drop("class", share(a, 600), share(b, 200), 0.01).bound > 0 for a, b in rounds]
        assert np.mean(said) < 0.02


def test_a_perfect_model_that_stays_perfect_has_not_dropped() -> None:
    found = drop("class", share(500, 500), share(100, 100), 0.01)
    assert found.value == 0
    assert found.bound <= 0


def test_of_values_it_is_the_rise_of_the_error() -> None:
    rng = np.random.default_rng(0)
    before = tally("value", rng.normal(size=2000), np.zeros(2000))
    same = tally("value", rng.normal(size=500), np.zeros(500))
    worse = tally("value", 1.5 * rng.normal(size=500), np.zeros(500))
    assert drop("value", before, same, 0.01).bound < 0
    found = drop("value", before, worse, 0.01)
    assert found.value == pytest.approx(0.5, abs=0.1)
    assert 0.2 < found.bound < found.value


def test_a_model_without_error_is_infinitely_worse_with_one() -> None:
    assert drop("value", Tally(100, 0, 0), Tally(100, 5, 1), 0.01).value == math.inf
    assert drop("value", Tally(100, 0, 0), Tally(100, 0, 0), 0.01).value == 0


def test_a_prediction_that_is_no_number_is_no_pass() -> None:
    found = drop("value", Tally(100, 50, 40), tally("value", np.array([np.nan, 1.0]), np.zeros(2)), 0.01)
    assert math.isnan(found.value)
    assert not found.bound <= 0
