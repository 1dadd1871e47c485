"""The hardware table: figures that the roofline stands on, and the refusal of unknown SoCs."""

import csv
from importlib.resources import files

import pytest

from resources.ascend.soc import UnknownSocError, soc, soc_names

TABLES = files("resources.ascend") / "tables"


@pytest.mark.parametrize(
    ("name", "teraflops"),
    [("Ascend310P3", 69.5), ("Ascend310B1", 10.0), ("Ascend310B4", 4.1), ("Ascend910A", 262.1), ("Ascend910B3", 294.9)],
)
def test_the_cube_peak_is_cores_times_8192_flop_times_clock(name: str, teraflops: float) -> None:
    assert soc(name).cube_flops / 1e12 == pytest.approx(teraflops, abs=0.05)


def test_the_peak_agrees_with_the_platform_configuration_for_every_soc() -> None:
    rows = csv.DictReader((TABLES / "soc_platform.csv").read_text(encoding="utf-8").splitlines())
    published = {row["soc_version"]: float(row["derived_cube_fp16_TFLOPS"]) for row in rows}
    for name in soc_names():
        assert soc(name).cube_flops / 1e12 == pytest.approx(published[name], abs=0.01)


def test_every_figure_is_positive_and_every_bandwidth_has_a_source() -> None:
    for name in soc_names():
        chip = soc(name)
        figures = (chip.cores, chip.vector_units, chip.clock_hz, chip.l2_bytes, chip.l2_rate, chip.ddr_rate)
        assert all(figure > 0 for figure in (*figures, chip.memory_bytes)), name
        assert chip.source, name
        assert chip.l2_rate > chip.ddr_rate, name


def test_memory_of_the_310p3_is_what_npu_smi_shows_and_not_the_marketed_24_gb() -> None:
    assert soc("Ascend310P3").memory_bytes == 21527 * 1024**2


def test_ascend910_means_ascend910a_as_for_atc() -> None:
    assert soc("Ascend910") == soc("Ascend910A")


def test_the_first_910b_and_the_910b1_are_different_chips() -> None:
    assert soc("Ascend910B").generation != soc("Ascend910B1").generation
    assert soc("Ascend910B").fp32_cube == "none"
    assert soc("Ascend910B1").fp32_cube == "quarter"


def test_the_910b_has_two_vector_units_for_each_cube() -> None:
    assert soc("Ascend910B3").vector_units == 2 * soc("Ascend910B3").cores


@pytest.mark.parametrize("name", ["", "310P3", "ascend310p3", "Ascend999", "Ascend310P3 "])
def test_an_unknown_soc_is_refused_with_the_legal_names(name: str) -> None:
    with pytest.raises(UnknownSocError, match=r"Ascend310B1.*Ascend310P3.*Ascend910B3"):
        soc(name)
