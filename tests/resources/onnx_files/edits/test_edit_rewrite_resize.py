"""Resize, rewritten for a device."""

from typing import Any

import numpy as np
import onnx
import pytest
from edit_checks import edited, f32, names, ops, parse, refusal
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from resources.onnx_files.edits.rewrite_resize import How, rewrite_resize
from resources.onnx_files.sessions import reference


def rewrite(how: How) -> Any:
    return lambda model: rewrite_resize(model, ["resize"], how)


def resize(attributes: str = "", *, scales: list[float] | None = None, sizes: list[int] | None = None) -> Any:
    weights: dict[str, NDArray[Any]] = {}
    given = 'x, ""'
    if scales is not None:
        weights["s"], given = np.asarray(scales, np.float32), 'x, "", s'
    else:
        weights["z"], given = np.asarray(sizes, np.int64), 'x, "", "", z'
    text = f"[resize] y = Resize<{attributes}>({given})" if attributes else f"[resize] y = Resize({given})"
    model = parse(f"g (float[1,2,3,5] x) => (float[n,c,h,w] y) {{ {text} }}", weights)
    return onnx.shape_inference.infer_shapes(model, data_prop=True)


COMPUTED = """g (float[1,2,3,5] x) => (float[1,2,6,10] y) {
    s = Shape(x)
    two = Constant<value = int64[2] {2,2}>()
    axes = Constant<value = int64[2] {2,3}>()
    places = Gather(s, axes)
    wide = Mul(places, two)
    zero = Constant<value = int64[2] {0,1}>()
    front = Gather(s, zero)
    z = Concat<axis = 0>(front, wide)
    [resize] y = Resize<mode = "linear">(x, "", "", z)
}"""


def test_computed_targets_become_constants_and_what_computed_them_goes() -> None:
    after = edited(rewrite("constant_targets"), parse(COMPUTED))
    assert names(after) == ["resize"]
    assert [list(onnx.numpy_helper.to_array(w)) for w in after.graph.initializer] == [[1, 2, 6, 10]]


def test_what_else_reads_the_computed_shape_keeps_it() -> None:
    text = COMPUTED.replace("[1,2,6,10] y)", "[1,2,6,10] y, int64[4] s)")
    assert ops(edited(rewrite("constant_targets"), parse(text))) == ["Shape", "Resize"]


def test_a_target_that_depends_on_the_input_stays_refused() -> None:
    text = """g (float[1,2,3,5] x, int64[4] z) => (float[a,b,c,d] y) { [resize] y = Resize(x, "", "", z) }"""
    assert "depend on the model's input" in refusal(rewrite("constant_targets"), parse(text))
    assert "no node resize" in refusal(
        rewrite("constant_targets"), parse("g (float[1] x) => (float[1] y) { y = Abs(x) }")
    )


def test_a_scale_of_an_open_input_is_folded_where_it_needs_no_shape() -> None:
    text = """g (float[n,2,3,5] x) => (float[n,2,6,10] y) {
        a = Constant<value = float[2] {1.0, 1.0}>()
        b = Constant<value = float[2] {2.0, 2.0}>()
        s = Concat<axis = 0>(a, b)
        [resize] y = Resize(x, "", s)
    }"""
    assert names(edited(rewrite("constant_targets"), parse(text))) == ["resize"]


@pytest.mark.parametrize(("scales", "sizes", "inputs"), [([1, 1, 2, 2], None, 3), (None, [1, 2, 6, 10], 4)])
def test_absent_inputs_are_given_as_empty_ones(
    scales: list[float] | None, sizes: list[int] | None, inputs: int
) -> None:
    after = edited(rewrite("fill_inputs"), resize(scales=scales, sizes=sizes))
    assert len(after.graph.node[0].input) == inputs
    assert all(after.graph.node[0].input)
    assert "all of its inputs are given" in refusal(rewrite("fill_inputs"), after)


def test_before_opset_11_there_is_nothing_to_fill() -> None:
    text = "g (float[1,1,2,2] x) => (float[1,1,4,4] y) { [resize] y = Resize(x, s) }"
    old = parse(text, {"s": np.asarray([1, 1, 2, 2], np.float32)}, opset=10)
    assert "convert the opset" in refusal(rewrite("fill_inputs"), old)
    assert ops(edited(rewrite("repeat"), old)) == ["Unsqueeze", "Expand", "Reshape"]


@pytest.mark.parametrize(
    "attributes",
    [
        "",
        'coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"',
        'coordinate_transformation_mode = "pytorch_half_pixel"',
        'nearest_mode = "round_prefer_ceil"',
    ],
)
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_nearest_by_whole_factors_is_a_broadcast(attributes: str, factor: int) -> None:
    by_scale = resize(attributes, scales=[1, 1, factor, factor])
    assert ops(edited(rewrite("repeat"), by_scale)) == ["Unsqueeze", "Expand", "Reshape"]
    by_size = resize(attributes, sizes=[1, 2, 3 * factor, 5])
    after = edited(rewrite("repeat"), by_size)
    assert names(after)[-1] == "resize"


@pytest.mark.parametrize(
    ("attributes", "scales", "reason"),
    [
        ('coordinate_transformation_mode = "asymmetric"', [1, 1, 4, 4], "takes other elements"),
        ('coordinate_transformation_mode = "asymmetric", nearest_mode = "ceil"', [1, 1, 2, 2], "takes other elements"),
        ('coordinate_transformation_mode = "align_corners"', [1, 1, 3, 3], "takes other elements"),
        ("", [1, 1, 1.5, 2], "whole factor"),
        ("", [1, 1, 0.5, 1], "whole factor"),
        ('mode = "linear"', [1, 1, 2, 2], "not nearest"),
    ],
)
def test_what_is_no_repetition_is_refused(attributes: str, scales: list[float], reason: str) -> None:
    assert reason in refusal(rewrite("repeat"), resize(attributes, scales=scales))


_MODES = ["asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners"]
_ROUNDINGS = ["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(_MODES), st.sampled_from(_ROUNDINGS), st.integers(1, 6), st.integers(1, 6))
def test_where_it_does_not_refuse_it_computes_the_same(mode: str, rounding: str, high: int, wide: int) -> None:
    from resources.onnx_files.edits import EditError

    attributes = f'coordinate_transformation_mode = "{mode}", nearest_mode = "{rounding}"'
    before = resize(attributes, scales=[1, 1, high, wide])
    try:
        after = rewrite("repeat")(before)
    except EditError:
        return
    x = {"x": f32(1, 2, 3, 5)}
    np.testing.assert_array_equal(reference(after).run(x)["y"], reference(before).run(x)["y"])


def test_an_open_batch_stays_open() -> None:
    text = 'g (float[n,2,3,5] x) => (float[n,2,6,10] y) { [resize] y = Resize(x, "", s) }'
    before = parse(text, {"s": np.asarray([1, 1, 2, 2], np.float32)})
    edited(rewrite("repeat"), before, {"x": f32(3, 2, 3, 5)})
