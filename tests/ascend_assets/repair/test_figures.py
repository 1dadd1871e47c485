"""When one outcome is better than another, and what a set of remedies costs."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repair_benches import compiled, layer, options, refused

from ascend_assets.remedies.kinds import ClampConstants, EnableSmallChannel, FuseNormalization, KeepDtype, ScaleWeights
from ascend_assets.repair.bench import Outcome
from ascend_assets.repair.figures import better, figures, kept_share, objections, removed
from ascend_assets.repair.price import price
from ascend_assets.repair.records import Figures

GIVEN = options()


def outcome(*layers: Any, **values: Any) -> Outcome:
    return compiled(GIVEN, layers=layers, **values)


def test_figures_say_what_the_gates_say() -> None:
    found = figures(outcome(layer("a"), layer("b", dtype="float32"), distance=0.2, milliseconds=30.0))
    assert found.refused == ("relative_euclidean_distance", "latency_p99_ms")
    assert (found.error, found.latency_ms, found.kept_share) == (0.2, 30.0, 0.5)
    assert figures(None) == Figures(refused=())
    assert figures(refused(GIVEN, "E19010")).refused == ("conversion_errors",)


def test_layers_without_float_arithmetic_have_no_share() -> None:
    layers = [layer("a", dtype="float32"), layer("b", dtype="other"), layer("c")]
    assert kept_share(outcome(*layers).comparison) == 0.5  # type: ignore[arg-type]
    assert kept_share(outcome(layer("b", dtype="other")).comparison) == 0.0  # type: ignore[arg-type]


def test_objections_are_told_apart_by_node_and_else_by_words() -> None:
    found = refused(GIVEN, "E19010", "E10001", nodes={"E19010": ("a", "b")})
    assert objections(found) == {("E19010", "a"), ("E19010", "b"), ("E10001", "E10001 happened")}
    warned = refused(GIVEN, "W11001")
    assert objections(warned) == {("", warned.verdicts[0].why)}, "a refusal without a reason is one all the same"
    assert objections(outcome()) == frozenset()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (refused(GIVEN, "E1", "E2"), refused(GIVEN, "E2"), True),
        (refused(GIVEN, "E1"), refused(GIVEN, "E2"), False),
        (refused(GIVEN, "E1"), refused(GIVEN, "E1"), False),
        (refused(GIVEN, "E1"), outcome(distance=math.nan), True),
        (outcome(distance=math.nan), refused(GIVEN, "E1"), False),
        (outcome(distance=0.9), outcome(distance=0.001), True),
        (outcome(distance=0.9), outcome(distance=0.4), True),
        (outcome(distance=0.9), outcome(distance=0.89), False),
        (outcome(distance=math.nan), outcome(distance=0.9), True),
        (outcome(distance=0.9), outcome(distance=math.nan), False),
        (outcome(distance=0.9), outcome(distance=0.001, milliseconds=40.0), False),
        (outcome(distance=0.9, milliseconds=40.0), outcome(distance=0.9), True),
        (
            outcome(layer("a", error=0.3), layer("b", error=0.3), distance=0.9),
            outcome(layer("a", error=0.3), distance=0.9),
            True,
        ),
        (outcome(layer("a", error=0.3), distance=0.9), outcome(layer("a", error=math.nan), distance=0.9), False),
    ],
)
def test_better_is_nearer_to_passing(before: Outcome, after: Outcome, *, expected: bool) -> None:
    assert better(before, after) is expected


values = st.floats(0, 1e9) | st.sampled_from([math.nan, math.inf])


@given(st.lists(st.tuples(values, values), min_size=3, max_size=3))
def test_nothing_is_better_than_itself_and_no_two_are_better_than_each_other(pairs: list[tuple[float, float]]) -> None:
    found = [outcome(distance=distance, milliseconds=time) for distance, time in pairs]
    for one in found:
        assert not better(one, one) or one
        for other in found:
            if not one and not other:
                assert not (better(one, other) and better(other, one))


def test_what_comes_into_sight_behind_a_refusal_does_not_count() -> None:
    assert removed(refused(GIVEN, "E1", "E2"), refused(GIVEN, "E2", "E3", "E4")) == 1
    assert removed(refused(GIVEN, "E1"), refused(GIVEN, "E1", "E2")) == -1
    assert removed(refused(GIVEN, "E1"), refused(GIVEN, "E1")) == 0


BEFORE = Figures(refused=(), latency_ms=10.0, kept_share=0.0)
KEPT = KeepDtype(nodes=("a",))
CLAMPED = ClampConstants(tensors=("t",), bound=1e4)
FUSED = FuseNormalization(nodes=("a",))


def after(milliseconds: float = 10.0, *, wide: int = 0, of: int = 100) -> Outcome:
    layers = [layer(f"n{i}", dtype="float32" if i < wide else "float16") for i in range(of)]
    return outcome(*layers, milliseconds=milliseconds)


def test_options_are_cheaper_than_the_graph_and_the_graph_than_constants() -> None:
    small, edit, constant = (price([one], after(), BEFORE) for one in (EnableSmallChannel(), FUSED, CLAMPED))
    assert small < edit < constant
    assert price([ScaleWeights(nodes=("a",), power=1)], after(), BEFORE) > 100


def test_time_and_fp32_have_a_price_that_an_edit_may_be_worth() -> None:
    assert price([KEPT], after(wide=1), BEFORE) < price([FUSED], after(), BEFORE)
    assert price([KEPT], after(10.5), BEFORE) > price([CLAMPED], after(), BEFORE)
    assert price([KEPT], after(wide=20), BEFORE) > price([CLAMPED], after(), BEFORE)


def test_each_remedy_has_a_price_and_none_is_free() -> None:
    assert price([KEPT, EnableSmallChannel()], after(), BEFORE) > price([KEPT], after(), BEFORE) > 0


def test_a_gain_in_time_is_worth_little() -> None:
    assert price([FUSED], after(0.1), BEFORE) == price([FUSED], after(1.0), BEFORE)
    assert price([FUSED], after(9.9), BEFORE) < price([FUSED], after(), BEFORE)


def test_without_a_figure_before_the_remedies_alone_have_a_price() -> None:
    assert price([KEPT], after(50.0), Figures(refused=())) == price([KEPT], after(), BEFORE)
