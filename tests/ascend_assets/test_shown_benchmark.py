"""What Dagster's UI shows of a benchmark: a measurement says how it was taken, an estimate says nothing of the kind."""

import math
from typing import Any

import pytest
from dagster import MetadataValue
from evidence_samples import benchmark, chain, profile, spec

from ascend_assets import shown
from resources.ascend.toolchain import Measurement, Profile

OM = chain(spec())[3]["Ascend310P3"][0]
TAKEN = Measurement(
    runs_ms=tuple(1.0 + place / 1000 for place in range(100)),
    warmup=10,
    device="NPU 3 chip 0 (Ascend310P3)",
    tools=("ais_bench 0.0.2", "msprof of CANN 8.1.RC1"),
    energy_j=50.0,
    notes=("the cores ran at 900 MHz",),
    advice=("<b>AICPU</b> | [x](http://example.com)",),
)


def entries(timed: Profile) -> dict[str, Any]:
    return shown._benchmark(benchmark(OM, timed.origin, profile=timed))


def measured(taken: Measurement = TAKEN, **fields: Any) -> dict[str, Any]:
    return entries(profile("measured", **{"error_band": None, "measurement": taken, **fields}))


def test_a_measurement_says_how_it_was_taken() -> None:
    found = measured()
    assert found["device"] == "NPU 3 chip 0 (Ascend310P3)"
    assert found["measured with"] == "ais_bench 0.0.2, msprof of CANN 8.1.RC1"
    assert (found["runs"], found["runs that warm up"]) == (100, 10)
    assert found["energy of a run J"] == pytest.approx(0.5)
    assert found["notes"] == MetadataValue.md("- the cores ran at 900 MHz")
    assert found["every run"].value.startswith("![every run](data:image/svg+xml;base64,")
    assert len(found["every run"].value) < 30_000


def test_an_estimate_says_nothing_of_the_kind() -> None:
    assert not {"device", "measured with", "runs", "every run", "notes"} & entries(profile()).keys()


def test_advice_is_shown_and_not_applied() -> None:
    told = measured()["advice of msprof-analyze"].value
    assert told.count("\n") == 0
    assert "<b>" not in told
    assert "](http" not in told


def test_what_is_not_known_is_no_figure() -> None:
    bare = Measurement(runs_ms=(1.0,), warmup=0, device="NPU 0 chip 0")
    found = measured(bare, aicore_utilisation=math.nan, memory_bytes=0)
    unknown = {name for name, value in found.items() if value == "not known"}
    assert unknown == {"aicore utilisation", "memory bytes", "bound", "measured with"}
    assert "energy of a run J" not in found
    assert "notes" not in found


def test_however_many_runs_the_plot_stays_small() -> None:
    many = TAKEN.model_copy(update={"runs_ms": tuple(1.0 + place % 97 / 100 for place in range(100_000))})
    assert len(measured(many)["every run"].value) < 30_000
