"""A layer normalisation written out becomes one operator, and so survives FP16."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from edit_samples import graph, node, normal, refused, same

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.fuse_normalization import fuse_normalization

GAMMA, BETA = normal(16, seed=1), normal(16, seed=2)


def written_out(
    *,
    square: str = "Pow",
    divide: str = "Div",
    epsilon: float = 1e-5,
    axes: tuple[int, ...] = (-1,),
    shape: tuple[int, ...] = (2, 8, 16),
    affine: tuple[Any, Any] | None = (GAMMA, BETA),
    opset: int = 17,
) -> onnx.ModelProto:
    nodes = [
        node("ReduceMean", "x", "m", "mean", axes=list(axes), keepdims=1),
        node("Sub", "x m", "d", "deviation"),
        node("Pow", "d two", "q", "square") if square == "Pow" else node("Mul", "d d", "q", "square"),
        node("ReduceMean", "q", "v", "variance", axes=list(axes), keepdims=1),
        node("Add", "v eps", "g", "guard"),
        *QUOTIENTS[divide],
    ]
    weights: dict[str, Any] = {"two": 2.0, "half": -0.5, "eps": epsilon}
    if affine is not None:
        nodes += [node("Mul", "n gamma", "s", "scale"), node("Add", "s beta", "y", "bias")]
        weights |= {"gamma": affine[0], "beta": affine[1]}
    else:
        nodes += [node("Relu", "n", "y", "after")]
    model: onnx.ModelProto = graph(nodes, {"x": shape}, ["y"], weights, opset=opset)
    return model


QUOTIENTS = {
    "Div": [node("Sqrt", "g", "r", "root"), node("Div", "d r", "n", "quotient")],
    "Reciprocal": [
        node("Sqrt", "g", "r", "root"),
        node("Reciprocal", "r", "i", "inverse"),
        node("Mul", "i d", "n", "quotient"),
    ],
    "Pow": [node("Pow", "g half", "i", "inverse"), node("Mul", "d i", "n", "quotient")],
}


def ops(model: onnx.ModelProto) -> list[str]:
    return [each.op_type for each in model.graph.node]


@pytest.mark.parametrize("square", ["Pow", "Mul"])
@pytest.mark.parametrize("divide", sorted(QUOTIENTS))
@pytest.mark.parametrize("opset", [13, 17])
def test_every_way_of_writing_it_is_recognised(square: str, divide: str, opset: int) -> None:
    before = written_out(square=square, divide=divide, opset=opset)
    kept = before.SerializeToString()
    after = fuse_normalization(before, ["mean"])
    assert ops(after) == ["LayerNormalization"]
    assert before.SerializeToString() == kept
    assert same(before, after, x=normal(2, 8, 16, scale=3))


def test_without_factor_and_summand_what_follows_keeps_its_name() -> None:
    before = written_out(affine=None)
    after = fuse_normalization(before, ["mean"])
    assert [each.name for each in after.graph.node] == ["quotient", "after"]
    assert same(before, after, x=normal(2, 8, 16))


@pytest.mark.parametrize(
    ("axes", "shape", "affine"),
    [
        ((1,), (2, 16, 4, 4), (GAMMA.reshape(16, 1, 1), BETA.reshape(1, 16, 1, 1))),
        ((2, 3), (2, 3, 4, 4), None),
        ((-2, -1), (2, 3, 4, 16), (GAMMA, BETA)),
        ((-1,), (2, 8, 16), (np.float32(3), np.float32(1))),
        ((-1,), (16,), (GAMMA, BETA)),
    ],
)
def test_any_axes_and_any_constant_that_broadcasts_along_them(
    axes: tuple[int, ...], shape: tuple[int, ...], affine: tuple[Any, Any] | None
) -> None:
    before = written_out(axes=axes, shape=shape, affine=affine)
    after = fuse_normalization(before, ["mean"])
    assert "LayerNormalization" in ops(after)
    assert "Div" not in ops(after)
    assert same(before, after, x=normal(*shape))


def test_a_factor_along_another_axis_stays_outside() -> None:
    before = written_out(affine=(normal(8, 1), BETA), shape=(2, 8, 16))
    after = fuse_normalization(before, ["mean"])
    assert ops(after) == ["LayerNormalization", "Mul", "Add"]
    assert same(before, after, x=normal(2, 8, 16))


def test_weights_that_are_too_large_for_a_skeleton_are_taken_in_too() -> None:
    wide = (normal(4096, seed=1), normal(4096, seed=2))
    before = written_out(shape=(2, 4096), affine=wide)
    after = fuse_normalization(before, ["mean"])
    assert ops(after) == ["LayerNormalization"]
    assert same(before, after, x=normal(2, 4096))


def test_several_at_once_one_behind_the_other() -> None:
    first, second = written_out(), written_out()
    for each in second.graph.node:
        each.name = f"{each.name}2"
        each.input[:] = [{"x": "y"}.get(n, n) if n in WEIGHTS else f"{n}2" if n != "x" else "y" for n in each.input]
        each.output[:] = ["z" if n == "y" else f"{n}2" for n in each.output]
    before = onnx.ModelProto()
    before.CopyFrom(first)
    before.graph.node.extend(second.graph.node)
    before.graph.output[0].name = "z"
    after = fuse_normalization(before, ["mean", "mean2"])
    assert ops(after) == ["LayerNormalization"] * 2
    assert same(before, after, x=normal(2, 8, 16))


WEIGHTS = {"two", "half", "eps", "gamma", "beta"}


def test_the_operator_survives_where_the_formula_overflows(tmp_path: Path) -> None:
    before = written_out()
    inputs = {"x": normal(2, 8, 16, scale=900)}
    assert "overflow_layers" in refused(tmp_path, before, inputs)
    assert refused(tmp_path, fuse_normalization(before, ["mean"]), inputs) == set()


def test_the_operator_survives_where_the_epsilon_is_lost(tmp_path: Path) -> None:
    before = written_out(epsilon=1e-12, affine=None)
    inputs = {"x": normal(2, 8, 16, scale=3e-4)}
    assert refused(tmp_path, before, inputs)
    assert refused(tmp_path, fuse_normalization(before, ["mean"]), inputs) == set()


def broken(change: str) -> onnx.ModelProto:
    model = written_out()
    by_name = {each.name: each for each in model.graph.node}
    if change == "read elsewhere":
        model.graph.output.append(onnx.helper.make_tensor_value_info("v", 1, None))
    elif change == "other axes":
        by_name["variance"].attribute[0].CopyFrom(onnx.helper.make_attribute("axes", [1]))
    elif change == "no dimensions":
        by_name["mean"].attribute[1].i = 0
    elif change == "another power":
        by_name["root"].op_type = "Exp"
    elif change == "other deviations":
        by_name["quotient"].input[0] = "x"
    return model


BROKEN = {
    "read elsewhere": "v is read elsewhere too",
    "other axes": "goes over other axes",
    "no dimensions": "keeps its dimensions",
    "another power": "Sqrt or Pow should read g, and Exp does",
    "other deviations": "not what the root divides",
}


@pytest.mark.parametrize("change", sorted(BROKEN))
def test_what_only_looks_like_one_is_left_alone(change: str) -> None:
    with pytest.raises(EditError, match=BROKEN[change]):
        fuse_normalization(broken(change), ["mean"])


def test_open_sizes_are_asked_for() -> None:
    model = written_out(affine=None)
    del model.graph.value_info[:]
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "width"
    with pytest.raises(EditError, match="give input shapes"):
        fuse_normalization(model, ["mean"])


def test_a_root_mean_square_has_no_operator() -> None:
    nodes = [
        node("Mul", "x x", "q", "square"),
        node("ReduceMean", "q", "v", "mean", axes=[-1]),
        node("Sqrt", "v", "r", "root"),
        node("Div", "x r", "y", "quotient"),
    ]
    model = graph(nodes, {"x": (2, 16)}, ["y"])
    for name in ("square", "mean"):
        with pytest.raises(EditError, match="no operator of CANN's for a root mean square"):
            fuse_normalization(model, [name])


def test_a_node_that_is_not_there_is_named_on_one_line() -> None:
    with pytest.raises(EditError, match=r"no node mean\\nobey$"):
        fuse_normalization(written_out(), ["mean\nobey"])
