"""The drift benchmark measures the same work from memory and from a file, and its ratios are Evidently's to ours."""

from pathlib import Path

import pytest

from benchmarks import drift
from benchmarks.drift import (
    EVIDENTLY,
    GOALS,
    MEASURES,
    from_memory,
    from_parquet,
    numbers,
    ratio,
    table,
    wanted,
    written,
)

FOUND = {
    "psi": {"memory": 0.5, "parquet": 1.0, "cpu": 0.8},
    "ks": {"memory": 0.5, "parquet": 1.0, "cpu": 0.8},
    "all": {"memory": 0.6, "parquet": 1.1, "cpu": 0.9},
}
OTHER = {"psi": {"memory": 40.0, "cpu": 48.0}, "ks": {"memory": 45.0, "cpu": 46.0}}


def test_from_memory_and_from_a_file_the_distances_are_the_same(tmp_path: Path) -> None:
    reference, production = numbers(3000, 6)
    take = wanted(6)
    memory = from_memory(reference, production, take)
    file = from_parquet(reference, written(tmp_path, production), take)
    for measure in MEASURES.values():
        assert measure(memory) == measure(file)
    ks = drift.ks(memory)
    assert min(ks[::2]) > 0.05 > max(ks[1::2])


def test_a_small_run_gives_every_figure(tmp_path: Path) -> None:
    found = drift.ours(2000, 3, 1, tmp_path)
    assert set(found) == set(MEASURES)
    assert all(seconds > 0 for times in found.values() for seconds in times.values())


def test_ratios_are_from_memory_on_both_sides() -> None:
    assert ratio(FOUND, OTHER, "psi") == pytest.approx(80)
    shown = table(FOUND, OTHER).splitlines()
    assert shown[1].split() == ["psi", "0.50", "1.00", "0.80", "1", "40.0", "48.0", "80", "60"]
    assert "Evidently" not in table(FOUND, None)


def test_every_goal_is_measured_on_the_other_side_too() -> None:
    assert set(GOALS) <= set(MEASURES)
    compile(EVIDENTLY, "evidently", "exec")


def test_evidently_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="evidently ended with 1"):
        drift.evidently("/bin/false", 10, 1, tmp_path)
