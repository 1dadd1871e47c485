"""The FP32 reference of every node: what is computed, where it lies, what it is called."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from device_double import floats, parse
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from resources.ascend.cann.precision.golden import BUDGET, Reference, file_names, parts, write
from resources.onnx_files.graph import view

MODEL = parse(
    """agraph (float[2, 8] x) => (float[2, 8] y) {
        a = Mul(x, w)
        b, c = Split<axis = 1>(a)
        d = Concat<axis = 1>(c, b)
        y = Tanh(d)
    }""",
    {"w": floats((8,), seed=1)},
)
X: NDArray[Any] = floats((2, 8))
W: NDArray[Any] = floats((8,), seed=1)


def reference(folder: Path, model: onnx.ModelProto = MODEL, budget: int = BUDGET, **inputs: Any) -> Reference:
    return write(model, inputs or {"x": X}, folder, budget=budget)


def test_every_output_of_every_node_is_a_file_in_msaccucmps_naming(tmp_path: Path) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(MODEL)
    for node, name in zip(model.graph.node, ("/stem/mul.0", "split", "", "y"), strict=True):
        node.name = name
    reference(tmp_path, model)
    stamp = "1000000000000000"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"Concat_0.0.{stamp}.npy",
        f"_stem_mul_0.0.{stamp}.npy",
        f"split.0.{stamp}.npy",
        f"split.1.{stamp}.npy",
        f"y.0.{stamp}.npy",
    ]


def test_tensors_are_fp32s(tmp_path: Path) -> None:
    found = reference(tmp_path)
    a: NDArray[Any] = np.multiply(X, W)
    wanted: dict[str, NDArray[Any]] = {"a": a, "b": a[:, :4], "c": a[:, 4:], "x": X, "w": W}
    for name, expected in wanted.items():
        tensor = found.tensor(name)
        assert tensor is not None
        assert np.allclose(tensor, expected, rtol=1e-6)
    assert found.tensor("nobody") is None


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 2000))
def test_the_budget_changes_the_parts_and_not_the_results(
    tmp_path_factory: pytest.TempPathFactory, budget: int
) -> None:
    whole = reference(tmp_path_factory.mktemp("whole"))
    cut = reference(tmp_path_factory.mktemp("cut"), budget=budget)
    for name in whole.files:
        assert np.array_equal(np.load(whole.files[name]), np.load(cut.files[name]))


def test_parts_cover_all_nodes_in_order_within_the_budget() -> None:
    graph = view(MODEL)
    assert list(parts(graph, BUDGET)) == [range(4)]
    assert list(parts(graph, 1)) == [range(i, i + 1) for i in range(4)]
    assert list(parts(view(parse("agraph (float[2] x) => (float[2] x) { }")), 1)) == []


def test_ten_thousand_nodes_are_run_in_parts() -> None:
    nodes = [onnx.helper.make_node("Relu", [f"t{i}"], [f"t{i + 1}"]) for i in range(10_000)]
    ends = [onnx.helper.make_tensor_value_info(n, 1, [1, 64, 56, 56]) for n in ("t0", "t10000")]
    model = onnx.helper.make_model(onnx.helper.make_graph(nodes, "long", ends[:1], ends[1:]))
    found = list(parts(view(onnx.shape_inference.infer_shapes(model)), BUDGET))
    assert [part.start for part in found[1:]] == [part.stop for part in found[:-1]]
    assert (found[0].start, found[-1].stop) == (0, 10_000)
    assert max(map(len, found)) * 2 * 8 * 64 * 56 * 56 <= BUDGET


def test_a_model_in_fp16_has_an_fp32_reference(tmp_path: Path) -> None:
    model = parse("agraph (float16[2] x) => (float16[2] y) { y = Mul(x, x) }")
    for dtype in ("float16", "float32"):
        folder = tmp_path / dtype
        folder.mkdir()
        tensor = write(model, {"x": np.array([300, 1], dtype)}, folder).tensor("y")
        assert tensor is not None
        assert tensor.tolist() == [90000, 1]


def test_graphs_inside_nodes_read_from_outside(tmp_path: Path) -> None:
    inner = onnx.parser.parse_graph("inner () => (float[2] out) { out = Add(a, w) }")
    other = onnx.parser.parse_graph("other () => (float[2] out) { out = Neg(a) }")
    model = parse("agraph (float[2] x, bool c) => (float[2] y) { a = Exp(x) y = Identity(a) }", {"w": floats((2,))})
    model.graph.node[1].CopyFrom(
        onnx.helper.make_node("If", ["c"], ["y"], name="if", then_branch=inner, else_branch=other)
    )
    tensor = reference(tmp_path, model, 1, x=np.zeros(2, np.float32), c=np.asarray(True)).tensor("y")
    assert tensor is not None
    assert np.allclose(tensor, 1 + floats((2,)))


def test_empty_tensors_and_scalars_are_tensors(tmp_path: Path) -> None:
    model = parse(
        """agraph (float[0, 2] x) => (float[0, 2] y, int64 k) {
            y = Exp(x)
            s = Shape(x)
            k = ReduceProd<keepdims = 0>(s)
        }"""
    )
    found = reference(tmp_path, model, 1, x=np.zeros((0, 2), np.float32))
    for name, shape in {"y": (0, 2), "k": ()}.items():
        tensor = found.tensor(name)
        assert tensor is not None
        assert tensor.shape == shape


def test_a_name_too_long_for_a_file_is_in_the_mapping(tmp_path: Path) -> None:
    model = parse("agraph (float[2] x) => (float[2] y) { y = Exp(x) }")
    model.graph.node[0].name = "n" * 300
    found = reference(tmp_path, model, x=np.zeros(2, np.float32))
    assert found.files["y"].name == "0.npy"
    assert (tmp_path / "mapping.csv").read_text() == f"0.npy,{'n' * 300}.0.1000000000000000.npy\n"


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, "missing x"),
        ({"x": X, "z": X}, "unknown z"),
        ({"x": X.astype(np.float64)}, "'x': float64 given, float32 needed"),
        ({"x": X[:, :4]}, r"shape \[2, 4\] given"),
    ],
)
def test_a_wrong_input_is_named(tmp_path: Path, inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        write(MODEL, inputs, tmp_path)


def test_what_is_no_tensor_of_numbers_is_refused(tmp_path: Path) -> None:
    model = parse(
        "agraph (float[2] x) => (float[2] y) { s = SequenceConstruct(x) y = SequenceAt(s, i) }", {"i": np.array(0)}
    )
    with pytest.raises(ValueError, match="node 's' makes no tensor"):
        write(model, {"x": np.zeros(2, np.float32)}, tmp_path)


def test_names_that_msaccucmp_cannot_find_have_reasons() -> None:
    names, why = file_names(["a/b", "a.b", "c:0", "d-e_1", "f f"])
    assert names == ["0.unnamed", "1.unnamed", "2.unnamed", "d-e_1", "4.unnamed"]
    assert sorted(why) == [0, 1, 2, 4]
    assert "which dumps do not tell apart" in why[0] == why[1]
    assert why[2] == why[4] == "its name has characters that msaccucmp does not read"


@given(st.lists(st.text("ab/._:", max_size=4), max_size=8))
def test_no_two_nodes_share_a_file(ge_names: list[str]) -> None:
    names, _ = file_names(ge_names)
    assert len(set(names)) == len(names)
