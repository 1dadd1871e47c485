"""The benchmark of steps runs a real candidate each way, and counts what is not a stage's own work."""

import json

import pytest

from benchmarks import step_overhead, tiny_models
from benchmarks.step_overhead import Way

FOUND = [Way("in-process", 1, 10, 5.0, 3.0, ()), Way("pods", 1, 10, 43.0, 3.0, (2.0, 1.0, 9.0))]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("way", ["in-process", "forkserver"])
def test_a_candidate_is_carried_to_dev(way: str, capsys: pytest.CaptureFixture[str]) -> None:
    step_overhead.main(["--ways", way, "--models", "2", "--json"])
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["way"], one["models"]) == (way, 2)
    assert one["steps"] >= 15
    assert one["run"] > one["work"] > 0
    assert len(one["starts"]) == (0 if way == "in-process" else one["steps"])


def test_overhead_is_what_is_not_a_stages_own_work() -> None:
    assert [one.overhead for one in FOUND] == pytest.approx([0.2, 4.0])
    assert [one.start for one in FOUND] == [0.0, 2.0]
    assert step_overhead.ratios(FOUND) == pytest.approx([1.0, 20.0])


def test_a_ratio_is_among_as_many_models() -> None:
    assert step_overhead.ratios([FOUND[0], Way("pods", 1000, 10, 43.0, 3.0, ())]) == [pytest.approx(1.0), None]


def test_a_way_that_fails_stops_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny_models, "write_models", lambda *_: None)
    with pytest.raises(RuntimeError, match="in-process: ended with 1"):
        step_overhead.main(["--ways", "in-process"])
