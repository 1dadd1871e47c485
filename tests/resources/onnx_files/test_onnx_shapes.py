"""Shapes as ATC's options give them, and what follows inside the model."""

from collections.abc import Mapping

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx_samples import classifier, model, value, weight

from resources.onnx_files import ShapeError, parse_input_shape, undeclared_dynamic, with_shapes
from resources.onnx_files.shapes import skeleton, without_weights


def shapes(content: onnx.ModelProto) -> dict[str, list[int | str]]:
    values = (*content.graph.input, *content.graph.value_info, *content.graph.output)
    return {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}


class TestGrammar:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("x:1,3,224,224", {"x": (1, 3, 224, 224)}),
            ("x:1,3,224,224;y:1,10", {"x": (1, 3, 224, 224), "y": (1, 10)}),
            (" x : 1 , 3 ; y : -1 ", {"x": (1, 3), "y": (-1,)}),
            ("s:", {"s": ()}),
            ("x:1;", {"x": (1,)}),
            ("scope/input:0:1,3", {"scope/input:0": (1, 3)}),
        ],
    )
    def test_what_atc_takes(self, text: str, expected: dict[str, tuple[int, ...]]) -> None:
        assert parse_input_shape(text) == expected

    @pytest.mark.parametrize(
        "text",
        [
            "",
            ";",
            "x",
            "x=1,3",
            ":1,3",
            "x:1,,3",
            "x:0",
            "x:-2",
            "x:1.5",
            "x:a",
            "x:1;x:2",
            "x:1~10,3",
            "x:" + "9" * 40,
            "x:٣",
        ],
    )
    def test_what_it_does_not_take(self, text: str) -> None:
        with pytest.raises(ShapeError) as caught:
            parse_input_shape(text)
        assert "\n" not in str(caught.value)

    @given(
        st.dictionaries(
            st.from_regex(r"[A-Za-z_/.:0-9]{0,8}[a-z]", fullmatch=True), st.lists(st.integers(1, 9999)), min_size=1
        )
    )
    def test_what_is_written_is_read(self, given_shapes: dict[str, list[int]]) -> None:
        text = ";".join(f"{name}:{','.join(map(str, dims))}" for name, dims in given_shapes.items())
        assert parse_input_shape(text) == {name: tuple(dims) for name, dims in given_shapes.items()}


