"""The calibration command: the shipped file is what it gives, and its statistics are what they claim."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.calibrate import (
    PRIORS,
    TABLES,
    Point,
    agrees,
    calibrate,
    fit,
    held_out,
    main,
    published,
    quantile,
    ratio,
)
from benchmarks.held_out_models import HELD_OUT
from benchmarks.reference_models import PUBLISHED
from resources.ascend.emulator import calibration
from resources.ascend.emulator.calibration import Calibration
from resources.ascend.emulator.roofline import Coefficients


@pytest.fixture(scope="module")
def seen() -> list[Point]:
    return published()


@pytest.fixture(scope="module")
def refitted(seen: list[Point]) -> Calibration:
    return calibrate(seen, held_out())


def test_the_shipped_calibration_is_what_the_command_produces(refitted: Calibration) -> None:
    assert agrees(refitted, calibration.load())


def test_another_coefficient_or_another_figure_is_another_calibration(refitted: Calibration) -> None:
    faster = refitted.coefficients.model_copy(update={"cube": refitted.coefficients.cube * 1.05})
    assert not agrees(refitted.model_copy(update={"coefficients": faster}), refitted)
    assert not agrees(refitted.model_copy(update={"left_out": refitted.left_out[:-1]}), refitted)


def test_every_published_figure_is_used_once(seen: list[Point]) -> None:
    rows = list(csv.DictReader((TABLES / "published_throughput.csv").read_text(encoding="utf-8").splitlines()))
    used = sorted((p.model, p.soc_version, p.batch) for p in seen)
    assert used == sorted((row["model"], row["soc_version"], int(row["batch"])) for row in rows)


def test_no_network_is_both_fitted_and_held_out() -> None:
    assert not set(PUBLISHED) & set(HELD_OUT)
    assert {point.model for point in held_out()} == set(HELD_OUT)


def test_there_are_few_coefficients_and_many_figures(seen: list[Point]) -> None:
    assert set(PRIORS) == set(Coefficients.model_fields)
    assert len(PRIORS) * 6 < len(seen)


def test_the_fit_recovers_coefficients_from_figures_that_follow_the_formula(seen: list[Point]) -> None:
    truth = Coefficients(
        cube=0.7, vector=0.5, l2=0.5, ddr=0.8, resident=0.9, spill=0.8, strided=3.0, overhead_s=3e-6, fixed_s=8e-5
    )
    made_up = [Point(p.model, p.soc_version, p.batch, p.latency_s / ratio(p, truth), p.asked) for p in seen]
    found = fit(made_up)
    assert [ratio(p, found) for p in made_up] == pytest.approx([1.0] * len(made_up), rel=0.05)
    assert found.cube == pytest.approx(truth.cube, rel=0.05)
    assert found.ddr == pytest.approx(truth.ddr, rel=0.05)
    assert found.overhead_s == pytest.approx(truth.overhead_s, rel=0.2)


def test_twice_as_slow_a_machine_is_seen_as_such(seen: list[Point]) -> None:
    fitted = calibration.load().coefficients
    slow = Point(seen[0].model, seen[0].soc_version, seen[0].batch, 2 * seen[0].latency_s, seen[0].asked)
    assert ratio(slow, fitted) == pytest.approx(2 * ratio(seen[0], fitted))


@settings(deadline=None)
@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=40), st.floats(0.01, 0.99))
def test_a_quantile_has_its_share_of_the_weight_at_or_below(values: list[float], share: float) -> None:
    weights = np.ones(len(values))
    found = quantile(np.array(values), weights, share)
    assert np.mean(np.array(values) <= found + 1e-4) >= share - 1e-9
    assert np.mean(np.array(values) < found - 1e-4) < share + 1e-9


def test_a_model_with_many_points_weighs_no_more_than_one_with_one() -> None:
    values = np.array([1.0] * 9 + [2.0])
    weights = np.array([1 / 9] * 9 + [1.0])
    assert quantile(values, weights, 0.5) == 1.0
    assert quantile(values, weights, 0.51) == 2.0


def test_the_command_prints_the_errors_and_agrees_with_the_shipped_file(
    refitted: Calibration, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["calibrate"])
    monkeypatch.setattr("benchmarks.calibrate.calibrate", lambda *_: refitted)
    code = main()
    printed = capsys.readouterr().out
    assert code == 0, printed
    assert "left out of the fit" in printed
