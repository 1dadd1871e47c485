"""Segments in flight: their order, their bound, their failures."""

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numeric_models import f32, options, parse
from numpy.typing import NDArray

from resources.ascend.emulator import pipeline
from resources.ascend.emulator.networks import build
from resources.ascend.emulator.pipeline import IN_FLIGHT, run_all, run_one
from resources.ascend.emulator.running import Runner
from resources.ascend.emulator.segments import Part, cut

DEPTH = 12
NETWORKS = build(
    parse(
        f"agraph (float[4] t0) => (float[4] t{DEPTH}) {{"
        + "".join(f"t{i + 1} = {'Sigmoid' if i % 2 else 'Tanh'}(t{i}) " for i in range(DEPTH))
        + "}"
    ),
    options(),
    sampled=True,
)
SEGMENTS = cut(NETWORKS, 1)
INPUTS = {"t0": f32([0.1, 0.2, 0.3, 0.4])}


class Counting(Runner):
    """Counts the parts that have started."""

    def __init__(self) -> None:
        super().__init__(NETWORKS, keep=False)
        self.started = 0
        self._lock = threading.Lock()

    def run(self, part: Part, live: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        with self._lock:
            self.started += 1
        return super().run(part, live)


def test_segments_come_in_order_with_all_their_tensors() -> None:
    assert len(SEGMENTS) == DEPTH
    ran = list(run_all(Runner(NETWORKS, keep=False), SEGMENTS, INPUTS))
    assert [r.segment for r in ran] == list(SEGMENTS)
    for one in ran:
        for layer in one.segment.layers:
            assert {layer.reference, layer.device, layer.own} <= set(one.known)


def test_no_more_than_the_promised_number_are_in_flight() -> None:
    """Two parts each; whoever does not ask for the next segment does not get more started."""
    runner = Counting()
    flight = run_all(runner, SEGMENTS, INPUTS)
    next(flight)
    flight.close()
    assert runner.started <= 2 * IN_FLIGHT


def test_only_what_is_needed_later_stays_alive() -> None:
    for ran in run_all(Runner(NETWORKS, keep=False), SEGMENTS, INPUTS):
        assert set(ran.live) <= ran.segment.needed
        assert len(ran.live) <= 4


def test_a_segment_runs_again_on_what_it_was_given() -> None:
    ran = list(run_all(Runner(NETWORKS, keep=False), SEGMENTS, INPUTS))[5]
    again = run_one(Runner(NETWORKS, keep=False), ran.segment, ran.given)
    assert all(np.array_equal(again.known[name], ran.known[name]) for name in again.known)


@pytest.mark.parametrize("at", [0, 7])
def test_a_failure_comes_out_where_the_segment_would(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real = pipeline._device

    def failing(runner: Runner, segment: Any, *others: Any) -> Any:
        if segment is SEGMENTS[at]:
            raise ValueError("no")
        return real(runner, segment, *others)

    monkeypatch.setattr(pipeline, "_device", failing)
    seen: list[Any] = []
    with pytest.raises(ValueError, match="no"):
        seen.extend(run_all(Runner(NETWORKS, keep=False), SEGMENTS, INPUTS))
    assert threading.active_count() < 20
