"""The calibration as data: what it says about a SoC, and how it refuses to be damaged."""

import pytest
from pydantic import ValidationError

from resources.ascend.emulator import calibration
from resources.ascend.emulator.calibration import UNSEEN_GENERATION, CalibrationError, Spread
from resources.ascend.soc import soc, soc_names
from resources.ascend.toolchain import ErrorBand


def spread(low: float = 0.8, high: float = 1.25, q90: float = 1.2, q99: float = 1.5) -> Spread:
    return Spread(band=ErrorBand(low=low, high=high, median_error=0.1, models=2, points=9), q90=q90, q99=q99)


def test_a_calibrated_soc_has_the_plain_spread() -> None:
    shipped = calibration.load()
    assert shipped.socs == ("Ascend310B1", "Ascend310P3")
    assert all(shipped.spread_for(soc(name)) == shipped.spread for name in shipped.socs)


def test_a_sibling_is_less_certain_and_another_generation_still_less() -> None:
    shipped = calibration.load()
    plain, sibling, stranger = (shipped.spread_for(soc(n)) for n in ("Ascend310P3", "Ascend310P5", "Ascend910B3"))
    assert plain.band.low > sibling.band.low > stranger.band.low
    assert plain.band.high < sibling.band.high < stranger.band.high
    assert stranger.band.high == pytest.approx(UNSEEN_GENERATION * sibling.band.high)


def test_the_band_of_an_unseen_soc_holds_what_was_published_for_one() -> None:
    shipped = calibration.load()
    for error in shipped.elsewhere:
        band = shipped.spread_for(soc(error.soc_version)).band
        assert all(band.low <= ratio <= band.high for ratio in error.ratios)


def test_the_band_holds_ninety_percent_of_the_figures_it_is_about() -> None:
    shipped = calibration.load()
    ratios = [ratio for error in (*shipped.left_out, *shipped.held_out) for ratio in error.ratios]
    inside = [shipped.spread.band.low <= ratio <= shipped.spread.band.high for ratio in ratios]
    assert len(ratios) == shipped.spread.band.points
    assert sum(inside) >= 0.9 * len(ratios)


def test_the_error_on_models_left_out_is_not_worse_than_stated() -> None:
    """docs/estimate.md states a median of 12 % and every point within a factor of 1.6."""
    ratios = [ratio for error in calibration.load().left_out for ratio in error.ratios]
    errors = sorted(abs(1 / ratio - 1) for ratio in ratios)
    assert errors[len(errors) // 2] <= 0.125
    assert all(1 / 1.6 <= ratio <= 1.6 for ratio in ratios)


def test_no_coefficient_promises_more_than_the_hardware() -> None:
    fitted = calibration.load().coefficients
    assert all(0 < share < 1 for share in (fitted.cube, fitted.vector, fitted.l2, fitted.ddr))
    assert fitted.strided >= 1
    assert fitted.overhead_s > 0
    assert fitted.fixed_s > 0


def test_every_soc_has_a_spread() -> None:
    assert all(calibration.load().spread_for(soc(name)).q99 >= calibration.load().spread.q99 for name in soc_names())


@pytest.mark.parametrize(
    "wrong", [{"low": 2.0}, {"q90": 2.0}, {"low": 0.0}, {"high": float("inf")}, {"q99": float("nan")}]
)
def test_a_spread_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        spread(**wrong)


def test_a_damaged_file_says_how_to_regenerate_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("package")
    (folder / "tables").mkdir()
    (folder / "tables" / "calibration.json").write_text('{"coefficients": {}}', encoding="utf-8")
    monkeypatch.setattr(calibration, "files", lambda _: folder)
    calibration.load.cache_clear()
    try:
        with pytest.raises(CalibrationError, match=r"python -m benchmarks.calibrate"):
            calibration.load()
    finally:
        calibration.load.cache_clear()
