"""Formulas of exponentials: the same in FP32, and finite in FP16."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from edit_samples import graph, node, normal, refused, same

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.reformulate import reformulate

SHAPE = (2, 4, 16)
LARGE = normal(*SHAPE, scale=6) + 8
Exp = [node("Exp", "x", "e", "exp")]


def total(source: str = "e", axis: int = -1, *, keepdims: int = 1, opset: int = 13) -> onnx.NodeProto:
    if opset >= 13:
        return node("ReduceSum", f"{source} axis", "s", "sum", keepdims=keepdims)
    return node("ReduceSum", source, "s", "sum", axes=[axis], keepdims=keepdims)


def made(nodes: list[onnx.NodeProto], axis: int = -1, opset: int = 13, **weights: Any) -> onnx.ModelProto:
    held = {"axis": np.array([axis]), **weights} if opset >= 13 else weights
    read = {name for each in nodes for name in each.input}
    model: onnx.ModelProto = graph(
        nodes, {"x": SHAPE}, ["y"], {n: v for n, v in held.items() if n in read}, opset=opset
    )
    return model


def softmax(axis: int = -1, opset: int = 13) -> onnx.ModelProto:
    return made([*Exp, total(axis=axis, opset=opset), node("Div", "e s", "y", "quotient")], axis, opset)


def by_reciprocal() -> onnx.ModelProto:
    return made([*Exp, total(), node("Reciprocal", "s", "i", "inverse"), node("Mul", "i e", "y", "product")])


def dropped() -> onnx.ModelProto:
    nodes = [total(keepdims=0), node("Unsqueeze", "s axis", "u", "back"), node("Div", "e u", "y", "quotient")]
    return made([*Exp, *nodes])


def guarded() -> onnx.ModelProto:
    return made([*Exp, total(), node("Add", "s eps", "g", "guard"), node("Div", "e g", "y", "quotient")], eps=1e-9)


def masked() -> onnx.ModelProto:
    mask = (normal(*SHAPE, seed=3) > 0).astype(np.float32)
    mask[..., 0] = 1
    nodes = [node("Mul", "e mask", "n", "mask"), total("n"), node("Div", "n s", "y", "quotient")]
    return made([*Exp, *nodes], mask=mask)


def log_sum_exp(keepdims: int = 1) -> onnx.ModelProto:
    return made([*Exp, total(keepdims=keepdims), node("Log", "s", "y", "log")])


def log_softmax() -> onnx.ModelProto:
    return made([*Exp, total(), node("Log", "s", "l", "log"), node("Sub", "x l", "y", "minus")])


def both() -> onnx.ModelProto:
    nodes = [node("Div", "e s", "q", "quotient"), node("Log", "s", "l", "log"), node("Add", "q l", "y", "sum of both")]
    return made([*Exp, total(), *nodes])


def softplus() -> onnx.ModelProto:
    return made([*Exp, node("Add", "e one", "p", "plus"), node("Log", "p", "y", "log")], one=1.0)


def sigmoid() -> onnx.ModelProto:
    nodes = [node("Neg", "x", "n", "neg"), node("Exp", "n", "e", "exp"), node("Add", "one e", "p", "plus")]
    return made([*nodes, node("Div", "one p", "y", "quotient")], one=1.0)


def swish() -> onnx.ModelProto:
    nodes = [node("Neg", "x", "n", "neg"), node("Exp", "n", "e", "exp"), node("Add", "e one", "p", "plus")]
    return made([*nodes, node("Div", "x p", "y", "quotient")], one=1.0)


def ratio() -> onnx.ModelProto:
    return made([*Exp, node("Add", "e one", "p", "plus"), node("Div", "e p", "y", "quotient")], one=1.0)


FORMULAS: dict[str, tuple[Callable[[], onnx.ModelProto], set[str]]] = {
    "softmax": (softmax, {"Softmax"}),
    "of another axis": (lambda: softmax(1), {"Softmax"}),
    "of opset 11": (lambda: softmax(-1, 11), {"Softmax"}),
    "of another axis of opset 11": (lambda: softmax(1, 11), {"ReduceMax", "Sub", "Exp", "ReduceSum", "Div"}),
    "by reciprocal": (by_reciprocal, {"Softmax"}),
    "with a dropped dimension": (dropped, {"Softmax"}),
    "guarded": (guarded, {"Softmax"}),
    "masked": (masked, {"ReduceMax", "Sub", "Exp", "Mul", "ReduceSum", "Div"}),
    "log-sum-exp": (log_sum_exp, {"ReduceMax", "Sub", "Exp", "ReduceSum", "Log", "Add"}),
    "log-sum-exp, dropped": (lambda: log_sum_exp(0), {"ReduceMax", "Sub", "Exp", "ReduceSum", "Log", "Squeeze", "Add"}),
    "log-softmax": (log_softmax, {"ReduceMax", "Sub", "Exp", "ReduceSum", "Log", "Add"}),
    "softmax and log": (both, {"ReduceMax", "Sub", "Exp", "ReduceSum", "Log", "Add", "Div"}),
    "softplus": (softplus, {"Softplus"}),
    "sigmoid": (sigmoid, {"Sigmoid"}),
    "swish": (swish, {"Sigmoid", "Mul"}),
    "ratio": (ratio, {"Sigmoid"}),
}


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_the_same_in_fp32_and_finite_in_fp16(tmp_path: Path, name: str) -> None:
    build, operators = FORMULAS[name]
    before = build()
    kept = before.SerializeToString()
    after = reformulate(before, ["exp"], "softmax")
    assert {each.op_type for each in after.graph.node} == operators
    assert before.SerializeToString() == kept
    inputs = {"x": LARGE if name not in {"sigmoid", "swish"} else -LARGE}
    assert same(before, after, **inputs)
    assert "overflow_layers" in refused(tmp_path, before, inputs)
    assert refused(tmp_path, after, inputs) == set()


def test_what_is_read_on_keeps_its_name() -> None:
    model = made([*Exp, total(), node("Div", "e s", "q", "quotient"), node("Relu", "q", "y", "after")])
    assert [each.name for each in reformulate(model, ["sum"], "softmax").graph.node] == ["quotient", "after"]


def test_a_maximum_that_is_taken_off_already_goes_with_the_rest() -> None:
    nodes = [
        node("ReduceMax", "x", "m", "max", axes=[-1]),
        node("Sub", "x m", "z", "minus"),
        node("Exp", "z", "e", "exp"),
        total(),
        node("Div", "e s", "y", "quotient"),
    ]
    for begin in ("max", "minus", "exp", "sum", "quotient"):
        before = made(nodes)
        after = reformulate(before, [begin], "softmax")
        assert [each.op_type for each in after.graph.node] == ["Softmax"]
        assert same(before, after, x=LARGE)


def test_only_what_is_constant_along_the_axis_may_be_taken_off() -> None:
    nodes = [node("Sub", "x k", "z", "minus"), node("Exp", "z", "e", "exp"), total(), node("Div", "e s", "y", "q")]
    before = made(nodes, k=normal(16))
    after = reformulate(before, ["exp"], "softmax")
    assert [each.op_type for each in after.graph.node] == ["Sub", "Softmax"]
    assert same(before, after, x=LARGE)


REFUSED: dict[str, tuple[list[onnx.NodeProto], str]] = {
    "alone": ([node("Exp", "x", "y", "exp")], "output of the model"),
    "not summed": ([*Exp, node("Relu", "e", "y")], "nothing sums its exponentials"),
    "read elsewhere": (
        [*Exp, total(), node("Div", "e s", "q", "q"), node("Relu", "e", "r"), node("Add", "q r", "y")],
        "is read by Relu",
    ),
    "sum read elsewhere": (
        [*Exp, total(), node("Div", "e s", "q", "q"), node("Relu", "s", "r"), node("Add", "q r", "y")],
        "is read by Relu",
    ),
    "squared": (
        [*Exp, total(), node("Div", "e s", "q", "q"), node("Mul", "e e", "r", "square"), node("Add", "q r", "y")],
        "is read by Mul square",
    ),
    "the sum squared": (
        [*Exp, total(), node("Div", "e s", "q", "q"), node("Mul", "s s", "r", "square"), node("Add", "q r", "y")],
        "is read by Mul square",
    ),
    "something else divided": ([*Exp, total(), node("Div", "x s", "y", "q")], "is read by Div"),
    "no exponential": ([node("Relu", "x", "y", "exp")], "there is no Exp near it"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_no_such_formula_is_left_alone(name: str) -> None:
    nodes, why = REFUSED[name]
    with pytest.raises(EditError, match=why):
        reformulate(made(nodes), ["exp"], "softmax")


def test_an_unknown_pattern_is_refused() -> None:
    with pytest.raises(EditError, match="no pattern 'sinus'"):
        reformulate(softmax(), ["exp"], "sinus")


def test_nodes_of_one_name_are_told_apart() -> None:
    nodes = [*Exp, total(), node("Div", "e s", "q", "quotient"), node("Relu", "q", "r"), node("Neg", "r", "y")]
    before = made(nodes)
    for each in before.graph.node[1:]:
        each.name = "twin"
    after = reformulate(before, ["exp"], "softmax")
    assert [each.op_type for each in after.graph.node] == ["Softmax", "Relu", "Neg"]
    assert same(before, after, x=LARGE)
