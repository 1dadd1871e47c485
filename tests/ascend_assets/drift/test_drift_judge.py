"""From distances to a verdict: beyond chance and beyond the limit, in more features than may be."""

import math

import numpy as np
import pytest
from drifting import compared

from ascend_assets.drift import judge
from ascend_assets.drift.hysteresis import Memory
from ascend_assets.drift.judge import Compared, Finding
from ascend_assets.drift.records import MEASURES, Distance, FeatureDrift
from ascend_assets.spec_production import Drift

LIMITS = Drift()


def numbers(features: int, shifted: int, *, rows: int = 2000, shift: float = 1.0, seed: int = 0) -> list[Compared]:
    rng = np.random.default_rng(seed)
    found = []
    for place in range(features):
        production = rng.normal(size=rows) + (shift if place < shifted else 0)
        found.append(compared(rng.normal(size=1000), production, name=f"x[{place}]"))
    return found


def states(features: list[Compared], drift: Drift = LIMITS) -> dict[str, Finding]:
    judged = judge.features(features, drift)
    return {measure: judge.finding(measure, judged, drift) for measure in MEASURES}


def test_a_large_shift_is_drift_by_every_measure() -> None:
    judged = judge.features(numbers(3, 3), LIMITS)
    assert [set(one.drifted) for one in judged] == [set(MEASURES)] * 3


def test_significant_but_small_is_no_drift() -> None:
    (one,) = judge.features(numbers(1, 1, rows=200_000, shift=0.12), LIMITS)
    assert one.distances["ks"].p < LIMITS.significance
    assert one.distances["psi"].p < LIMITS.significance
    assert one.drifted == ()


def test_large_but_by_chance_is_no_drift() -> None:
    rng = np.random.default_rng(1)
    features = [compared(rng.normal(size=60), rng.normal(size=60), name=f"x[{n}]") for n in range(40)]
    judged = judge.features(features, LIMITS)
    assert max(one.distances["ks"].value for one in judged) > LIMITS.ks
    assert all(one.drifted == () for one in judged)
    assert all(found.value == 0 for found in states(features).values())


def test_a_small_shift_hides_from_psi_and_is_seen_by_ks() -> None:
    drift = Drift(ks=0.05, wasserstein=0.1)
    (one,) = judge.features(numbers(1, 1, rows=20_000, shift=0.2), drift)
    assert "psi" not in one.drifted
    assert {"ks", "wasserstein"} <= set(one.drifted)


@pytest.mark.parametrize(("drifted", "over"), [(0, False), (2, False), (3, True), (20, True)])
def test_more_than_a_share_of_the_features_must_have_drifted(drifted: int, over: bool) -> None:  # noqa: FBT001 - a case
    found = states(numbers(20, drifted))["ks"]
    assert found.drifted == drifted
    assert found.value is not None
    assert (found.value > LIMITS.ks) is over


def test_one_of_a_few_features_is_enough() -> None:
    found = states(numbers(4, 1))["psi"]
    assert found.value is not None
    assert found.value > LIMITS.psi
    assert "1 of 4" in found.why
    assert "x[0] is furthest" in found.why


def test_no_share_is_exact_in_spite_of_rounding() -> None:
    drift = Drift(share_of_features=0.29)
    judged = tuple(fake(1.0) if place < 29 else fake(0.0) for place in range(100))
    assert judge.finding("ks", judged, drift).value == 0.0
    assert judge.finding("ks", (*judged[1:], fake(1.0), fake(1.0)), drift).value == 1.0


def test_where_all_features_may_drift_nothing_is_said() -> None:
    assert states(numbers(3, 3), Drift(share_of_features=1.0))["psi"].value == 0


def fake(distance: float, p: float = 0.0) -> FeatureDrift:
    return FeatureDrift(
        name="x",
        kind="number",
        reference=1000,
        production=1000,
        missing=0,
        infinite=0,
        outside=0,
        distances={"ks": Distance(value=distance, error=0, p=p)},
        drifted=("ks",) if distance > LIMITS.ks else (),
    )


