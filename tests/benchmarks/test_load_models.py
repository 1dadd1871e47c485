"""The benchmark of loading loads what it says, both sides the same models, and its goals are told apart from hopes."""

from pathlib import Path

import pytest

from ascend_assets import models
from benchmarks import load_models, tiny_models
from benchmarks.load_models import Loaded


def loaded(count: int, side: str, seconds: float) -> Loaded:
    return Loaded(count, side, 1.0, seconds, seconds, 0.1, 2 * seconds, 1_000_000, 100.0, 12, 0.1)


@pytest.mark.parametrize("kind", tiny_models.KINDS)
def test_both_sides_load_the_same_models(kind: str, tmp_path: Path) -> None:
    names = tiny_models.write_definitions(tmp_path, 2, kind)
    good, bad = models.load_all(tmp_path)
    assert tuple(good) == names
    assert not bad
    fleet, plain = (load_models.load(tmp_path, 2, side) for side in ("fleet", "plain"))
    assert fleet.assets == plain.assets
    assert fleet.assets > 2 * 9
    for one in (fleet, plain):
        assert min(one.defined, one.snapshot, one.size, one.memory_mib, one.one_job, one.imported) > 0


def test_a_served_location_is_a_real_one() -> None:
    _, (served,) = load_models.measure([1], tiny_models.PLAIN, served=True)
    assert served.models == 1
    assert served.seconds > 0
    assert served.memory_mib > 0


def test_a_process_that_fails_stops_the_benchmark(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)ended with 1:.*FileNotFoundError"):
        load_models.measured("fleet-job", tmp_path / "nowhere")


def test_a_ratio_needs_both_sides() -> None:
    found = [loaded(10, "fleet", 1.0), loaded(10, "plain", 3.0), loaded(1000, "fleet", 2.0)]
    assert load_models.ratios(found) == {10: 3.0}
    assert "ratio with 10 models: 3.0" in load_models.table(found, [])


@pytest.mark.parametrize(("count", "seconds", "late"), [(100, 0.9, False), (100, 1.1, True), (1000, 3.9, False)])
def test_a_goal_is_of_outlines_and_snapshot_together(count: int, seconds: float, late: bool) -> None:  # noqa: FBT001
    assert load_models.missed([loaded(count, "fleet", seconds)]) is late
    assert not load_models.missed([loaded(count, "plain", 100.0)])