class TestWithShapes:
    @pytest.mark.parametrize(
        ("given_shape", "batch"), [({"x": (4, 3, 8, 8)}, None), (None, 4), ({"x": (4, 3, 8, 8)}, 4)]
    )
    def test_a_dynamic_batch_is_fixed_everywhere(
        self, given_shape: Mapping[str, tuple[int, ...]] | None, batch: int | None
    ) -> None:
        found = shapes(with_shapes(classifier("N"), given_shape, batch))
        assert found["x"] == [4, 3, 8, 8]
        assert found["c"] == [4, 64, 8, 8]
        assert found["y"] == [4, 5]

    def test_the_models_own_shape_needs_nothing(self) -> None:
        assert shapes(with_shapes(classifier(), None, None))["c"] == [1, 64, 8, 8]

    def test_the_model_is_not_touched_unless_asked(self) -> None:
        content = classifier("N")
        before = content.SerializeToString()
        fixed = with_shapes(content, None, 2)
        assert content.SerializeToString() == before
        assert with_shapes(content, None, 2, in_place=True) is content
        assert content == fixed

    def test_weights_are_kept(self) -> None:
        assert [w.raw_data for w in with_shapes(classifier("N"), None, 2).graph.initializer] == [
            w.raw_data for w in classifier("N").graph.initializer
        ]

    def test_stated_inner_shapes_of_another_batch_are_dropped(self) -> None:
        content = classifier("N")
        content.graph.value_info.append(value("c", [1, 64, 8, 8]))
        assert shapes(with_shapes(content, None, 4))["c"] == [4, 64, 8, 8]

    def test_gears_stay_open(self) -> None:
        found = shapes(with_shapes(classifier("N"), {"x": (-1, 3, 8, 8)}, None))
        assert found["x"] == ["N", 3, 8, 8]
        assert found["y"][1] == 5

    @pytest.mark.parametrize("opset", [11, 12, 13, 17])
    @pytest.mark.parametrize("index", [0, [0]])
    def test_shapes_computed_from_shapes_are_followed(self, opset: int, index: int | list[int]) -> None:
        """Shape, Gather, Concat, Reshape as exporters write a flatten, twice in a row."""
        scalar = isinstance(index, int)
        lift = helper.make_node("Identity", ["n"], ["u"])
        if scalar and opset < 13:
            lift = helper.make_node("Unsqueeze", ["n"], ["u"], axes=[0])
        elif scalar:
            lift = helper.make_node("Unsqueeze", ["n", "zero"], ["u"])
        nodes = [
            helper.make_node("Shape", ["x"], ["s"]),
            helper.make_node("Gather", ["s", "first"], ["n"]),
            lift,
            helper.make_node("Concat", ["u", "rest"], ["target"], axis=0),
            helper.make_node("Reshape", ["x", "target"], ["r"]),
            helper.make_node("Shape", ["r"], ["s2"]),
            helper.make_node("Cast", ["s2"], ["f"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["f", "half"], ["h"]),
            helper.make_node("Cast", ["h"], ["size"], to=TensorProto.INT64),
            helper.make_node("Concat", ["size", "two", "two"], ["wide"], axis=0),
            helper.make_node("Reshape", ["r", "wide"], ["y"]),
        ]
        weights = [
            helper.make_tensor("first", TensorProto.INT64, [] if scalar else [1], [0]),
            helper.make_tensor("zero", TensorProto.INT64, [1], [0]),
            helper.make_tensor("rest", TensorProto.INT64, [1], [12]),
            helper.make_tensor("two", TensorProto.INT64, [1], [2]),
            helper.make_tensor("half", TensorProto.FLOAT, [], [0.5]),
        ]
        opsets = [helper.make_opsetid("", opset)]
        content = model(nodes, [value("x", ["N", 3, 4])], [value("y", None)], weights, opset_imports=opsets)
        found = shapes(with_shapes(content, None, 6))
        assert found["r"] == [6, 12]
        assert found["y"] == [3, 6, 2, 2]

    @pytest.mark.parametrize(
        ("content", "given_shape", "batch", "word"),
        [
            (classifier("N"), None, None, '--input-shape "x:1,3,8,8"'),
            (classifier("N"), {"z": (1,)}, None, "no input z"),
            (classifier("N"), {"x": (1, 3)}, None, "4 dimensions"),
            (classifier(2), {"x": (4, 3, 8, 8)}, None, "fixed to 2 at axis 0"),
            (classifier(2), None, 4, "batch of 4"),
            (model([], [value("x", None)], []), None, None, "unknown rank"),
            (model([], [value("x", [])], []), None, 4, "batch of 4"),
        ],
    )
    def test_what_is_missing_is_named_with_what_to_give(
        self, content: onnx.ModelProto, given_shape: Mapping[str, tuple[int, ...]] | None, batch: int | None, word: str
    ) -> None:
        with pytest.raises(ShapeError, match=r"x|batch") as caught:
            with_shapes(content, given_shape, batch)
        assert word in str(caught.value)

    def test_shapes_that_would_take_gigabytes(self) -> None:
        nodes = [helper.make_node("MatMul", ["x", "t"], ["y"]), helper.make_node("Transpose", ["x"], ["t"])][::-1]
        content = model(nodes, [value("x", ["N", 1])], [value("y", None)])
        with pytest.raises(ShapeError, match="smaller"):
            with_shapes(content, {"x": (10**8, 1)}, None)

    def test_contradictions_inside_are_an_error_with_a_name(self) -> None:
        node = helper.make_node("Unsqueeze", ["x"], ["y"], axes=[10**15])
        with pytest.raises(ShapeError, match="contradict"):
            with_shapes(model([node], [value("x", [1])], [value("y", None)]), None, None)


class TestDynamicDimensions:
    def test_they_are_listed_with_axis_and_symbol(self) -> None:
        content = model([], [value("x", ["N", 3, None]), value("m", None), value("k", [2])], [])
        assert undeclared_dynamic(content, {}) == (("x", 0, "N"), ("x", 2, "?"), ("m", -1, "?"))

    def test_declared_ones_are_left_out(self) -> None:
        content = model([], [value("x", ["N", 3, "W"])], [])
        assert undeclared_dynamic(content, {"x": (0,)}) == (("x", 2, "W"),)
        assert undeclared_dynamic(content, {"x": (0, 2)}) == ()


class TestCopies:
    def test_a_skeleton_is_small_and_its_large_weights_are_inputs(self) -> None:
        node = helper.make_node("MatMul", ["x", "w"], ["y"])
        content = model([node], [value("x", [1, 512])], [value("y", [1, 512])], [weight("w", 512, 512)])
        bones = skeleton(content)
        assert bones.ByteSize() < 1000
        assert [v.name for v in bones.graph.input] == ["x", "w"]
        onnx.checker.check_model(bones)

    def test_small_weights_stay(self) -> None:
        target = helper.make_tensor("t", TensorProto.INT64, [2], [1, -1])
        content = model(
            [helper.make_node("Reshape", ["x", "t"], ["y"])], [value("x", [2, 2])], [value("y", None)], [target]
        )
        assert [w.name for w in skeleton(content).graph.initializer] == ["t"]

    def test_without_weights_the_inputs_are_the_same(self) -> None:
        bare = without_weights(classifier())
        assert bare.graph.input == classifier().graph.input
        assert [list(w.dims) for w in bare.graph.initializer] == [[64, 3, 3, 3], [64, 5]]
        assert bare.ByteSize() < classifier().ByteSize() / 3
