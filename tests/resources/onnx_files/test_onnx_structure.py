"""A model that contradicts itself is refused before any C++ code reads it."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from onnx_samples import classifier, model, refusal, relu_chain, save, value

from resources import onnx_files
from resources.onnx_files import InvalidOnnx


class TestContradictions:
    @pytest.mark.parametrize(
        ("spoilt", "word"),
        [
            (relu_chain(("x", "a"), ("c", "b"), ("b", "c"), ("c", "y")), "cycle"),
            (relu_chain(("a", "a"), ("x", "y")), "cycle"),
            (relu_chain(("a", "y"), ("x", "a")), "comes before"),
            (relu_chain(("x", "a"), ("ghost", "y")), "nothing makes"),
            (relu_chain(("x", "y"), ("x", "y")), "made twice"),
            (relu_chain(("x", "x")), "made twice"),
            (model([], [value("x", [1])], [value("y", [1])]), "made by no node"),
            (model([helper.make_node("", ["x"], ["y"])], [value("x", [1])], [value("y", [1])]), "no operator"),
        ],
    )
    def test_data_flow(self, tmp_path: Path, spoilt: onnx.ModelProto, word: str) -> None:
        assert word in refusal(save(tmp_path, spoilt), InvalidOnnx)

    @pytest.mark.parametrize(
        ("dims", "dtype", "data"),
        [
            ([7], 1, b"\0" * 24),
            ([-1], 1, b""),
            ([2], 99, b"\0" * 8),
            ([2], 1, b""),
            ([2], 1, b"\0" * 9),
            ([1] * 40, 1, b"0000"),
        ],
    )
    def test_weights_are_as_large_as_they_claim(self, tmp_path: Path, dims: list[int], dtype: int, data: bytes) -> None:
        spoilt = classifier()
        spoilt.graph.initializer[0].CopyFrom(TensorProto(name="w", dims=dims, data_type=dtype, raw_data=data))
        refusal(save(tmp_path, spoilt), InvalidOnnx)

    def test_an_attribute_without_a_type(self, tmp_path: Path) -> None:
        spoilt = classifier()
        spoilt.graph.node[0].attribute.add().name = "odd"
        assert "without a type" in refusal(save(tmp_path, spoilt), InvalidOnnx)

    @pytest.mark.parametrize("kind", ["TENSOR", "GRAPH", "SPARSE_TENSOR"])
    def test_an_attribute_without_the_value_that_its_type_promises(self, tmp_path: Path, kind: str) -> None:
        spoilt = model([helper.make_node("Constant", [], ["y"])], [], [value("y", None)])
        spoilt.graph.node[0].attribute.add(name="value", type=onnx.AttributeProto.AttributeType.Value(kind))
        assert "without its value" in refusal(save(tmp_path, spoilt), InvalidOnnx)

    def test_a_split_into_a_billion(self, tmp_path: Path) -> None:
        node = helper.make_node("Split", ["x"], ["y"], num_outputs=10**9)
        opsets = [helper.make_opsetid("", 18)]
        spoilt = model([node], [value("x", [4])], [value("y", [4])], opset_imports=opsets)
        assert "1,000,000,000" in refusal(save(tmp_path, spoilt), InvalidOnnx)

    @pytest.mark.parametrize("equation", ["ij=,->i", "...>i", "...j...", "a1,b->ab", "ij->i->j", "ij->i,j", "i.j"])
    def test_an_equation_that_onnx_never_finishes_reading(self, tmp_path: Path, equation: str) -> None:
        node = helper.make_node("Einsum", ["x"], ["y"], equation=equation)
        refusal(save(tmp_path, model([node], [value("x", [3, 3])], [value("y", None)])), InvalidOnnx)

    @pytest.mark.parametrize("equation", ["ij->ji", "ii", " ...ij , ...jk -> ...ik ", "bhwc,hkc->bhwk", "->", "i,->i"])
    def test_equations_that_it_reads(self, tmp_path: Path, equation: str) -> None:
        node = helper.make_node("Einsum", ["x", "x"], ["y"], equation=equation)
        onnx_files.load(save(tmp_path, model([node], [value("x", [3, 3])], [value("y", None)])))

    def test_a_newer_ir_version_says_what_can_be_read(self, tmp_path: Path) -> None:
        spoilt = classifier()
        spoilt.ir_version = 10**9
        assert str(onnx.IR_VERSION) in refusal(save(tmp_path, spoilt), InvalidOnnx)

    def test_names_cannot_break_the_line(self, tmp_path: Path) -> None:
        spoilt = relu_chain(("x", "a"), ("ghost\nATC run success", "y"))
        assert r"ghost\nATC" in refusal(save(tmp_path, spoilt), InvalidOnnx)
