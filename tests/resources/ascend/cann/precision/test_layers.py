"""Which row of the table is about which node, whose fault a layer is, and in what words."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from compare_samples import absent, row, table
from device_double import parse
from hypothesis import given
from hypothesis import strategies as st

from resources.ascend.cann.precision import own_error
from resources.ascend.cann.precision.causes import cause, overflowed
from resources.ascend.cann.precision.figures import dtype_of, figures, first_bad
from resources.ascend.cann.precision.layers import Matched, match
from resources.ascend.cann.precision.own_error import Own, before, cone, increase, judged, makers
from resources.ascend.cann.precision.result_table import parse as parse_table
from resources.ascend.metrics import Gatherer
from resources.ascend.toolchain import LayerComparison
from resources.onnx_files.graph import view

GRAPH = view(
    parse(
        """agraph (float[2] x) => (float[2] y, float[2] z) {
            k = Constant<value = float[1] {2.0}>()
            a = Mul(x, k)
            b = Relu(a)
            c = Add(b, a)
            p, q = Split(c)
            y = Concat<axis = 0>(q, p)
            z = Tanh(b)
        }"""
    )
)
NAMES = [node.name for node in GRAPH.nodes]
K, A, B, C, SPLIT, Y, Z = range(7)


def matched(*rows: Sequence[str], unnamed: dict[int, str] | None = None, names: Sequence[str] = NAMES) -> Matched:
    return match(GRAPH, names, parse_table(table(rows), "result.csv"), unnamed or {})


def test_layers_come_in_the_graphs_order_with_their_rows() -> None:
    found = matched(row("z"), row("a"), row("p"), row("p", tensor=":output:1"), row("a", tensor=":input:0"))
    assert [layer.index for layer in found.layers] == [A, SPLIT, Z]
    assert {number: r.number for number, r in found.layers[1].rows.items()} == {0: 0, 1: 1}
    assert set(found.missing) == {K, B, C, Y}


def test_the_result_of_a_fused_operator_is_its_last_nodes() -> None:
    found = matched(row("aRelu", "b,a"), row("y"))
    assert [(layer.index, layer.together, layer.row.npu) for layer in found.layers] == [
        (B, (A,), "aRelu"),
        (Y, (), "y"),
    ]
    assert found.missing[A] == "fused into the device's operator aRelu, whose result is that of b"


def test_the_last_row_with_a_figure_counts() -> None:
    found = matched(
        row("a", cosine=0.5), row("trans_1", "a", cosine=0.75), row("late", "a", cosine="NaN", distance="NaN")
    )
    assert found.layers[0].row.cosine == 0.75


def test_what_stands_for_no_node_is_passed_over() -> None:
    found = matched(row("trans_TransData_1", "*"), row("other", "nobody"), row("a"))
    assert [layer.index for layer in found.layers] == [A]


def test_every_other_node_says_why() -> None:
    found = matched(absent("b", "b", "There is no left dump file"), row("a"), unnamed={Z: "its name"})
    assert "the compiler computed it" in found.missing[K]
    assert found.missing[B] == "There is no left dump file"
    assert found.missing[Z] == "its name"
    assert found.missing[C].startswith("the compiled model has no operator of its name")


def test_a_node_whose_dump_is_another_ones_has_no_row() -> None:
    assert matched(row("a"), unnamed={A: "two of a name"}).layers == ()


def test_names_with_commas_and_names_made_by_fusion_are_found() -> None:
    commas = [*NAMES[:1], "m,a", *NAMES[2:]]
    assert matched(row("op", "m,a"), names=commas).layers[0].index == A
    numbered = ["Constant_0", "Mul_1", "Relu_2", "Add_3", "Split_4", "Concat_5", "Tanh_6"]
    found = matched(row("op", "Mul_1Relu_2"), names=numbered)
    assert [(layer.index, layer.together) for layer in found.layers] == [(B, (A,))]


@given(st.lists(st.tuples(st.text(max_size=6), st.text("abcpyz,*", max_size=6)), max_size=8))
def test_any_table_leaves_every_node_either_a_layer_or_a_reason(rows: list[tuple[str, str]]) -> None:
    found = matched(*(row(op.replace("\0", ""), truth) for op, truth in rows))
    layers = [layer.index for layer in found.layers]
    assert sorted([*layers, *found.missing]) == list(range(7))
    assert all(found.missing.values())


class TestCone:
    MADE_BY = makers(GRAPH)

    def test_it_ends_at_what_the_device_dumped(self) -> None:
        assert cone(GRAPH, self.MADE_BY, C, frozenset({"a", "b", "c"})) == (C,)
        assert cone(GRAPH, self.MADE_BY, C, frozenset({"b"})) == (K, A, C)
        assert cone(GRAPH, self.MADE_BY, Y, frozenset()) == (K, A, B, C, SPLIT, Y)

    def test_it_has_a_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(own_error, "MOST_NODES", 3)
        assert cone(GRAPH, self.MADE_BY, Y, frozenset()) is None
        assert cone(GRAPH, self.MADE_BY, Y, frozenset({"c"})) == (SPLIT, Y)

    def test_the_compared_layers_before_a_node(self) -> None:
        assert before(GRAPH, self.MADE_BY, C, frozenset({A, B, C})) == {A, B}
        assert before(GRAPH, self.MADE_BY, Y, frozenset({A, Y})) == {A}
        assert before(GRAPH, self.MADE_BY, A, frozenset({A})) == frozenset()


class TestOwnError:
    def test_it_is_measured_where_fp32_is_finite(self) -> None:
        y = np.array([1, -math.inf, 2], np.float32)
        assert judged(np.array([1, -math.inf, 2], np.float16), y, "float16") == Own(0.0, fault=False)
        own = judged(np.array([1, 0, math.inf], np.float16), y, "float16")
        assert own.fault
        assert not math.isfinite(own.error)
        assert own.cause == "overflow inside the operator: 1 of 2 results are not finite, where FP32 stays within 2"

    def test_a_victim_of_nan_is_no_culprit(self) -> None:
        nan = np.full(3, math.nan, np.float32)
        assert judged(nan, nan, "float16") == Own(0.0, fault=False)

    def test_integers_only_follow(self) -> None:
        assert judged(np.array([1]), np.array([7]), "int64") == Own(0.0, fault=False)

    def test_saturation_is_a_fault_however_small_its_error(self) -> None:
        y = np.array([6e4] * 400 + [65600], np.float32)
        x = np.minimum(y, 65504).astype(np.float16)
        assert judged(x, y, "float16").fault

    @pytest.mark.parametrize(
        ("own", "others", "error", "fault"),
        [
            (0.2, [0.01, 0.02], 0.18, True),
            (0.2, [0.19], 0.01, False),
            (0.2, [0.5], 0.0, False),
            (0.04, [], 0.04, False),
            (math.inf, [0.1], math.inf, True),
            (0.3, [math.nan, 0.1], 0.0, False),
            (math.nan, [math.inf], 0.0, False),
        ],
    )
    def test_an_increase_stands_for_it(self, own: float, others: list[float], error: float, *, fault: bool) -> None:
        found = increase(own, others)
        assert found.error == pytest.approx(error)
        assert (found.fault, found.recomputed) == (fault, False)
        assert bool(found.cause) == fault

    def test_an_increase_to_nan_fails(self) -> None:
        found = increase(math.nan, [0.1])
        assert math.isnan(found.error)
        assert found.fault

    @given(st.floats(0, 1e6), st.lists(st.floats(0, 1e6), max_size=4))
    def test_an_increase_is_never_larger_than_the_error(self, own: float, others: list[float]) -> None:
        assert 0 <= increase(own, others).error <= own


def f32(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(values, np.float32)


class TestWords:
    def test_overflow_beyond_the_range(self) -> None:
        said = cause(f32(math.inf, 1), f32(1e5, 1), "float16", {})
        assert said == "overflow: 1 of 2 results are beyond FP16's 65504 (in FP32 up to 1e+05)"

    def test_overflow_of_an_input(self) -> None:
        said = cause(f32(math.inf), f32(3), "float16", {"w": f32(1), "x": f32(65504)})
        assert (
            said == "overflow: its input x reaches 6.55e+04, the end of FP16's range, and 1 of 1 results are not finite"
        )

    def test_underflow(self) -> None:
        said = cause(f32(0, 0), f32(1e-6, 2e-6), "float16", {})
        assert said.startswith(
            "underflow: 2 of 2 results are below FP16's smallest normal number 6.1e-05 (in FP32 up to 2e-06)"
        )

    def test_cancellation(self) -> None:
        said = cause(f32(1), f32(2), "float16", {"x": f32(2048)})
        assert said.startswith("cancellation: results of at most 2 are left of operands of up to 2048")

    def test_what_no_rounding_explains(self) -> None:
        said = cause(f32(1, 5), f32(2, 3), "float32", {"x": f32(2)})
        assert said.startswith(
            "an own error of 0.62 on the device's own inputs, more than one rounding to float32 makes"
        )

    def test_the_largest_number_is_overflow_only_where_fp32_is_beyond(self) -> None:
        found = overflowed(f32(65504, 65504, 65504, -math.inf), f32(65504, 70000, math.inf, -70000), "float16")
        assert found.tolist() == [False, True, False, True]


def figure(index: int, *, distance: float, overflow: int = 0) -> LayerComparison:
    return LayerComparison(
        index=index,
        node=f"n{index}",
        op="Mul",
        dtype="float16",
        cosine_similarity=1.0,
        max_absolute_error=0.0,
        relative_euclidean_distance=distance,
        overflow=overflow,
        underflow=0,
        local_error=0.0,
    )


class TestFirstBad:
    FAULT = Own(1.0, fault=True, cause="its own")
    VICTIM = Own(0.0, fault=False)

    def test_it_is_the_first_that_is_beyond_the_limits_by_itself(self) -> None:
        layers = [figure(0, distance=0.01), figure(1, distance=0.2), figure(2, distance=0.3), figure(3, distance=0.4)]
        own = {0: self.FAULT, 1: self.VICTIM, 2: self.FAULT, 3: self.FAULT}
        bad = first_bad(layers, own, {2: "; with n1"})
        assert bad is not None
        assert (bad.node, bad.cause) == ("n2", "its own; with n1")

    def test_nan_and_one_overflow_are_beyond(self) -> None:
        assert first_bad([figure(0, distance=math.nan)], {0: self.FAULT}, {}) is not None
        assert first_bad([figure(0, distance=0.0, overflow=1)], {0: self.FAULT}, {}) is not None

    def test_small_errors_that_add_up_have_no_culprit(self) -> None:
        assert first_bad([figure(0, distance=0.2)], {0: self.VICTIM}, {}) is None


class TestFigures:
    NODE = GRAPH.nodes[A]

    def test_the_tables_figures_stand_and_the_dump_is_counted(self) -> None:
        layer = matched(row("a", cosine=0.5, distance=0.25, largest=2.0)).layers[0]
        found = figures(Gatherer(), layer, self.NODE, np.array([math.inf, 0], np.float16), f32(1e5, 1e-9))
        assert found.layer is not None
        assert (found.layer.cosine_similarity, found.layer.relative_euclidean_distance) == (0.5, 0.25)
        assert (found.layer.overflow, found.layer.underflow, found.note) == (1, 1, "")

    def test_what_msaccucmp_could_not_compare_we_do(self) -> None:
        layer = matched(row("a", cosine="NaN", distance="NaN", largest="NaN", reason="shapes")).layers[0]
        found = figures(Gatherer(), layer, self.NODE, np.array([1, 2], np.float16), f32(1, 2))
        assert found.layer is not None
        assert found.layer.cosine_similarity == 1
        assert found.layer.relative_euclidean_distance == 0

    def test_without_either_there_is_a_reason(self) -> None:
        layer = matched(row("a", cosine="NaN", distance="NaN", reason="shapes")).layers[0]
        found = figures(Gatherer(), layer, self.NODE, "no dump", f32(1, 2))
        assert (found.layer, found.note) == (None, "shapes")

    def test_unknown_counts_are_told(self) -> None:
        layer = matched(row("a")).layers[0]
        found = figures(Gatherer(), layer, self.NODE, "no dump", f32(1, 2))
        assert found.layer is not None
        assert found.note == "its overflow and underflow were not counted: no dump"

    @pytest.mark.parametrize(("text", "dtype"), [("float16", "float16"), ("bfloat16", "bfloat16"), ("NaN", "other")])
    def test_the_type_is_the_devices(self, text: str, dtype: str) -> None:
        assert dtype_of(matched(row("a", dtype=text)).layers[0].row) == dtype