@pytest.mark.parametrize(("distance", "p"), [(math.nan, 0.0), (0.5, math.nan), (math.nan, math.nan), (math.inf, 0.0)])
def test_what_is_no_number_is_beyond_every_limit(distance: float, p: float) -> None:
    found = judge.finding("ks", (fake(distance, p),), LIMITS)
    assert found.value is not None
    assert not found.value <= LIMITS.ks


def test_each_measure_is_about_the_features_that_it_understands() -> None:
    rng = np.random.default_rng(0)
    integers = [rng.integers(0, 5, size=900) for _ in range(2)]
    levels = [rng.integers(0, 5, size=900) / 4 for _ in range(2)]
    features = [
        *numbers(1, 0),
        compared(*integers, integer=True, name="category"),
        compared(*levels, name="levels"),
    ]
    about = {measure: found.features for measure, found in states(features).items()}
    assert about == {"psi": 3, "ks": 2, "wasserstein": 2, "jensen_shannon": 3, "chi_square": 2}


def test_where_a_measure_understands_none_it_is_about_all() -> None:
    assert states(numbers(5, 0))["chi_square"].features == 5
    rng = np.random.default_rng(0)
    only = [compared(rng.integers(0, 5, 900), rng.integers(0, 5, 900), integer=True)]
    assert states(only)["ks"].features == 1


def test_without_a_feature_nothing_is_judged() -> None:
    assert states([])["psi"].value is None


def test_categories_that_nobody_has_seen_are_drift() -> None:
    known = np.repeat([1, 2, 3], 400)
    (one,) = judge.features([compared(known, np.append(known, [9] * 200), integer=True)], LIMITS)
    assert {"psi", "jensen_shannon", "chi_square"} <= set(one.drifted)


def test_a_feature_that_never_varied_and_now_does_is_infinitely_far() -> None:
    pixel = np.zeros(1000, dtype=np.float32)
    other = np.where(np.arange(1000) % 2, 0.5, 0).astype(np.float32)
    (one,) = judge.features([compared(pixel, other)], LIMITS)
    assert one.distances["wasserstein"].value == math.inf
    assert one.outside == 500
    (same,) = judge.features([compared(pixel, pixel)], LIMITS)
    assert same.drifted == ()
    assert same.distances["wasserstein"].value == 0


def test_values_that_are_missing_are_counted_and_are_drift() -> None:
    values = np.random.default_rng(0).normal(size=2000)
    holed = np.where(np.arange(2000) % 3 == 0, np.nan, values)
    (one,) = judge.features([compared(values, holed)], LIMITS)
    assert one.missing == 667
    assert {"psi", "ks", "jensen_shannon"} <= set(one.drifted)


def test_where_nothing_drifts_hardly_ever_anything_is_said() -> None:
    said = 0
    for seed in range(60):
        found = states(numbers(10, 0, rows=600, seed=seed), Drift(psi=0, ks=0, wasserstein=0, jensen_shannon=0))
        said += any(one.value for one in found.values())
    assert said <= 6


def test_predictions_are_judged_by_themselves() -> None:
    reference = np.repeat(np.arange(10), 100)
    same, finding = judge.prediction(compared(reference, np.tile(np.arange(10), 60), integer=True), LIMITS)
    assert finding.value == 0
    assert same.kind == "category"
    skewed = np.random.default_rng(0).integers(0, 5, size=800)
    _, finding = judge.prediction(compared(reference, skewed, integer=True), LIMITS)
    assert finding.value is not None
    assert finding.value > LIMITS.prediction


def test_what_could_not_be_judged_is_no_pass_and_forgets_nothing() -> None:
    found = judge.check(Finding(None, "12 samples"), 0.1, Memory("drifted", 1), LIMITS, counts=False)
    assert (found.judged, found.state, found.value) == (False, "unjudged", None)
    assert (found.held, found.streak) == ("drifted", 1)
    assert found.why == "not judged: 12 samples"


def test_a_look_without_enough_new_samples_moves_nothing() -> None:
    found = judge.check(Finding(0.5, "far"), 0.1, Memory("suspect", 1), LIMITS, counts=False)
    assert (found.state, found.streak, found.value) == ("suspect", 1, 0.5)
    assert "too few new samples" in found.why
    assert judge.check(Finding(0.5, "far"), 0.1, Memory("suspect", 1), LIMITS, counts=True).state == "drifted"
