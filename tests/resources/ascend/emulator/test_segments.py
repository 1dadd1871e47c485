"""Cutting the combined graph to a budget."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numeric_models import options, parse

from resources.ascend.emulator.networks import build
from resources.ascend.emulator.segments import COPIES, at, cut

DEPTH, SIZE = 30, 1000
CHAIN = parse(
    f"agraph (float[{SIZE}] x) => (float[{SIZE}] t{DEPTH}, float[{SIZE}] s) {{"
    + "".join(f"t{i + 1} = {'Exp' if i % 2 else 'Neg'}({'x' if i == 0 else f't{i}'}) " for i in range(DEPTH))
    + f"s = Add(t1, t{DEPTH}) }}"
)
NETWORKS = build(CHAIN, options(), sampled=True)
LAYER = COPIES * 4 * SIZE


def test_a_large_budget_makes_one_segment() -> None:
    (segment,) = cut(NETWORKS, 1 << 40)
    assert segment.bounds == (0, DEPTH + 1)
    assert segment.fp32.feeds == ("x",)


def test_every_node_is_in_exactly_one_segment_in_order() -> None:
    segments = cut(NETWORKS, 10 * LAYER)
    assert len(segments) > 2
    assert [layer.node.index for segment in segments for layer in segment.layers] == list(range(DEPTH + 1))


@given(budget=st.integers(1, 40 * LAYER))
@settings(max_examples=50)
def test_no_segment_of_several_nodes_is_larger_than_the_budget(budget: int) -> None:
    for segment in cut(NETWORKS, budget):
        assert segment.bytes <= budget or segment.bounds[1] - segment.bounds[0] == 1


@given(budget=st.integers(1, 40 * LAYER))
@settings(max_examples=50)
def test_every_feed_was_handed_out_before(budget: int) -> None:
    known = {"x"}
    for segment in cut(NETWORKS, budget):
        for part in (segment.fp32, segment.device):
            assert set(part.feeds) <= known
            known |= set(part.fetches)
        assert {name for layer in segment.layers for name in (layer.reference, layer.device, layer.own)} <= known | {
            None
        }
    assert set(NETWORKS.outputs) | set(NETWORKS.outputs.values()) <= known


def test_only_live_tensors_are_handed_on() -> None:
    """Between two nodes of the chain live t1 (for the last sum), the neighbour and the outputs, in their networks."""
    for segment in cut(NETWORKS, 10 * LAYER)[2:]:
        assert len({name.split("@")[0] for name in segment.needed}) <= 4


def test_weights_go_with_the_segments_that_read_them() -> None:
    model = parse(
        "agraph (float[4] x) => (float[4] y) { a = Mul(x, v) y = Add(a, w) }",
        {"v": np.ones(4, np.float32), "w": np.ones(4, np.float32)},
    )
    first, second = cut(build(model, options(), sampled=True), 1)
    for segment, weight in ((first, "v"), (second, "w")):
        assert {name[0] for name in (*segment.fp32.weights, *segment.device.weights)} == {weight}


def test_bounds_can_be_given() -> None:
    assert [s.bounds for s in at(NETWORKS, ((0, 7), (7, DEPTH + 1)))] == [(0, 7), (7, DEPTH + 1)]


@pytest.mark.parametrize("budget", [1, 1 << 40])
def test_a_graph_without_nodes_has_no_segments(budget: int) -> None:
    empty = parse("agraph (float[2] x) => (float[2] x) { }")
    assert cut(build(empty, options(), sampled=True), budget) == ()
