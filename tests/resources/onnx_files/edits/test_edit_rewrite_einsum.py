"""Einsum, written out, against numpy."""

import numpy as np
import onnx
import pytest
from edit_checks import edited, f32, names, ops, parse, refusal
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from onnx_samples import model, value

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.einsum_notation import read
from resources.onnx_files.edits.rewrite_einsum import rewrite_einsum
from resources.onnx_files.sessions import reference


def einsum(equation: str, *shapes: tuple[int | str, ...], opset: int = 13) -> onnx.ModelProto:
    inputs = [value(f"x{i}", shape) for i, shape in enumerate(shapes)]
    node = helper.make_node("Einsum", [i.name for i in inputs], ["y"], name="e", equation=equation)
    made = model([node], inputs, [value("y", None)], opset_imports=[helper.make_opsetid("", opset)])
    return onnx.shape_inference.infer_shapes(made)


EQUATIONS = [
    ("bhid,bhjd->bhij", (2, 3, 4, 5), (2, 3, 6, 5)),
    ("bhij,bhjd->bhid", (2, 3, 4, 6), (2, 3, 6, 5)),
    ("bchw,bkc->bkhw", (2, 3, 4, 5), (2, 6, 3)),
    ("nctkv,kvw->nctw", (2, 3, 4, 2, 5), (2, 5, 6)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
    ("i,i->", (4,), (4,)),
    ("i,j->ij", (4,), (3,)),
    ("ij->ji", (4, 3)),
    ("ij->", (4, 3)),
    ("ij", (4, 3)),
    ("ba", (4, 3)),
    ("ij,ij->ij", (4, 3), (4, 3)),
    ("...ij,...jk->...ik", (2, 3, 4), (2, 4, 5)),
    ("...ij,jk", (2, 3, 4), (4, 5)),
    ("i...->...", (2, 3, 4)),
    ("b...d,d->b...", (2, 3, 4, 5), (5,)),
    ("ab,cd,ef->fa", (2, 3), (2, 2), (3, 4)),
    ("...i,...i->...", (2, 3, 4), (2, 3, 4)),
    ("bhwij,bhwjk->bikhw", (1, 2, 2, 3, 4), (1, 2, 2, 4, 5)),
    (" i j , j k -> i k ", (2, 3), (3, 4)),
]


@pytest.mark.parametrize(("equation", "shapes"), [(e, s) for e, *s in EQUATIONS])
@pytest.mark.parametrize("opset", [12, 17])
def test_it_computes_what_einsum_does(equation: str, shapes: list[tuple[int, ...]], opset: int) -> None:
    inputs = {f"x{i}": f32(*shape, seed=i) for i, shape in enumerate(shapes)}
    after = edited(lambda m: rewrite_einsum(m, ["e"]), einsum(equation, *shapes, opset=opset), inputs)
    assert "Einsum" not in ops(after)
    wanted = np.einsum(equation.replace(" ", ""), *inputs.values())
    np.testing.assert_allclose(reference(after).run(inputs)["y"], wanted, rtol=1e-4, atol=1e-5)


@st.composite
def _equations(draw: st.DrawFn) -> tuple[str, list[tuple[int, ...]]]:
    sizes = {letter: draw(st.integers(1, 3)) for letter in "abcdE"}
    letters = st.lists(st.sampled_from(sorted(sizes)), min_size=1, max_size=3, unique=True)
    terms = draw(st.lists(letters, min_size=1, max_size=3))
    known = sorted({letter for term in terms for letter in term})
    output = draw(st.none() | st.lists(st.sampled_from(known), max_size=3, unique=True))
    equation = ",".join("".join(term) for term in terms) + ("" if output is None else "->" + "".join(output))
    return equation, [tuple(sizes[letter] for letter in term) for term in terms]


@settings(max_examples=60, deadline=None)
@given(_equations())
def test_any_equation_of_letters_agrees_with_numpy(case: tuple[str, list[tuple[int, ...]]]) -> None:
    equation, shapes = case
    inputs = {f"x{i}": f32(*shape, seed=i) for i, shape in enumerate(shapes)}
    after = rewrite_einsum(einsum(equation, *shapes), ["e"])
    wanted = np.einsum(equation, *inputs.values())
    np.testing.assert_allclose(reference(after).run(inputs)["y"], wanted, rtol=1e-3, atol=1e-4)


def test_two_operands_of_an_attention_are_one_product() -> None:
    after = rewrite_einsum(einsum("bhid,bhjd->bhij", ("n", 3, "s", 5), ("n", 3, "s", 5)), ["e"])
    assert ops(after) == ["Transpose", "MatMul"]
    assert names(after)[-1] == "e"


def test_open_sizes_are_kept_open_where_nothing_is_merged() -> None:
    before = einsum("bid,bjd->bij", ("n", "s", 5), ("n", "t", 5))
    inputs = {"x0": f32(2, 3, 5), "x1": f32(2, 4, 5, seed=1)}
    edited(lambda m: rewrite_einsum(m, ["e"]), before, inputs)


def test_a_linear_layer_keeps_open_sizes_apart() -> None:
    before = einsum("abc,cd->dab", ("n", "m", 3), (3, 4))
    after = edited(lambda m: rewrite_einsum(m, ["e"]), before, {"x0": f32(2, 5, 3), "x1": f32(3, 4, seed=1)})
    assert ops(after) == ["MatMul", "Transpose"]


@pytest.mark.parametrize(
    ("equation", "shapes", "reason"),
    [
        ("ii->i", [(3, 3)], "diagonal"),
        ("abcd,cdef->abef", [("n", "m", 3, 4), (3, 4, "p", "q")], "fix the input shapes"),
        ("ij,jk->ik", [(2, 1), (3, 4)], "size 1 in one operand"),
        ("ij,jk->ik", [None, (3, 4)], "not known"),
    ],
)
def test_what_cannot_be_written_out_is_said(equation: str, shapes: list[tuple[int | str, ...]], reason: str) -> None:
    assert reason in refusal(lambda m: rewrite_einsum(m, ["e"]), einsum(equation, *shapes))


@pytest.mark.parametrize(
    ("equation", "ranks"), [("ij,jk", [2]), ("ijk", [2]), ("ij->iz", [2]), ("ij->ii", [2]), ("i..j", [3]), ("i;j", [2])]
)
def test_an_equation_that_makes_no_sense_is_refused(equation: str, ranks: list[int]) -> None:
    with pytest.raises(EditError):
        read(equation, ranks)


def test_only_the_named_einsum_of_the_main_graph_is_taken() -> None:
    before = parse(
        'g (float[2,3] a, float[3,2] b) => (float[2,2] y) { h = Einsum<equation="ij,jk->ik">(a, b)'
        ' y = Einsum<equation="ij->ji">(h) }'
    )
    after = edited(lambda m: rewrite_einsum(m, ["Einsum_1"]), before)
    assert names(after) == ["Einsum_0", "Einsum_1"]
    assert ops(after) == ["Einsum", "Transpose"]
    assert "no node other" in refusal(lambda m: rewrite_einsum(m, ["other"]), before)
    relu = parse("g (float[2] x) => (float[2] y) { y = Relu(x) }")
    assert "is Relu" in refusal(lambda m: rewrite_einsum(m, ["Relu_0"]), relu)
